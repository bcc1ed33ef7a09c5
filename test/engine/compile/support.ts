/** Records training steps by hand, and runs graphs with plain tfjs: the oracle of the passes. */
import { losses, tf } from 'kelvin';
import type { Optimizer } from 'kelvin/optim';
import type { RecordedStep } from '../../../src/engine/compile/compare.ts';
import { graphOf } from '../../../src/engine/compile/from-tape.ts';
import type { Graph, Value } from '../../../src/engine/compile/graph.ts';
import { AccumulationWindow } from '../../../src/trainer/accumulation.ts';
import { placesOf } from '../../../src/trainer/compile/places.ts';
import { StepRecording } from '../../../src/trainer/compile/step-recording.ts';

/** A network and the optimizer of its weights. */
export interface Trained {
  readonly net: tf.LayersModel;
  readonly optimizer: Optimizer;
}

/** Inputs and class numbers. */
export type Batch = { readonly x: tf.Tensor; readonly y: tf.Tensor };
export type LossOf = (net: tf.LayersModel, batch: Batch) => tf.Scalar;

export const classify: LossOf = (net, { x, y }) =>
  losses.crossEntropy(net.apply(x, { training: true }) as tf.Tensor2D, y);

/** One eager step. Returns the loss. */
export function step({ net, optimizer }: Trained, batch: Batch, lossOf: LossOf): tf.Scalar {
  const params = optimizer.paramGroups.flatMap((group) => group.params);
  const { value, grads } = tf.tidy(() => tf.variableGrads(() => lossOf(net, batch), params));
  tf.tidy(() => optimizer.step(grads));
  tf.dispose(grads);
  return value;
}

/** One eager step under observation. */
export function record(trained: Trained, batch: Batch, lossOf: LossOf): RecordedStep {
  const window = new AccumulationWindow();
  const tensors = new Map(Object.entries(batch));
  const recording = new StepRecording(tensors, placesOf([trained.optimizer]), window);
  try {
    const loss = recording.within(() => step(trained, batch, lossOf));
    const finished = recording.finish({ loss }, window);
    loss.dispose();
    return finished;
  } finally {
    recording.detach();
  }
}

/** Two recorded steps, made a graph. Throws what is in the way. */
export function recordedGraph(trained: Trained, batches: readonly [Batch, Batch], lossOf: LossOf): Graph {
  const [first, second] = batches.map((batch) => record(trained, batch, lossOf)) as [RecordedStep, RecordedStep];
  const result = graphOf(first, second, ({ dataId }) => tf.backend().readSync(dataId as tf.DataId) as Float32Array);
  if ('graph' in result) return result.graph;
  throw new Error('obstacle' in result ? result.obstacle.what : result.differs.what);
}

type Sources = (op: string, attrs: Value['node']['attrs']) => tf.Tensor;
type Named = Record<string, tf.Tensor>;

/** Runs a graph operation by operation. */
export function interpret(
  graph: Graph,
  source: Sources,
): { outputs: Map<string, tf.Tensor>; updates: Map<string, tf.Tensor> } {
  const known = new Map<Value, tf.Tensor>();
  for (const node of graph.nodes) {
    const inputs = Object.fromEntries(Object.entries(node.inputs).map(([name, value]) => [name, known.get(value)]));
    const made = run(node, inputs as Named, source);
    for (const [i, value] of node.outputs.entries()) known.set(value, made[i] as tf.Tensor);
  }
  const all = (values: ReadonlyMap<string, Value>) =>
    new Map([...values].map(([name, value]) => [name, known.get(value) as tf.Tensor]));
  return { outputs: all(graph.outputs), updates: all(graph.updates) };
}

function run({ op, attrs, outputs }: Value['node'], inputs: Named, source: Sources): readonly tf.Tensor[] {
  const own = OPERATIONS[op];
  if (own !== undefined) return own(inputs, attrs);
  const [out] = outputs as readonly [Value];
  if (op === 'Constant') {
    const { values, value } = attrs as { values?: tf.TypedArray; value: number };
    const spread = tf.fill([...out.shape], values?.length === 1 ? (values[0] as number) : value, 'float32');
    return [
      values === undefined || values.length === 1
        ? spread.cast(out.dtype)
        : tf.tensor(values, [...out.shape], out.dtype),
    ];
  }
  if (Object.keys(inputs).length === 0) return [source(op, attrs)];
  const result = tf.engine().runKernel(op, inputs, attrs as tf.NamedAttrMap);
  return Array.isArray(result) ? result : [result as tf.Tensor];
}

