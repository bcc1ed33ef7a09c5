/** Recorded steps as graphs: the same numbers as the eager step, on a batch that was not recorded. */
import fc from 'fast-check';
import { globalRandom, losses, mlp, startEngine, tf } from 'kelvin';
import * as optim from 'kelvin/optim';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Graph } from '../../../src/engine/compile/graph.ts';
import { numberKey } from '../../../src/engine/compile/numbers.ts';
import type { Place } from '../../../src/engine/compile/program.ts';
import { simplify } from '../../../src/engine/compile/simplify.ts';
import type { FedNumber } from '../../../src/engine/compile/tape.ts';
import { placesOf } from '../../../src/trainer/compile/places.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../../support/no-leak.ts';
import { type Batch, classify, interpret, type LossOf, record, recordedGraph, step, type Trained } from './support.ts';

assertFileLeaksNothing();
beforeAll(async () => void (await startEngine({ engine: 'wasm' })));

const SIZE = 6;
const batchOf = (seed: number, shape: readonly number[]): Batch => ({
  x: tf.randomNormal([SIZE, ...shape], 0, 1, 'float32', seed),
  y: tf.tidy(() => tf.cast(tf.floor(tf.randomUniform([SIZE], 0, 3, 'float32', seed)), 'int32')),
});

const parametersOf = (net: tf.LayersModel): tf.Variable[] =>
  net.trainableWeights.map((weight) => (weight as unknown as { val: tf.Variable }).val);

/** Records two steps, runs the graph of them on a third batch beside the eager step, and compares everything. */
async function compare(make: () => Trained, shape: readonly number[], lossOf: LossOf = classify): Promise<Graph> {
  return expectNoLeak(() => {
    const trained = make();
    const { net, optimizer } = trained;
    const batches = [1, 2, 3, 4].map((seed) => batchOf(seed, shape)) as [Batch, Batch, Batch, Batch];
    const [warm, first, second, fresh] = batches;
    for (let i = 0; i < 2; i++) step(trained, warm, lossOf).dispose();
    const numbers = new Map<string, FedNumber>();
    const raw = recordedGraph(trained, [first, second], lossOf);
    const seen = record(trained, second, lossOf);
    for (const number of seen.tape.numbers.values()) numbers.set(numberKey(number), number);
    const graph = simplify(raw);
    const places = placesOf([optimizer]);
    const results = tf.tidy(() => {
      const { outputs, updates } = interpret(graph, (op, attrs) => {
        if (op === 'Input') return (fresh as unknown as Record<string, tf.Tensor>)[attrs.name as string] as tf.Tensor;
        if (op === 'State') return (places.get(attrs.name as string) as Place).read();
        const { source, name } = numbers.get(attrs.number as string) as FedNumber;
        return tf.scalar(source.values()[name] as number);
      });
      return [...outputs, ...updates].map(([name, tensor]) => [name, [...tensor.dataSync()]] as const);
    });
    const loss = step(trained, fresh, lossOf);
    for (const [name, values] of results) {
      const expected = name === 'output 0' ? loss : (places.get(name) as Place).read();
      const actual = [...expected.dataSync()];
      for (const [i, value] of values.entries()) expect(value, `${name}[${i}]`).toBeCloseTo(actual[i] as number, 4);
    }
    expect(results.length).toBeGreaterThan(parametersOf(net).length);
    tf.dispose([loss, ...batches.flatMap(({ x, y }) => [x, y])]);
    optimizer.dispose();
    net.dispose();
    return graph;
  });
}

const opsOf = ({ nodes }: Graph): string[] =>
  nodes.map(({ op }) => op).filter((op) => !['Input', 'State', 'Number', 'Constant'].includes(op));

const small = (): tf.LayersModel => mlp({ inputs: 4, hidden: [5], classes: 3 });
const withOptimizer = (net: tf.LayersModel, make: (params: tf.Variable[]) => optim.Optimizer): Trained => ({
  net,
  optimizer: make(parametersOf(net)),
});

