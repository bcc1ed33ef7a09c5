/** Kelvin's own kernels of native TensorFlow, against plain loops: ties, overlapping windows, padding, odd sizes, NaN. */
import fc from 'fast-check';
import { startEngine, tf } from 'kelvin';
import { beforeAll, describe, expect, it } from 'vitest';
import { holdFused } from '../../src/core/fused.ts';
import { biasRelu } from '../../src/engine/bias-relu.ts';
import { tensorFlow } from '../../src/engine/tensorflow/ops.ts';
import { hasOwnKernels } from '../../src/engine/tensorflow/own-kernels.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { expectClose, expectNothingLeft, howOften, normals, valueAndGradients } from './support.ts';

const installed = process.env.KELVIN_TEST_NATIVE !== undefined;
const title = installed ? 'own kernels' : 'own kernels (skipped: npm run test:native)';

interface Pool {
  readonly shape: [number, number, number, number];
  readonly size: [number, number];
  readonly strides: [number, number];
  readonly pad: 'valid' | 'same' | number;
}

/** The gradient of a maximum pool, one number at a time: the first maximum of a window takes it. */
function pooledGradient(x: Float32Array, dy: Float32Array, { shape, size, strides, pad }: Pool): Float32Array {
  const { padInfo, outHeight, outWidth } = tf.backend_util.computePool2DInfo(shape, size, strides, 1, pad);
  const [batch, height, width, channels] = shape;
  const dx = new Float32Array(x.length);
  let next = 0;
  for (let image = 0; image < batch; image++)
    for (let row = 0; row < outHeight; row++)
      for (let column = 0; column < outWidth; column++)
        for (let c = 0; c < channels; c++) {
          let best = -1;
          for (let i = 0; i < size[0]; i++)
            for (let j = 0; j < size[1]; j++) {
              const [y, z] = [row * strides[0] - padInfo.top + i, column * strides[1] - padInfo.left + j];
              if (y < 0 || z < 0 || y >= height || z >= width) continue;
              const at = ((image * height + y) * width + z) * channels + c;
              if (best < 0 || (x[at] as number) > (x[best] as number)) best = at;
            }
          dx[best] = (dx[best] as number) + (dy[next++] as number);
        }
  return dx;
}

const pools: fc.Arbitrary<Pool> = fc
  .record({
    batch: fc.integer({ min: 1, max: 3 }),
    height: fc.integer({ min: 4, max: 9 }),
    width: fc.integer({ min: 4, max: 9 }),
    channels: fc.constantFrom(1, 3, 17),
    size: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
    strides: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
    pad: fc.constantFrom<Pool['pad']>('valid', 'same', 1),
  })
  .map(({ batch, height, width, channels, size: [high, wide], strides: [down, across], pad }) => {
    const shape: Pool['shape'] = [batch, height, width, channels];
    // With padding in numbers tfjs takes windows for squares; no window may lie in the padding alone.
    if (pad === 1) return { shape, size: [high + 1, high + 1], strides: [down, down], pad };
    return { shape, size: [high, wide], strides: [down, across], pad };
  });