const rows = (x: tf.Tensor): number[] => Array.from({ length: x.rank - 1 }, (_, i) => i);

// biome-ignore lint/suspicious/noExplicitAny: attributes are what each operation says they are
type Operation = (inputs: Named, attrs: Record<string, any>) => readonly tf.Tensor[];

/** What each operation of Kelvin's own means. */
const OPERATIONS: Record<string, Operation> = {
  MatMul: ({ a, b }, { transposeA, transposeB }) => [tf.matMul(a as tf.Tensor, b as tf.Tensor, transposeA, transposeB)],
  BiasAdd: ({ x, b }) => [tf.add(x as tf.Tensor, b as tf.Tensor)],
  BiasAddGrad: ({ x }) => [tf.sum(x as tf.Tensor, 0)],
  ReluGrad: ({ dy, y }) => [tf.mul(dy as tf.Tensor, tf.step(y as tf.Tensor))],
  BroadcastTo: ({ x }, { shape }) => [tf.broadcastTo(x as tf.Tensor, shape)],
  LogSoftmax: ({ x }) => [tf.logSoftmax(x as tf.Tensor)],
  Softmax: ({ x, logits }) => [tf.softmax((x ?? logits) as tf.Tensor)],
  CrossEntropy: ({ logits, target }) => [
    tf.neg(tf.sum(tf.mul(tf.logSoftmax(logits as tf.Tensor), target as tf.Tensor), 1)),
    tf.sub(tf.softmax(logits as tf.Tensor), target as tf.Tensor),
  ],
  BatchNormTrain: ({ x, scale, offset }, { epsilon }) => {
    const { mean, variance } = tf.moments(x as tf.Tensor, rows(x as tf.Tensor));
    const normed = tf.div(tf.sub(x as tf.Tensor, mean), tf.sqrt(tf.add(variance, epsilon)));
    return [tf.add(tf.mul(normed, scale as tf.Tensor), offset as tf.Tensor), mean, variance];
  },
  BatchNormTrainGrad: ({ dy, x, scale }, { epsilon }) => {
    const grad = tf.grads((input, gain, shift) => {
      const { mean, variance } = tf.moments(input, rows(input));
      return tf.add(tf.mul(tf.div(tf.sub(input, mean), tf.sqrt(tf.add(variance, epsilon))), gain), shift);
    });
    return grad([x as tf.Tensor, scale as tf.Tensor, tf.zerosLike(scale as tf.Tensor)], dy as tf.Tensor);
  },
  KelvinAdam: (given, { keeps, decays }) => {
    const { param, gradient, expAvg, expAvgSq, beta1, taken1, beta2, taken2, rate, eps, keep, weightDecay } =
      given as Record<string, tf.Scalar> & { [name: string]: tf.Scalar };
    const at = (tensor: tf.Tensor | undefined) => tensor as tf.Tensor;
    const g = decays ? tf.add(at(gradient), tf.mul(at(param), at(weightDecay))) : at(gradient);
    const m = tf.add(tf.mul(at(expAvg), at(beta1)), tf.mul(g, at(taken1)));
    const v = tf.add(tf.mul(at(expAvgSq), at(beta2)), tf.mul(tf.square(g), at(taken2)));
    const kept = keeps ? tf.mul(at(param), at(keep)) : at(param);
    return [tf.sub(kept, tf.mul(tf.div(m, tf.add(tf.sqrt(v), at(eps))), at(rate))), m, v];
  },
  KelvinSGD: (given, { momentum: has, nesterov, decays }) => {
    const at = (name: string) => given[name] as tf.Tensor;
    const g = decays ? tf.add(at('gradient'), tf.mul(at('param'), at('weightDecay'))) : at('gradient');
    if (!has) return [tf.sub(at('param'), tf.mul(g, at('rate')))];
    const buffer = tf.add(tf.mul(at('momentumBuffer'), at('momentum')), tf.mul(g, at('damp')));
    const direction = nesterov ? tf.add(g, tf.mul(buffer, at('momentum'))) : buffer;
    return [tf.sub(at('param'), tf.mul(direction, at('rate'))), buffer];
  },
};