describe('the graph of a step', () => {
  test('a perceptron comes down to what it is', async () => {
    const graph = await compare(() => withOptimizer(small(), (params) => new optim.Adam(params)), [4]);
    expect(opsOf(graph)).toMatchInlineSnapshot(`
      [
        "MatMul",
        "BiasAdd",
        "Relu",
        "MatMul",
        "BiasAdd",
        "OneHot",
        "Cast",
        "CrossEntropy",
        "Sum",
        "Multiply",
        "Multiply",
        "MatMul",
        "MatMul",
        "BiasAddGrad",
        "ReluGrad",
        "BiasAddGrad",
        "MatMul",
        "KelvinAdam",
        "KelvinAdam",
        "KelvinAdam",
        "KelvinAdam",
      ]
    `);
  });

  const OPTIMIZERS: Record<string, (params: tf.Variable[]) => optim.Optimizer> = {
    SGD: (params) => new optim.SGD(params, { lr: 0.1 }),
    'SGD with Nesterov': (params) =>
      new optim.SGD(params, { lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.1 }),
    'SGD with dampening': (params) => new optim.SGD(params, { lr: 0.1, momentum: 0.9, dampening: 0.5 }),
    'Adam with decay': (params) => new optim.Adam(params, { weightDecay: 0.1 }),
    AMSGrad: (params) => new optim.Adam(params, { amsgrad: true }),
    AdamW: (params) => new optim.AdamW(params, { weightDecay: 0.1 }),
    RMSprop: (params) => new optim.RMSprop(params, { centered: true, momentum: 0.5 }),
    Adagrad: (params) => new optim.Adagrad(params, { lrDecay: 0.1 }),
    Adadelta: (params) => new optim.Adadelta(params),
    Adamax: (params) => new optim.Adamax(params),
    NAdam: (params) => new optim.NAdam(params),
    RAdam: (params) => new optim.RAdam(params),
    Lion: (params) => new optim.Lion(params, { weightDecay: 0.1 }),
    'Adam with a largest norm': (params) => new optim.Adam(params, { maxNorm: 0.5 } as never),
    groups: (params) =>
      new optim.SGD([
        { params: params.slice(0, 2), lr: 0.1 },
        { params: params.slice(2), momentum: 0.9, lr: 0.2 },
      ]),
  };
  test.each(Object.entries(OPTIMIZERS))('%s', async (_, make) => {
    await compare(() => withOptimizer(small(), make), [4]);
  });

  const images = (layers: tf.layers.Layer[]): tf.LayersModel =>
    tf.sequential({ layers: [tf.layers.inputLayer({ inputShape: [6, 6, 2] }), ...layers] });
  const NETWORKS: Record<string, () => tf.LayersModel> = {
    'convolution, batch norm, pooling': () =>
      images([
        tf.layers.conv2d({ filters: 3, kernelSize: 3, padding: 'same', useBias: false }),
        tf.layers.batchNormalization(),
        tf.layers.reLU(),
        tf.layers.maxPooling2d({ poolSize: 2 }),
        tf.layers.globalAveragePooling2d({ dataFormat: 'channelsLast' }),
        tf.layers.dense({ units: 3 }),
      ]),
    'depthwise, strides, average pooling': () =>
      images([
        tf.layers.depthwiseConv2d({ kernelSize: 3, strides: 2, padding: 'same', activation: 'tanh' }),
        tf.layers.avgPooling2d({ poolSize: 2 }),
        tf.layers.flatten(),
        tf.layers.batchNormalization(),
        tf.layers.dense({ units: 3, activation: 'elu' }),
      ]),
  };
  test.each(Object.entries(NETWORKS))('%s', async (_, net) => {
    await compare(() => withOptimizer(net(), (params) => new optim.SGD(params, { lr: 0.1, momentum: 0.9 })), [6, 6, 2]);
  });

  test('distillation, with the teacher in the same graph', async () => {
    const teacher = small();
    const lossOf: LossOf = (net, { x, y }) => {
      const logits = net.apply(x, { training: true }) as tf.Tensor2D;
      const soft = losses.klDivergence(logits, teacher.apply(x) as tf.Tensor2D, { temperature: 4 });
      return tf.add(tf.mul(losses.crossEntropy(logits, y), 0.3), tf.mul(soft, 0.7)) as tf.Scalar;
    };
    await compare(() => withOptimizer(small(), (params) => new optim.Adam(params)), [4], lossOf);
    teacher.dispose();
  });

  test('any stack of dense layers', async () => {
    const layer = fc.oneof(
      fc.record({
        units: fc.integer({ min: 1, max: 4 }),
        activation: fc.constantFrom('relu', 'tanh', 'sigmoid', 'elu', 'selu', 'softplus', 'linear'),
      }),
      fc.constant('norm' as const),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(layer, { maxLength: 3 }), fc.boolean(), async (layers, smooth) => {
        const net = (): tf.LayersModel =>
          tf.sequential({
            layers: [
              tf.layers.inputLayer({ inputShape: [4] }),
              ...layers.map((one) => (one === 'norm' ? tf.layers.batchNormalization() : tf.layers.dense(one as never))),
              tf.layers.dense({ units: 3 }),
            ],
          });
        const lossOf: LossOf = (model, { x, y }) =>
          losses.crossEntropy(model.apply(x, { training: true }) as tf.Tensor2D, y, {
            labelSmoothing: smooth ? 0.1 : 0,
          });
        await compare(() => withOptimizer(net(), (params) => new optim.SGD(params, { lr: 0.05 })), [4], lossOf);
      }),
      { numRuns: 12 },
    );
  });
});

