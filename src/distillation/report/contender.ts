/** A model as the comparison sees it, whether it is a tfjs model or a module: a forward pass and its variables. */
import { ConfigError, show } from '../../core/errors.ts';
import * as tf from '../../core/tf.ts';
import { endsInSoftmax } from '../teacher.ts';
import type { Forward } from './stopwatch.ts';

/** Any LightningModule with `forward`. */
export interface ComparedModule {
  forward(x: tf.Tensor): tf.Tensor;
  eval(): unknown;
  train(mode?: boolean): unknown;
  readonly training: boolean;
  namedVariables(): ReadonlyMap<string, tf.Variable>;
}

/** The least probability whose logarithm is taken: the least normal number of float32. */
const TINY = 2 ** -126;

/** What can be compared: a tfjs model or a module, giving logits or probabilities of shape `[batch, classes]`. */
export type ComparedModel = tf.LayersModel | ComparedModule;

/** A model ready to be measured. */
export interface Contender {
  readonly name: string;
  readonly forward: Forward;
  /** The same, as logits: a model that ends in a softmax is given back their like by taking the logarithm. */
  readonly logits: Forward;
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
    const logits: Forward = endsInSoftmax(model) ? (x) => tf.log(tf.maximum(forward(x), TINY)) : forward;
    return { name, forward, logits, ...sizeOf(variables), restore: () => {} };
  }
  if (!isModule(model)) {
    throw new ConfigError(`evaluateDistillation: the model \`${name}\``, {
      code: 'invalid-model',
      expected: 'a tf.LayersModel or a LightningModule with `forward`',
      got: show(model),
    });
  }
  const { training } = model;
  model.eval();
  const forward: Forward = (x) => model.forward(x);
  return {
    name,
    forward,
    logits: forward,
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
