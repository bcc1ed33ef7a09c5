/** Where `log()` may be called, and its defaults there: the table of reference/lightning.md §1.6, hook by hook. */
import {
  ConfigError,
  HOOK_NAMES,
  HOOKS,
  type HookName,
  hookMethod,
  type LogOptions,
  Trainer,
  type TrainerView,
} from 'kelvin';
import { expect, test } from 'vitest';
import { BoringModule, bare, boringLoader } from '../support/boring.ts';
import { freshDirectory } from '../support/files.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';

assertFileLeaksNothing();

const TRAINING = /^(train(Batch(Start|End))|beforeZeroGrad|beforeBackward|afterBackward|beforeOptimizerStep)$/;
const EVALUATION = /^(validation|test)Batch(Start|End)$/;
const EPOCH = /^(trainStart|trainBatchesEnd|validationStart|testStart|(train|validation|test)Epoch(Start|End))$/;

/** What the table says, written down a second time. */
function expectedIn(name: HookName): 'step' | 'batch' | 'epoch' | 'never' {
  if (TRAINING.test(name)) return 'step';
  if (EVALUATION.test(name)) return 'batch';
  return EPOCH.test(name) ? 'epoch' : 'never';
}

/** What comes of logging in a hook: the names that are there afterwards, or the code of the error. */
async function logged(name: HookName, options: LogOptions): Promise<string> {
  const module = new BoringModule();
  const seen = new Set<string>();
  let calls = 0;
  const hook = hookMethod(name);
  const onTrainEnd = (view: TrainerView) => view.saveCheckpoint(`${freshDirectory()}/x.ckpt`);
  const trainer = new Trainer({ ...bare, maxEpochs: 1, callbacks: name === 'saveCheckpoint' ? { onTrainEnd } : [] });
  Object.assign(module, {
    [hook]: () => {
      calls++;
      module.log('x', 1, options);
      for (const each of Object.keys(trainer.callbackMetrics)) if (each.startsWith('x')) seen.add(each);
    },
  });
  const stage = /^(test|predict)/.exec(name)?.[0] as 'test' | 'predict' | undefined;
  try {
    if (stage === 'test') await trainer.test(module, boringLoader(1));
    else if (stage === 'predict') await trainer.predict(module, boringLoader(1), { returnPredictions: false });
    else await trainer.fit(module, boringLoader(1), boringLoader(1));
    for (const each of Object.keys(trainer.callbackMetrics)) if (each.startsWith('x')) seen.add(each);
    return calls === 0 ? 'not called' : [...seen].sort().join(' ');
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.code;
  } finally {
    module.dispose();
  }
}

const OTHERS: readonly HookName[] = ['loadCheckpoint', 'interrupt', 'exception']; // need a run of their own
const hooks = HOOK_NAMES.filter((name) => HOOKS[name].receivers !== 'C' && !OTHERS.includes(name));

test.for(hooks)('in %s', (name) =>
  expectNoLeak(async () => {
    const kind = expectedIn(name);
    expect(HOOKS[name].log).toBe({ step: 'perStep', batch: 'perBatch', epoch: 'perEpoch', never: 'never' }[kind]);
    expect(await logged(name, {})).toBe(kind === 'never' ? 'not-loggable-here' : 'x');
    if (kind === 'never') return;
    expect(await logged(name, { onStep: false, onEpoch: false })).toBe('logged-nowhere');
    const both = await logged(name, { onStep: true, onEpoch: true });
    expect(both).toBe(kind === 'epoch' ? 'no-step-here' : 'x x_epoch x_step');
  }),
);

test('nothing can be logged where only some runs come', () => {
  for (const name of OTHERS) expect(HOOKS[name].log).toBe('never');
});