describe('what keeps a step from being compiled', () => {
  const refusal = (net: tf.LayersModel, lossOf: LossOf, between: () => void = () => {}): string => {
    const trained = withOptimizer(net, (params) => new optim.SGD(params, { lr: 0.1 }));
    const batches: [Batch, Batch] = [batchOf(1, [4]), batchOf(2, [4])];
    between();
    try {
      const graph = simplify(recordedGraph(trained, batches, lossOf));
      return graph.nodes
        .filter(({ op }) => op === 'Varying' || op === 'Stranger')
        .map(({ op }) => op)
        .join();
    } catch (error) {
      return (error as Error).message;
    } finally {
      tf.dispose(batches);
      net.dispose();
    }
  };

  test('values read within the step', () => {
    expect(
      refusal(small(), (net, batch) => {
        const loss = classify(net, batch);
        return loss.dataSync()[0] === 0 ? loss : classify(net, batch);
      }),
    ).toBe('the values of a tensor are read within the step');
  });

  test('random numbers of the host', () => {
    const noisy: LossOf = (net, batch) => tf.mul(classify(net, batch), 1 + (globalRandom().bits() & 1));
    expect(refusal(small(), noisy)).toBe('it draws random numbers on the host');
  });

  test('tensors that the host makes anew', () => {
    let count = 0;
    expect(refusal(small(), (net, batch) => tf.mul(classify(net, batch), tf.tensor1d([++count, 2])).sum())).toBe(
      'Varying',
    );
  });

  test('tensors that an earlier step has left', () => {
    let kept = tf.scalar(1);
    const lossOf: LossOf = (net, batch) => {
      const loss = tf.add(classify(net, batch), kept) as tf.Scalar;
      kept.dispose();
      kept = tf.keep(tf.clone(loss)) as tf.Scalar;
      return loss;
    };
    expect(refusal(small(), lossOf)).toMatch(/^(it keeps a result of \w+ for later|Stranger)$/);
    kept.dispose();
  });

  test('another course from step to step', () => {
    let count = 0;
    const lossOf: LossOf = (net, batch) => (count++ % 2 === 0 ? classify(net, batch) : tf.tanh(classify(net, batch)));
    expect(refusal(small(), lossOf)).toMatch(/^it takes another course from step to step, from \w+ on$/);
  });
});
