/** Small steps against a hand-written oracle and the engine's own operations, on native TensorFlow. */
import fc from 'fast-check';
import { startEngine, tf } from 'kelvin';
import { beforeAll, describe, expect, test } from 'vitest';
import { fillMask, philoxStream } from '../../../src/core/philox.ts';
import { share } from '../../../src/core/tensors.ts';
import { type Attrs, type Graph, GraphBuilder, type Spec, type Value } from '../../../src/engine/compile/graph.ts';
import { emitterHere, NonFiniteStep, type Place } from '../../../src/engine/compile/index.ts';
import { type StepsAddon, stepsAddon } from '../../../src/engine/compile/small/addon.ts';
import { emitSmall } from '../../../src/engine/compile/small/emit.ts';
import { assertFileLeaksNothing } from '../../support/no-leak.ts';
import { NATIVE, WHERE } from '../../trainer/compile/support.ts';

const float = (...shape: number[]): Spec => ({ shape, dtype: 'float32' });
const normal = (shape: readonly number[], seed: number): tf.Tensor =>
  tf.randomNormal([...shape], 0, 1, 'float32', seed);

/** Builds a graph of one output out of inputs by name. */
function graphOf(
  specs: Readonly<Record<string, Spec>>,
  body: (x: Record<string, Value>, b: GraphBuilder) => Value,
): Graph {
  const build = new GraphBuilder();
  const inputs = Object.entries(specs).map(([name, spec]) => [name, build.one('Input', {}, { name }, spec)] as const);
  const output = body(Object.fromEntries(inputs), build);
  return { nodes: build.nodes, outputs: new Map([['output 0', output]]), updates: new Map() };
}

/** Runs such a graph as a small step. */
function run(graph: Graph, inputs: Readonly<Record<string, tf.Tensor>>, seeds = [0, 0]): Float32Array | Int32Array {
  const addon = stepsAddon() as StepsAddon;
  const layout = emitSmall({ graph, places: new Map(), draws: 1, finite: [] }, addon, () => new Float32Array());
  if (layout === undefined) throw new Error('it is no small step');
  for (const { name, view } of layout.inputs) view.set((inputs[name] as tf.Tensor).dataSync());
  layout.seeds?.set(seeds);
  expect(addon.run(layout.program)).toBe(0);
  return (layout.outputs[0] as { view: Float32Array }).view;
}

