/** A module's weights and a checkpoint's: whether they fit, and setting the one from the other. */
import type { Checkpoint, SavedTensor } from '../core/contracts.ts';
import { CheckpointError } from '../core/errors.ts';
import { fromHost, toHost } from '../core/tensors.ts';
import * as tf from '../core/tf.ts';
import type { LightningModule } from './lightning-module.ts';

const PREFIX = 'model/';

/** The weights of a module, as a checkpoint holds them. */
export function collectWeights(module: LightningModule<never>): Map<string, SavedTensor> {
  const variables = [...module.namedVariables()];
  return new Map(variables.map(([name, variable]) => [PREFIX + name, toHost(variable)]));
}

/**
 * Sets the module's variables from a checkpoint. Nothing is changed when it does not fit.
 *
 * @param strict every variable must be there, and nothing else; otherwise those that both have are set, and a warning
 * (`checkpoint-fits-in-part`) names the others
 * @throws CheckpointError `checkpoint-does-not-fit`; for a wrong shape also when not strict
 */
export function restoreWeights(
  module: LightningModule<never>,
  { tensors }: Checkpoint,
  { strict }: { strict: boolean },
): void {
  const variables = module.namedVariables();
  const saved = new Map(
    [...tensors].filter(([name]) => name.startsWith(PREFIX)).map(([name, value]) => [name.slice(PREFIX.length), value]),
  );
  checkNames(module, [...variables.keys()], [...saved.keys()], strict);
  const pairs = [...variables].flatMap(([name, variable]) => {
    const value = saved.get(name);
    return value === undefined ? [] : [{ name, variable, value }];
  });
  for (const { name, variable, value } of pairs) {
    const [expected, got] = [describe(variable), describe(value)];
    if (expected !== got) throw misfit(module, `'${name}' to be ${expected}`, got);
  }
  for (const { variable, value } of pairs) tf.tidy(() => variable.assign(fromHost(value)));
}

const describe = ({ shape, dtype }: { shape: readonly number[]; dtype: string }): string => `${dtype} [${shape}]`;

function checkNames(
  module: LightningModule<never>,
  expected: readonly string[],
  got: readonly string[],
  strict: boolean,
): void {
  const missing = expected.filter((name) => !got.includes(name));
  const surplus = got.filter((name) => !expected.includes(name));
  if (!strict) {
    const untouched = missing.length > 0 && `it lacks ${list(missing)}`;
    const unused = surplus.length > 0 && `it has ${list(surplus)} besides`;
    const parts = [untouched, unused].filter((part) => part !== false);
    if (parts.length === 0) return;
    const text = `The checkpoint fits ${module.constructor.name} in part: ${parts.join(', and ')}`;
    process.emitWarning(text, { type: 'KelvinWarning', code: 'checkpoint-fits-in-part' });
    return;
  }
  if (missing.length > 0) throw misfit(module, `the weights ${list(missing)}`, 'a checkpoint without them');
  if (surplus.length > 0) throw misfit(module, 'no other weights', list(surplus));
}

const list = (names: readonly string[]): string =>
  names
    .slice(0, 4)
    .map((name) => `'${name}'`)
    .join(', ') + (names.length > 4 ? ` and ${names.length - 4} more` : '');

function misfit(module: LightningModule<never>, expected: string, got: string): CheckpointError {
  return new CheckpointError(`The checkpoint does not fit ${module.constructor.name}`, {
    code: 'checkpoint-does-not-fit',
    expected,
    got,
    help: 'build the module as it was when the checkpoint was written, or load with `strict: false`',
  });
}
