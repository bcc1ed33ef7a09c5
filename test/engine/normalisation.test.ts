/** Layers of batch and layer normalisation at every level, values and gradients, against plain code in double precision. */
import fc from 'fast-check';
import { startEngine, tf } from 'kelvin';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { isWanted, LEVELS, type Level, limitLevel, limitThreads } from '../../src/engine/wasm/companion/level.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { build, differences, type Plain, read, reduce } from './plain.ts';
import { expectClose, expectNothingLeft, expectSameBits, howOften, normals } from './support.ts';

const highest = LEVELS.findLast(isWanted) as Level;

beforeAll(async () => {
  limitThreads(4);
  await startEngine({ engine: 'wasm' });
});
afterAll(() => {
  limitLevel(highest);
  limitThreads(undefined);
});
assertFileLeaksNothing();

const EPSILON = 1e-3;
const KINDS = ['batchNormalization', 'layerNormalization'] as const;
type Kind = (typeof KINDS)[number];

const meanOf = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const varianceOf = (values: number[]): number => meanOf(values.map((value) => (value - meanOf(values)) ** 2));

/** (x - mean) / √(variance + ε) · gain + offset, over all axes but the last or over the last alone. */
const plain = (kind: Kind) => (x: Plain, gain: Plain, offset: Plain) => {
  const leading = x.shape.slice(0, -1).map((_, axis) => axis);
  const axes = kind === 'batchNormalization' ? leading : [x.shape.length - 1];
  const [mean, variance] = [reduce(x, axes, meanOf), reduce(x, axes, varianceOf)];
  return build(x.shape, (place) => {
    const own = kind === 'batchNormalization' ? place.slice(-1) : place.slice(0, -1);
    const normed = (read(x, place) - read(mean, own)) / Math.sqrt(read(variance, own) + EPSILON);
    return normed * read(gain, place.slice(-1)) + read(offset, place.slice(-1));
  });
};

/** The layer's output in training, and the gradients for its input, gain and offset; nothing is left behind. */
function train(kind: Kind, [x, gain, offset]: readonly Plain[], dy: Float32Array): Float32Array[] {
  return expectNothingLeft(() => {
    const layer = tf.layers[kind]({ epsilon: EPSILON } as object);
    const image = tf.tidy(() =>
      tf.variable(tf.tensor(Float32Array.from((x as Plain).values), [...(x as Plain).shape])),
    );
    tf.tidy(() => void layer.apply(image, { training: true }));
    tf.tidy(() =>
      [gain, offset].forEach((one, i) => {
        layer.trainableWeights[i]?.write(tf.tensor1d(Float32Array.from((one as Plain).values)));
      }),
    );
    const variables = [image, ...layer.trainableWeights.map((weight) => weight.read() as tf.Variable)];
    const results = tf.tidy(() => {
      const y = layer.apply(image, { training: true }) as tf.Tensor;
      const slope = tf.tensor(dy, y.shape);
      const loss = () => tf.sum(tf.mul(layer.apply(image, { training: true }) as tf.Tensor, slope)) as tf.Scalar;
      const { grads } = tf.variableGrads(loss, variables);
      return [y, ...variables.map(({ name }) => grads[name] as tf.Tensor)].map((one) => one.dataSync() as Float32Array);
    });
    image.dispose();
    layer.dispose();
    return results;
  });
}

const vector = (seed: number, shape: number[]): Plain => ({
  shape,
  values: Float64Array.from(normals(seed, tf.util.sizeFromShape(shape))),
});

describe.each(LEVELS.filter(isWanted))('at level %s', (level) => {
  beforeEach(() => limitLevel(level));
  const shape = fc
    .tuple(fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 0, maxLength: 2 }), fc.integer({ min: 1, max: 19 }))
    .chain(([middle, last]) => fc.tuple(fc.integer({ min: 2, max: 5 }).map((first) => [first, ...middle, last])));

  it.each(KINDS)('%s is right, and so are its gradients', (kind) => {
    const property = fc.property(shape, fc.integer({ min: 1, max: 1000 }), ([shape], seed) => {
      const inputs = [vector(seed, shape), vector(seed + 1, shape.slice(-1)), vector(seed + 2, shape.slice(-1))];
      const dy = normals(seed + 3, tf.util.sizeFromShape(shape));
      const [y, ...gradients] = train(kind, inputs, dy) as [Float32Array, ...Float32Array[]];
      const f = plain(kind) as (...xs: Plain[]) => Plain;
      expectClose(y, f(...inputs).values, 3e-5);
      const slopes = differences(f, inputs, dy);
      gradients.forEach((gradient, i) => {
        expectClose(gradient, slopes[i] as Float64Array, 3e-4);
      });
    });
    fc.assert(property, howOften(6, 21));
  });

  it('a large mean, an outlier in front, takes none of the digits of the moments', () => {
    const rows = 3000;
    const values = Float32Array.from({ length: rows * 5 }, (_, i) => {
      const [row, channel] = [Math.floor(i / 5), i % 5];
      return channel === 4 ? (row === 0 ? 1000 : 0.01 * (row % 2)) : 10 ** channel + (row % 2 ? 1 : -1);
    });
    const variance = expectNothingLeft(() => {
      const layer = tf.layers.batchNormalization({ momentum: 0 });
      const moving = tf.tidy(() => {
        layer.apply(tf.tensor2d(values, [rows, 5]), { training: true });
        return layer.weights.at(-1)?.read().dataSync() as Float32Array;
      });
      layer.dispose();
      return moving;
    });
    expectClose(variance.subarray(0, 4), [1, 1, 1, 1], 1e-6);
    const last = Array.from({ length: rows }, (_, row) => values[row * 5 + 4] as number);
    expect((variance[4] as number) / varianceOf(last)).toBeCloseTo(1, 5);
  });

  it.each(KINDS)('%s: the gradient of its gradient', (kind) => {
    const values = normals(5, 4 * 6);
    const second = (): Float32Array =>
      expectNothingLeft(() => {
        const layer = tf.layers[kind]({ epsilon: EPSILON } as object);
        const x = tf.tensor2d(values, [4, 6]);
        tf.tidy(() => void layer.apply(x, { training: true }));
        const result = tf.tidy(() => {
          const f = (x: tf.Tensor) => tf.sum(tf.pow(layer.apply(x, { training: true }) as tf.Tensor, 3)) as tf.Scalar;
          const penalty = (x: tf.Tensor) => tf.sum(tf.square(tf.grad(f)(x))) as tf.Scalar;
          return tf.grad(penalty)(x).dataSync() as Float32Array;
        });
        x.dispose();
        layer.dispose();
        return result;
      });
    const here = second();
    limitLevel('composed');
    expectClose(here, second(), 1e-3);
    expect(Math.max(...here.map(Math.abs))).toBeGreaterThan(0.01);
  });
});

describe.runIf(isWanted('threads'))('on several threads', () => {
  it.each(KINDS)('%s and its gradients: the same bits as on one', (kind) => {
    limitLevel('threads');
    const shape = [1500, 83];
    const inputs = [vector(1, shape), vector(2, [83]), vector(3, [83])];
    const dy = normals(4, 1500 * 83);
    const several = train(kind, inputs, dy);
    limitThreads(1);
    expectSameBits(several, train(kind, inputs, dy));
    limitThreads(4);
  });
});
