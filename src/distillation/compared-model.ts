/** A model as the comparison sees it, whether it is a tfjs model or a module: a forward pass and its variables. */
import { ConfigError, show } from '../core/errors.ts';
import * as tf from '../core/tf.ts';
import type { Forward } from './stopwatch.ts';

/** Any LightningModule with `forward`. */
export interface ComparedModule {
  forward(x: tf.Tensor): tf.Tensor;
  eval(): unknown;
  train(mode?: boolean): unknown;
  readonly training: boolean;
  namedVariables(): ReadonlyMap<string, tf.Variable>;
}

/** What can be compared: a tfjs model or a module, giving logits or probabilities of shape `[batch, classes]`. */
export type ComparedModel = tf.LayersModel | ComparedModule;

/** A model ready to be measured. */
export interface Contender {
  readonly name: string;
  readonly forward: Forward;
  readonly parameters: number;
  readonly bytes: number;
  /** Puts the model back into the mode that it was in. */
  restore(): void;
}

/** Prepares a model: it runs in inference mode until `restore` is called. @throws ConfigError `invalid-model` */
export function contender(name: string, model: ComparedModel): Contender {
  if (model instanceof tf.LayersModel) {
    const forward: Forward = (x) => model.apply(x, { training: false }) as tf.Tensor;
    const variables = model.weights.map((weight) => weight.read());
    return { name, forward, ...sizeOf(variables), restore: () => {} };
  }
  if (!isModule(model)) {
    throw new ConfigError(`compareModels: the model \`${name}\``, {
      code: 'invalid-model',
      expected: 'a tf.LayersModel or a LightningModule with `forward`',
      got: show(model),
    });
  }
  const { training } = model;
  model.eval();
  return {
    name,
    forward: (x) => model.forward(x),
    ...sizeOf([...model.namedVariables().values()]),
    restore: () => void model.train(training),
  };
}

function sizeOf(variables: readonly tf.Tensor[]): { parameters: number; bytes: number } {
  return {
    parameters: variables.reduce((sum, { size }) => sum + size, 0),
    bytes: variables.reduce((sum, { size, dtype }) => sum + size * (dtype === 'bool' ? 1 : 4), 0),
  };
}

function isModule(model: unknown): model is ComparedModule {
  const { forward, eval: evaluate, namedVariables } = (model ?? {}) as Partial<ComparedModule>;
  return [forward, evaluate, namedVariables].every((member) => typeof member === 'function');
}
