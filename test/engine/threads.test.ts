/** Threads of the embedded engine: the same bits on any number of them, right results, nothing left behind. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Adam, describeEngines, losses, startEngine, tf } from 'kelvin';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { isWanted, LEVELS, type Level, limitLevel, limitThreads } from '../../src/engine/wasm/companion/level.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { expectClose, expectNothingLeft, expectSameBits, normals, valueAndGradients } from './support.ts';

const highest = LEVELS.findLast(isWanted) as Level;
const listeners = () =>
  (['uncaughtException', 'unhandledRejection'] as const).map((event) =>
    process.listenerCount(event as 'uncaughtException'),
  );
const before = listeners();

beforeAll(async () => {
  limitThreads(4);
  await startEngine({ engine: 'wasm' });
});
afterEach(() => {
  limitLevel(highest);
  limitThreads(4);
});
assertFileLeaksNothing();

const tensor = (seed: number, shape: number[]) => ({ values: normals(seed, tf.util.sizeFromShape(shape)), shape });
const conv = (stride: number) => (x: tf.Tensor, w: tf.Tensor) =>
  tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, stride, 'same');

/** Work that is large enough to be shared out, each kind by another rule. */
const CASES: Record<string, { f: (...xs: tf.Tensor[]) => tf.Tensor; inputs: number[][]; out: number[] }> = {
  'wide product': {
    f: (a, b) => tf.matMul(a, b),
    inputs: [
      [130, 170],
      [170, 250],
    ],
    out: [130, 250],
  },
  'tall product': {
    f: (a, b) => tf.matMul(a, b),
    inputs: [
      [1100, 90],
      [90, 70],
    ],
    out: [1100, 70],
  },
  'product of transposed': {
    f: (a, b) => tf.matMul(a, b, true, true),
    inputs: [
      [170, 130],
      [250, 170],
    ],
    out: [130, 250],
  },
  convolution: {
    f: conv(1) as never,
    inputs: [
      [4, 25, 26, 5],
      [3, 3, 5, 21],
    ],
    out: [4, 25, 26, 21],
  },
  'convolution with strides': {
    f: conv(2) as never,
    inputs: [
      [4, 25, 26, 11],
      [3, 3, 11, 21],
    ],
    out: [4, 13, 13, 21],
  },
  'convolution with a large filter': {
    f: conv(1) as never,
    inputs: [
      [2, 8, 8, 130],
      [3, 3, 130, 240],
    ],
    out: [2, 8, 8, 240],
  },
  pointwise: {
    f: conv(1) as never,
    inputs: [
      [4, 25, 26, 25],
      [1, 1, 25, 40],
    ],
    out: [4, 25, 26, 40],
  },
  depthwise: {
    f: ((x: tf.Tensor4D, w: tf.Tensor4D) => tf.depthwiseConv2d(x, w, 1, 'same')) as never,
    inputs: [
      [4, 25, 26, 37],
      [3, 3, 37, 1],
    ],
    out: [4, 25, 26, 37],
  },
  'max pooling': {
    f: ((x: tf.Tensor4D) => tf.maxPool(x, 3, 2, 'same')) as never,
    inputs: [[4, 25, 26, 37]],
    out: [4, 13, 13, 37],
  },
  'average pooling': {
    f: ((x: tf.Tensor4D) => tf.avgPool(x, 3, 2, 'same')) as never,
    inputs: [[4, 25, 26, 37]],
    out: [4, 13, 13, 37],
  },
  relu: { f: (x) => tf.relu(x), inputs: [[211, 403]], out: [211, 403] },
  'sum of rows': { f: (x) => tf.sum(x, 1), inputs: [[211, 403]], out: [211] },
  'sum of columns': { f: (x) => tf.mean(x, 0), inputs: [[211, 403]], out: [403] },
  transposition: { f: (x) => tf.transpose(x), inputs: [[211, 403]], out: [403, 211] },
  'a bias and a sum': {
    f: (x, y, bias) => tf.add(tf.add(x, y), bias),
    inputs: [[411, 403], [411, 403], [403]],
    out: [411, 403],
  },
};

describe.runIf(isWanted('threads'))('on several threads', () => {
  it('is what the report says', async () => {
    const report = (await describeEngines()).find(({ name }) => name === 'wasm');
    expect(report?.detail).toMatch(/SIMD, 4 threads$/);
    limitThreads(1);
    expect((await describeEngines())[2]?.missing).toContain('threads: one was asked for');
    limitLevel('composed');
    expect((await describeEngines())[2]?.missing.join('; ')).toMatch(
      /threads: switched off.*relaxed SIMD: .*companion/,
    );
  });

  it.each(Object.keys(CASES))('%s and its gradients: the same bits as on one', (name) => {
    const { f, inputs, out } = CASES[name] as (typeof CASES)[string];
    const given = inputs.map((shape, i) => tensor(i + 1, shape));
    const dy = normals(9, tf.util.sizeFromShape(out));
    const several = valueAndGradients(f, given, dy);
    limitThreads(1);
    expectSameBits(several, valueAndGradients(f, given, dy));
  });

  it.each(['wide product', 'tall product', 'convolution'])('%s and its gradients: right', (name) => {
    const { f, inputs, out } = CASES[name] as (typeof CASES)[string];
    const given = inputs.map((shape, i) => tensor(i + 1, shape));
    const dy = normals(9, tf.util.sizeFromShape(out));
    const several = valueAndGradients(f, given, dy);
    limitLevel('composed');
    const composed = valueAndGradients(f, given, dy);
    several.forEach((values, i) => {
      expectClose(values, composed[i] as Float32Array, 1e-4);
    });
  });

  it('trains to the same bits on one, two and four threads', () => {
    const train = (threads: number): Float32Array[] => {
      limitThreads(threads);
      return expectNothingLeft(() => {
        const shapes = [[190, 300], [300], [300, 10]];
        const weights = shapes.map((shape, i) => {
          const { values } = tensor(i, shape);
          return tf.tidy(() => tf.variable(tf.mul(tf.tensor(values, shape), 0.05), true, `threads${threads}-${i}`));
        });
        const [x, labels] = [
          tf.tensor2d(normals(7, 200 * 190), [200, 190]),
          tf.tensor1d(
            Array.from({ length: 200 }, (_, i) => i % 10),
            'int32',
          ),
        ];
        const optimizer = new Adam(weights, { lr: 1e-3 });
        const [w1, b1, w2] = weights as [tf.Variable, tf.Variable, tf.Variable];
        for (let step = 0; step < 3; step++) {
          const { value, grads } = tf.variableGrads(() => {
            const hidden = tf.relu(tf.add(tf.matMul(x, w1 as tf.Tensor2D), b1)) as tf.Tensor2D;
            return losses.crossEntropy(tf.matMul(hidden, w2 as tf.Tensor2D), labels);
          }, weights);
          optimizer.step(grads);
          tf.dispose([value, grads]);
        }
        const values = weights.map((one) => one.dataSync() as Float32Array);
        optimizer.dispose();
        tf.dispose([...weights, x, labels]);
        return values;
      });
    };
    const one = train(1);
    for (const threads of [2, 4]) expectSameBits(train(threads), one);
  });

  it('leaves no listeners and no global behind', () => {
    expect(listeners()).toEqual(before);
    expect('Worker' in globalThis).toBe(false);
  });

  it('a process ends by itself, its threads asleep', async () => {
    const child = fork(fileURLToPath(new URL('threads-exit.ts', import.meta.url)), { execArgv: ['--import', 'tsx'] });
    expect(await once(child, 'exit')).toEqual([0, null]);
  });
});