describe.skipIf(!installed)(title, () => {
  assertFileLeaksNothing();
  beforeAll(async () => {
    await startEngine({ engine: 'tensorflow' });
  });

  it('are in the addon that this Kelvin builds', () => {
    expect(hasOwnKernels(tensorFlow())).toBe(true);
  });

  it.each(['few values, so that maxima are tied', 'normal values'])('the gradient of maximum pools: %s', (values) => {
    fc.assert(
      fc.property(pools, (pool) => {
        const length = tf.util.sizeFromShape(pool.shape);
        const x = normals(1, length).map((value) => (values === 'normal values' ? value : Math.sign(value)));
        const pooled = (image: tf.Tensor) => tf.maxPool(image as tf.Tensor4D, pool.size, pool.strides, pool.pad);
        const count = tf.tidy(() => pooled(tf.zeros(pool.shape)).size);
        const dy = normals(2, count);
        const [, dx] = valueAndGradients(pooled, [{ values: x, shape: pool.shape }], dy);
        expectClose(dx as Float32Array, pooledGradient(x, dy, pool));
      }),
      howOften(60, 5),
    );
  });

  it('large pools, shared between threads, as small ones', () => {
    const pool: Pool = { shape: [13, 24, 25, 40], size: [3, 2], strides: [2, 2], pad: 'same' };
    const x = normals(1, tf.util.sizeFromShape(pool.shape));
    const dy = normals(2, 13 * 12 * 13 * 40);
    const pooled = (image: tf.Tensor) => tf.maxPool(image as tf.Tensor4D, pool.size, pool.strides, pool.pad);
    const [, dx] = valueAndGradients(pooled, [{ values: x, shape: pool.shape }], dy);
    expectClose(dx as Float32Array, pooledGradient(x, dy, pool));
  });

  it.each([[[7, 5]], [[1, 1]], [[2, 3, 4, 3]], [[64, 9, 11, 33]], [[6, 20_000]], [[0, 4]]])(
    'relu(x + bias) of %j and its gradients',
    (shape) => {
      const [length, channels] = [tf.util.sizeFromShape(shape), shape.at(-1) as number];
      const [x, bias, dy] = [normals(1, length), normals(2, channels), normals(3, length)];
      const y = x.map((value, i) => Math.max(Math.fround(value + (bias[i % channels] as number)), 0));
      const dx = dy.map((value, i) => ((y[i] as number) > 0 ? value : 0));
      const sums = new Float64Array(channels);
      for (let i = 0; i < length; i++) sums[i % channels] = (sums[i % channels] as number) + (dx[i] as number);
      const inputs = [
        { values: x, shape },
        { values: bias, shape: [channels] },
      ];
      const found = valueAndGradients((a, b) => biasRelu(a as tf.Tensor, b as tf.Tensor), inputs, dy);
      for (const [i, expected] of [y, dx, sums].entries()) expectClose(found[i] as Float32Array, expected);
    },
  );

  it('relu(x + bias) keeps NaN, and has a second gradient', () => {
    const values = tf.tidy(() => [
      ...biasRelu(tf.tensor2d([[Number.NaN, -1, Number.NEGATIVE_INFINITY, 2]]), tf.tensor1d([0, 0, 0, 1])).dataSync(),
    ]);
    expect(values).toEqual([Number.NaN, 0, 0, 3]);
    const twice = tf.tidy(() => {
      const bias = tf.tensor1d([1, -5]);
      const inner = tf.grad((x: tf.Tensor) => tf.sum(tf.square(biasRelu(x, bias))));
      return [
        ...tf
          .grad((x: tf.Tensor) => tf.sum(tf.square(inner(x))))(tf.tensor2d([[2, 3]]))
          .dataSync(),
      ];
    });
    expect(twice).toEqual([24, 0]); // inner: 2 (x + 1), so 8 (x + 1)
  });

  it.each(['linear', 'relu'] as const)('layers with %s that take them train as tfjs composes them', (activation) => {
    const layers = [
      tf.layers.conv2d({ filters: 4, kernelSize: 3, activation, biasInitializer: 'ones', inputShape: [6, 6, 2] }),
      tf.layers.flatten(),
      tf.layers.dense({ units: 5, activation, biasInitializer: 'ones' }),
      tf.layers.dense({ units: 3, activation, useBias: false }),
    ];
    const model = tf.sequential({ layers });
    const given = { values: normals(1, 3 * 72), shape: [3, 6, 6, 2] };
    const run = () =>
      expectNothingLeft(() =>
        tf.tidy(() => {
          const x = tf.tensor(given.values, given.shape);
          const f = () => tf.sum(tf.square(model.apply(x, { training: true }) as tf.Tensor)) as tf.Scalar;
          const { value, grads } = tf.variableGrads(f);
          const kept = model.trainableWeights.map((weight) => grads[(weight.read() as tf.Variable).name] as tf.Tensor);
          return [value, model.predict(x) as tf.Tensor, ...kept].map((tensor) => tensor.dataSync() as Float32Array);
        }),
      );
    const direct = run();
    const release = holdFused();
    const composed = run();
    release();
    model.dispose();
    composed.forEach((values, i) => {
      expectClose(direct[i] as Float32Array, values);
    });
  });
});