describe.skipIf(!NATIVE || process.env.KELVIN_SMALL_STEPS === 'off')(`small steps${WHERE}`, () => {
  assertFileLeaksNothing();
  beforeAll(async () => void (await startEngine({ engine: 'tensorflow' })));

  test('products of any size and layout, with bias and ReLU', () => {
    const size = fc.integer({ min: 1, max: 40 });
    const sizes = fc.tuple(size, size, size);
    fc.assert(
      fc.property(sizes, fc.boolean(), fc.boolean(), fc.boolean(), fc.boolean(), ([m, n, k], tA, tB, biased, relu) => {
        const specs = { a: tA ? float(k, m) : float(m, k), b: tB ? float(n, k) : float(k, n), bias: float(n) };
        const graph = graphOf(specs, ({ a, b, bias }, build) => {
          let y = build.one('MatMul', { a, b } as never, { transposeA: tA, transposeB: tB }, float(m, n));
          if (biased) y = build.one('BiasAdd', { x: y, b: bias as Value }, {}, float(m, n));
          return relu ? build.one('Relu', { x: y }, {}, float(m, n)) : y;
        });
        tf.tidy(() => {
          const x = Object.fromEntries(
            Object.entries(specs).map(([name, { shape }], i) => [name, normal(shape, i + m)]),
          );
          const [a, b, bias] = ['a', 'b', 'bias'].map((name) => [...(x[name] as tf.Tensor).dataSync()]);
          const result = run(graph, x);
          for (let i = 0; i < m; i++)
            for (let j = 0; j < n; j++) {
              let sum = biased ? (bias?.[j] as number) : 0;
              for (let p = 0; p < k; p++)
                sum += (a?.[tA ? p * m + i : i * k + p] as number) * (b?.[tB ? j * k + p : p * n + j] as number);
              expect(result[i * n + j]).toBeCloseTo(relu ? Math.max(0, sum) : sum, 4);
            }
        });
      }),
      { seed: 7, numRuns: 60 },
    );
  });

  const UNARY = [
    ...['neg', 'abs', 'exp', 'sqrt', 'square', 'relu', 'relu6', 'sigmoid', 'tanh', 'elu', 'softplus', 'sign'],
    ...['selu', 'erf'],
  ];
  const KERNELS: Readonly<Record<string, string>> = { Mul: 'Multiply', Div: 'RealDiv' };
  const kernelOf = (name: string): string => {
    const capital = name.charAt(0).toUpperCase() + name.slice(1);
    return KERNELS[capital] ?? capital;
  };
  const ops = tf as unknown as Readonly<Record<string, (...args: unknown[]) => tf.Tensor>>;
  const same = (actual: ArrayLike<number>, expected: tf.Tensor): void => {
    const values = expected.dataSync();
    expect(actual).toHaveLength(values.length);
    for (const [i, value] of values.entries()) {
      const off = Math.abs((actual[i] as number) - value);
      if (!Object.is(actual[i], value)) expect(off).toBeLessThanOrEqual(2e-6 * Math.max(1, Math.abs(value)));
    }
  };

  test.each(UNARY)('%s of usual and unusual numbers', (name) => {
    tf.tidy(() => {
      const x = tf.concat([tf.mul(normal([50], 1), 4), tf.tensor1d([0, Infinity, -Infinity, Number.NaN, 90, -90])]);
      const graph = graphOf({ x: float(56) }, ({ x }, build) =>
        build.one(kernelOf(name), { x } as never, {}, float(56)),
      );
      same(run(graph, { x }), (ops[name] as (x: tf.Tensor) => tf.Tensor)(x));
    });
  });

  test('functions of two operands, which are broadcast', () => {
    const shapes = fc.constantFrom(
      [[3, 4, 5], [5]],
      [
        [3, 4, 5],
        [3, 1, 1],
      ],
      [
        [2, 1, 3],
        [4, 1],
      ],
      [[], [2, 3]],
      [[6], [6]],
    );
    const names = fc.constantFrom('add', 'sub', 'mul', 'div', 'maximum', 'minimum', 'squaredDifference');
    fc.assert(
      fc.property(shapes, names, fc.boolean(), ([left, right], name, swap) => {
        tf.tidy(() => {
          const [a, b] = (swap ? [right, left] : [left, right]).map((shape, i) =>
            normal(shape as readonly number[], i + 3),
          );
          const expected = (ops[name] as (...x: unknown[]) => tf.Tensor)(a, b);
          const specs = { a: float(...(a as tf.Tensor).shape), b: float(...(b as tf.Tensor).shape) };
          const graph = graphOf(specs, (x, build) => build.one(kernelOf(name), x, {}, float(...expected.shape)));
          same(run(graph, { a: a as tf.Tensor, b: b as tf.Tensor }), expected);
        });
      }),
      { seed: 7, numRuns: 60 },
    );
  });

  test('reductions over any axes, and what moves elements', () => {
    tf.tidy(() => {
      const x = normal([3, 4, 5], 9);
      const of = (op: string, attrs: Attrs, expected: tf.Tensor): void => {
        const graph = graphOf({ x: float(3, 4, 5) }, ({ x }, b) =>
          b.one(op, { x } as never, attrs, float(...expected.shape)),
        );
        same(run(graph, { x }), expected);
      };
      for (const axis of [null, 0, 1, 2, [0, 1], [0, 2], [1, 2]]) {
        of('Sum', { axis, keepDims: false }, tf.sum(x, axis ?? undefined));
        of('Mean', { axis, keepDims: false }, tf.mean(x, axis ?? undefined));
        of('Max', { reductionIndices: axis, keepDims: false }, tf.max(x, axis ?? undefined));
      }
      for (const perm of [
        [2, 1, 0],
        [1, 0, 2],
        [0, 2, 1],
      ])
        of('Transpose', { perm }, tf.transpose(x, perm));
      of('Slice', { begin: [1, 0, 2] }, tf.slice(x, [1, 0, 2], [2, 3, 3]));
      of('LogSoftmax', {}, tf.logSoftmax(x));
      of('Softmax', { dim: 2 }, tf.softmax(x));
    });
  });

  test('what is composed: sums of several, batch normalisation and its gradient', () => {
    tf.tidy(() => {
      const given = (...names: string[]) =>
        Object.fromEntries(names.map((name) => [name, normal([7, 3], name.length)]));
      const { a, bb, ccc } = given('a', 'bb', 'ccc') as Record<'a' | 'bb' | 'ccc', tf.Tensor2D>;
      const specs = { a: float(7, 3), bb: float(7, 3), ccc: float(7, 3) };
      const sum = graphOf(specs, (x, build) => build.one('AddN', x, {}, float(7, 3)));
      same(run(sum, { a, bb, ccc }), tf.addN([a, bb, ccc]));

      const [scale, offset] = [tf.tensor([1, 2, 3]), tf.tensor([-1, 0, 1])];
      const normed = (x: tf.Tensor): tf.Tensor => {
        const { mean, variance } = tf.moments(x, 0);
        return tf.add(tf.mul(tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, 0.01))), scale), offset);
      };
      const channels = { scale: float(3), offset: float(3) };
      const forward = (x: Record<string, Value>, build: GraphBuilder): readonly Value[] =>
        build.add('BatchNormTrain', x, { epsilon: 0.01 }, [float(7, 3), float(3), float(3)]);
      const ahead = graphOf({ x: float(7, 3), ...channels }, (x, build) => forward(x, build)[0] as Value);
      same(run(ahead, { x: a, scale, offset }), normed(a));
      const back = graphOf({ x: float(7, 3), dy: float(7, 3), ...channels }, ({ x, dy, scale, offset }, build) => {
        const [, mean, variance] = forward({ x, scale, offset } as never, build) as [Value, Value, Value];
        const inputs = { x, dy, mean, variance, scale } as Record<string, Value>;
        const specs = [float(7, 3), float(3), float(3)];
        return build.add('BatchNormTrainGrad', inputs, { epsilon: 0.01 }, specs)[0] as Value;
      });
      same(run(back, { x: a, dy: bb, scale, offset }), tf.grad(normed)(a, bb));
    });
  });

  test('masks are those that eager steps draw', () => {
    const attrs = { shape: [37], probability: 0.3, value: 2, draw: 0 };
    const graph = graphOf({}, (_, build) => build.one('KelvinBernoulli', {}, attrs, float(37)));
    const expected = new Float32Array(37);
    fillMask(expected, philoxStream([-5, 77]), attrs);
    expect([...run(graph, {}, [-5, 77])]).toEqual([...expected]);
  });

  test('large graphs and unknown operations are left to TensorFlow', () => {
    const addon = stepsAddon() as StepsAddon;
    const emitted = (graph: Graph): unknown =>
      emitSmall({ graph, places: new Map(), draws: 0, finite: [] }, addon, () => new Float32Array());
    const product = (n: number): Graph =>
      graphOf({ a: float(n, n), b: float(n, n) }, (x, build) => build.one('MatMul', x, {}, float(n, n)));
    expect(emitted(product(16))).toBeDefined();
    expect(emitted(product(512))).toBeUndefined();
    expect(emitted(graphOf({ x: float(4) }, (x, build) => build.one('Cumsum', x, {}, float(4))))).toBeUndefined();
  });

  test('a loss that is not finite leaves the states alone; who holds an old state keeps it', () => {
    const weight: tf.Variable = tf.tidy(() => tf.variable(tf.tensor([1, 2])));
    const place: Place = {
      name: 'w',
      read: () => weight,
      write: (tensor) => {
        weight.assign(tensor);
        tensor.dispose();
      },
    };
    const build = new GraphBuilder();
    const [x, w] = [build.one('Input', {}, { name: 'x' }, float(2)), build.one('State', {}, { name: 'w' }, float(2))];
    const sum = build.one('Add', { a: w, b: x }, {}, float(2));
    const outputs = new Map([['output 0', build.one('Sum', { x: sum }, { axis: null }, float())]]);
    const graph: Graph = { nodes: build.nodes, outputs, updates: new Map([['w', sum]]) };
    const result = emitterHere()?.emit({ graph, places: new Map([['w', place]]), draws: 0, finite: ['output 0'] });
    if (result === undefined || !('program' in result)) throw new Error('nothing was emitted');
    const step = (...values: number[]): void =>
      tf.tidy(() => {
        const inputs = new Map([['x', tf.tensor1d(values)]]);
        tf.dispose([...result.program.run({ inputs, number: () => 0, seeds: new Int32Array(0) }).values()]);
      });
    step(1, 1);
    const held = share(weight as tf.Tensor);
    expect(() => step(Number.NaN, 1)).toThrow(NonFiniteStep);
    expect([...weight.dataSync()]).toEqual([2, 3]);
    step(1, 1);
    const later = share(weight as tf.Tensor);
    tf.tidy(() => weight.assign(tf.tensor([10, 20])));
    step(1, 1);
    expect([held, later, weight].map((tensor) => [...tensor.dataSync()])).toEqual([
      [2, 3],
      [3, 4],
      [11, 21],
    ]);
    result.program.dispose();
    tf.dispose([held, later, weight]);
  });
});
