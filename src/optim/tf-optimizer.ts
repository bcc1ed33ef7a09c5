/**
 * Stock `tf.train` optimizers behind Kelvin's interface. tfjs keeps their state by position, so gradients are always
 * applied in the order of the parameters; and only some have a setter for the rate, so it is written either way.
 */

import { z } from 'zod';
import { CheckpointError, ConfigError, show } from '../core/errors.ts';
import * as tf from '../core/tf.ts';
import { type GradientsByName, type NameOf, Optimizer, type OptimizerState } from './optimizer.ts';
import { checkDistinct, makeGroups, type ParamGroup } from './param-groups.ts';
import { checkMembers, checkType, groupStates } from './state.ts';
import {
  disposeRest,
  readSlots,
  readTotals,
  type StockOptimizer,
  slotNames,
  totalNames,
  writeSlots,
  writeTotals,
} from './tf-state.ts';

/**
 * Makes Kelvin's optimizer of a stock tfjs one. Its learning rate is the group's `lr`, so schedulers work on it.
 * The adapter owns what it is given: `dispose()` disposes of both.
 *
 * @throws ConfigError for what is not an optimizer, or parameters that are empty, repeated or not variables
 * @example
 * ```ts
 * const optimizer = fromTfOptimizer(tf.train.adam(1e-3), module.parameters());
 * ```
 */
export function fromTfOptimizer(optimizer: tf.Optimizer, params: Iterable<tf.Variable>): Optimizer {
  if (typeof (optimizer as tf.Optimizer | undefined)?.applyGradients !== 'function')
    throw new ConfigError('fromTfOptimizer: `optimizer`', {
      code: 'invalid-option',
      expected: 'a tf.train optimizer',
      got: show(optimizer),
    });
  return new TfOptimizer(optimizer, params);
}

class TfOptimizer extends Optimizer {
  readonly #optimizer: StockOptimizer;

  constructor(optimizer: tf.Optimizer, params: unknown) {
    const stock = optimizer as unknown as StockOptimizer;
    const type = `tf.${optimizer.getClassName()}`;
    const groups = makeGroups(type, z.strictObject({}), params, {});
    checkDistinct(type, groups);
    if (groups.length > 1) throw severalGroups(type);
    super(type, groups.map((group) => ({ ...group, lr: stock.learningRate ?? Number.NaN })) as ParamGroup[]);
    this.#optimizer = stock;
  }

  step(gradients: GradientsByName): void {
    this.#setRate(this.lr);
    const params = this.#params;
    // tfjs skips a parameter whose tensor is null, and keeps its place.
    const tensors = params.map(({ name }) => ({ name, tensor: gradients[name] ?? null }));
    this.#optimizer.applyGradients(tensors as Parameters<tf.Optimizer['applyGradients']>[0]);
    this.stepCount += 1;
  }

  stateDict(nameOf: NameOf = (variable) => variable.name): OptimizerState {
    const totals = readTotals(this.#optimizer);
    const names = this.#params.map(nameOf);
    return {
      type: this.type,
      stepCount: this.stepCount,
      paramGroups: groupStates(this.paramGroups, nameOf),
      scalars: Object.fromEntries(names.map((name) => [name, { ...totals }])),
      tensors: Object.fromEntries(names.map((name, index) => [name, readSlots(this.#optimizer, index)])),
    };
  }

  loadStateDict(state: OptimizerState, nameOf: NameOf = (variable) => variable.name): void {
    checkType(state, this.type);
    checkMembers(state, this.type, this.paramGroups, nameOf);
    const names = this.#params.map(nameOf);
    this.#params.forEach((param, index) => {
      this.#check(param, names[index] as string, state);
    });
    names.forEach((name, index) => {
      writeSlots(this.#optimizer, index, name, state.tensors[name] ?? {});
    });
    writeTotals(this.#optimizer, state.scalars[names[0] as string] ?? {});
    this.stepCount = state.stepCount;
    const { lr, initialLr } = state.paramGroups[0]?.options ?? {};
    if (typeof lr === 'number') this.lr = lr;
    if (typeof initialLr === 'number') (this.paramGroups[0] as ParamGroup).initialLr = initialLr;
  }

  dispose(): void {
    this.#optimizer.dispose();
    disposeRest(this.#optimizer);
  }

  get #params(): readonly tf.Variable[] {
    return (this.paramGroups[0] as ParamGroup).params;
  }

  #setRate(rate: number): void {
    const stock = this.#optimizer;
    if (stock.learningRate === rate || Number.isNaN(rate)) return;
    if (stock.setLearningRate) stock.setLearningRate(rate);
    else stock.learningRate = rate;
  }

  #check(param: tf.Variable, name: string, state: OptimizerState): void {
    const known = slotNames(this.#optimizer);
    for (const [slot, tensor] of Object.entries(state.tensors[name] ?? {})) {
      if (!known.includes(slot)) throw misfit(this.type, name, `it has no \`${slot}\``);
      if (!tf.util.arraysEqual(tensor.shape, param.shape))
        throw misfit(this.type, name, `\`${slot}\` has shape [${tensor.shape}], the variable [${param.shape}]`);
    }
    for (const total of totalNames(this.#optimizer))
      if (!Number.isFinite(state.scalars[name]?.[total])) throw misfit(this.type, name, `\`${total}\` is missing`);
  }
}

function severalGroups(type: string): ConfigError {
  return new ConfigError(`${type}: a tfjs optimizer has one parameter group`, {
    code: 'invalid-parameters',
    help: "pass variables, or use Kelvin's own optimizers for groups",
  });
}

function misfit(type: string, name: string, what: string): CheckpointError {
  return new CheckpointError(`${type}: the saved state of '${name}' does not fit: ${what}`, {
    code: 'optimizer-state',
    help: 'the checkpoint belongs to another model, or is damaged',
  });
}
