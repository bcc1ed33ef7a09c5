/** A model as the comparison sees it, whether it is a tfjs model or a module: a forward pass and its variables. */
import { ConfigError, show } from '../../core/errors.ts';
import * as tf from '../../core/tf.ts';
import { macsByLayer } from '../../module/macs.ts';
import { LogitCache } from '../cache/index.ts';
import { endsInSoftmax } from '../teachers/probabilities.ts';
import { sizeOf } from '../teachers/size.ts';
import { isTeacherSource, type TeacherSource } from '../teachers/source.ts';
import type { Forward } from './stopwatch.ts';

/** Any LightningModule with `forward`. */
export interface ComparedModule {
  forward(x: tf.Tensor): tf.Tensor;
  eval(): unknown;
  train(mode?: boolean): unknown;
  readonly training: boolean;
  namedVariables(): ReadonlyMap<string, tf.Variable>;
  submodules?(): readonly { readonly depth: number; readonly macs?: number | undefined }[];
}

/** The least probability whose logarithm is taken: the least normal number of float32. */
const TINY = 2 ** -126;

/**
 * What can be compared: a tfjs model or a module, giving logits or probabilities of shape `[batch, classes]`, or a source of
 * a teacher's answers, such as an ONNX file.
 */
export type ComparedModel = tf.LayersModel | ComparedModule | TeacherSource;

/** A model ready to be measured. */
export interface Contender {
  readonly name: string;
  readonly forward: Forward;
  /** The same, as logits: a model that ends in a softmax is given back their like by taking the logarithm. */
  readonly logits: Forward;
  /** Awaited before `forward` or `logits` of a batch. */
  readonly prepare?: (batch: unknown) => void | Promise<void>;
  /** Undefined where they cannot be told, as of a file of another runtime. */
  readonly parameters: number | undefined;
  readonly bytes: number | undefined;
  /** Multiply-accumulates for one sample, where they can be told. */
  readonly macs: number | undefined;
  /** Puts the model back into the mode that it was in. */
  restore(): void;
}

/** Prepares a model: it runs in inference mode until `restore` is called. @throws ConfigError `invalid-model` */
export function contender(name: string, model: ComparedModel): Contender {
  if (model instanceof tf.LayersModel) {
    const forward: Forward = (x) => model.apply(x, { training: false }) as tf.Tensor;
    const variables = model.weights.map((weight) => weight.read());
    const logits: Forward = endsInSoftmax(model) ? (x) => tf.log(tf.maximum(forward(x), TINY)) : forward;
    const macs = macsByLayer(model).get(model);
    return { name, forward, logits, ...sizeOf(variables), macs, restore: () => {} };
  }
  if (isTeacherSource(model)) return sourceContender(name, model);
  if (!isModule(model)) throw noModel(name, show(model));
  const { training } = model;
  model.eval();
  const forward: Forward = (x) => model.forward(x);
  return {
    name,
    forward,
    logits: forward,
    ...sizeOf([...model.namedVariables().values()]),
    macs: macsOf(model),
    restore: () => void model.train(training),
  };
}

function sourceContender(name: string, source: TeacherSource): Contender {
  if (source instanceof LogitCache) throw noModel(name, 'a cache of logits: give the network that it was made with');
  let asked: unknown;
  const forward: Forward = (x) => source.outputs(x, [''], { batch: asked, temperature: 1 }).get('') as tf.Tensor;
  const prepare = (batch: unknown): void | Promise<void> => {
    asked = batch;
    return source.prepare?.(batch, 0);
  };
  const { parameters, bytes } = source.size?.() ?? {};
  return { name, forward, logits: forward, prepare, parameters, bytes, macs: undefined, restore: () => {} };
}

const noModel = (name: string, got: string): ConfigError =>
  new ConfigError(`evaluateDistillation: the model \`${name}\``, {
    code: 'invalid-model',
    expected: 'a tf.LayersModel or a LightningModule with `forward`',
    got,
  });

/** Those of all networks in a module; undefined when one of them cannot tell. */
function macsOf(module: ComparedModule): number | undefined {
  const own = module.submodules?.().filter(({ depth }) => depth === 0) ?? [];
  if (own.length === 0 || own.some(({ macs }) => macs === undefined)) return undefined;
  return own.reduce((sum, { macs }) => sum + (macs as number), 0);
}

function isModule(model: unknown): model is ComparedModule {
  const { forward, eval: evaluate, namedVariables } = (model ?? {}) as Partial<ComparedModule>;
  return [forward, evaluate, namedVariables].every((member) => typeof member === 'function');
}
