/** Whole networks of tf.layers on the completed wasm engine: their gradients against finite differences, and training. */
import { tf } from 'kelvin';
import { beforeAll, describe, expect, it } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { expectClose, expectNothingLeft, normals, startTested, TESTED } from './support.ts';

// Made before an engine has been started: on the pure-JavaScript one.
const early = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2], kernelInitializer: 'zeros' })] });
const earlyInputs = tf.tensor2d([1, 2, 3, 4, 5, 7], [3, 2]);
const earlyTargets = tf.tensor2d([5, 11, 19], [3, 1]);

beforeAll(async () => {
  expect(tf.getBackend()).not.toBe(TESTED);
  await startTested();
  expect(tf.getBackend()).toBe(TESTED);
});

describe('before the start', () => {
  it('a model and its data can be made, and train after it', () => {
    const optimizer = tf.train.adam(0.3);
    const loss = () => tf.losses.meanSquaredError(earlyTargets, early.predict(earlyInputs) as tf.Tensor) as tf.Scalar;
    const value = () => tf.tidy(() => loss().dataSync()[0] as number);
    const first = value();
    for (let step = 0; step < 60; step++) optimizer.minimize(loss);
    expect(value()).toBeLessThan(first / 100);
    for (const one of [optimizer, early, earlyInputs, earlyTargets]) one.dispose();
  });
});

describe('gradients of a network agree with finite differences', () => {
  assertFileLeaksNothing();
  const { layers } = tf;
  const kernel = (seed: number) => ({ kernelInitializer: tf.initializers.glorotNormal({ seed }) });
  const networks: Record<string, { shape: number[]; stack: () => tf.layers.Layer[] }> = {
    'multi-layer perceptron': {
      shape: [7],
      stack: () => [
        layers.dense({ units: 16, activation: 'tanh', ...kernel(1) }),
        layers.dense({ units: 3, ...kernel(2) }),
      ],
    },
    'convolutional network': {
      shape: [8, 8, 2],
      stack: () => [
        layers.conv2d({ filters: 4, kernelSize: 3, padding: 'same', activation: 'elu', ...kernel(1) }),
        layers.maxPooling2d({ poolSize: 2 }),
        layers.conv2d({ filters: 5, kernelSize: 3, strides: 2, padding: 'same', activation: 'tanh', ...kernel(2) }),
        layers.averagePooling2d({ poolSize: 2 }),
        layers.flatten(),
        layers.dense({ units: 3, ...kernel(3) }),
      ],
    },
    'separable convolutions with batch norm': {
      shape: [8, 8, 3],
      stack: () => [
        layers.separableConv2d({
          filters: 6,
          kernelSize: 3,
          padding: 'same',
          depthMultiplier: 2,
          depthwiseInitializer: tf.initializers.glorotNormal({ seed: 4 }),
          pointwiseInitializer: tf.initializers.glorotNormal({ seed: 5 }),
        }),
        layers.batchNormalization(),
        layers.activation({ activation: 'elu' }),
        layers.depthwiseConv2d({
          kernelSize: 3,
          strides: 2,
          padding: 'same',
          depthwiseInitializer: tf.initializers.glorotNormal({ seed: 6 }),
        }),
        layers.batchNormalization(),
        layers.globalAveragePooling2d({}),
        layers.dense({ units: 3, ...kernel(7) }),
      ],
    },
    'dense layers with batch norm': {
      shape: [5],
      stack: () => [
        layers.dense({ units: 8, ...kernel(1) }),
        layers.batchNormalization(),
        layers.activation({ activation: 'sigmoid' }),
        layers.dense({ units: 3, ...kernel(2) }),
      ],
    },
  };

  it.each(Object.keys(networks))('%s', (name) => {
    const { shape, stack } = networks[name] as { shape: number[]; stack: () => tf.layers.Layer[] };
    const [first, ...rest] = stack() as [tf.layers.Layer, ...tf.layers.Layer[]];
    const input = tf.input({ shape });
    const output = rest.reduce(
      (x, layer) => layer.apply(x) as tf.SymbolicTensor,
      first.apply(input) as tf.SymbolicTensor,
    );
    const net = tf.model({ inputs: input, outputs: output });
    const x = tf.tensor(normals(1, 6 * tf.util.sizeFromShape(shape)), [6, ...shape]);
    const y = tf.tidy(() => tf.oneHot(tf.tensor1d([0, 1, 2, 0, 1, 2], 'int32'), 3));
    const loss = () => tf.losses.softmaxCrossEntropy(y, net.apply(x, { training: true }) as tf.Tensor) as tf.Scalar;
    const variables = net.trainableWeights.map((weight) => weight.read() as tf.Variable);
    expectNothingLeft(() => {
      for (const variable of variables) checkGradient(loss, variable);
    });
    for (const one of [net, x, y]) one.dispose();
  });

  /** The slope of the loss along three directions in one variable, by the gradient and by central differences. */
  function checkGradient(loss: () => tf.Scalar, variable: tf.Variable): void {
    const gradient = tf.tidy(() => {
      const { grads } = tf.variableGrads(loss, [variable]);
      return (grads[variable.name] as tf.Tensor).dataSync();
    });
    const start = variable.dataSync() as Float32Array;
    const set = (values: Float32Array) => tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
    const lossAt = (direction: Float32Array, step: number): number => {
      set(start.map((value, i) => value + step * (direction[i] as number)));
      return tf.tidy(() => loss().dataSync()[0] as number);
    };
    for (const seed of [11, 12, 13]) {
      const random = normals(seed, start.length);
      const length = Math.hypot(...random);
      const direction = random.map((value) => value / length);
      const slope = direction.reduce((sum, value, i) => sum + value * (gradient[i] as number), 0);
      const step = 2e-2;
      const measured = (lossAt(direction, step) - lossAt(direction, -step)) / (2 * step);
      const size = Math.hypot(...gradient) / Math.sqrt(start.length);
      expect(Math.abs(slope - measured), `${variable.name}: ${slope} and ${measured}`).toBeLessThan(
        0.02 * Math.max(size, Math.abs(measured)) + 1e-4,
      );
    }
    set(start);
  }
});

describe('training', () => {
  it('with relu, dropout and Adam reaches a low loss, and leaves nothing behind at any step', () => {
    const net = tf.sequential({
      layers: [
        tf.layers.conv2d({ filters: 4, kernelSize: 3, activation: 'relu', inputShape: [6, 6, 1] }),
        tf.layers.maxPooling2d({ poolSize: 2 }),
        tf.layers.flatten(),
        tf.layers.dropout({ rate: 0.1, seed: 3 }),
        tf.layers.dense({ units: 2 }),
      ],
    });
    const x = tf.tensor4d(normals(1, 16 * 36), [16, 6, 6, 1]);
    const labels = tf.tidy(() => tf.oneHot(x.mean([1, 2, 3]).greater(0).toInt(), 2));
    const optimizer = tf.train.adam(0.02);
    const loss = () =>
      tf.losses.softmaxCrossEntropy(labels, net.apply(x, { training: true }) as tf.Tensor) as tf.Scalar;
    const value = () => tf.tidy(() => loss().dataSync()[0] as number);
    const first = value();
    optimizer.minimize(loss);
    for (let step = 0; step < 60; step++) expectNothingLeft(() => optimizer.minimize(loss));
    expect(value()).toBeLessThan(first / 2);
    for (const one of [optimizer, net, x, labels]) one.dispose();
  });
});

describe('batch norm', () => {
  it('normalises each channel, and keeps the digits of a small spread around a large mean', () => {
    const values = normals(5, 4 * 3 * 3 * 2).map((value, i) => (i % 2 ? 1000 + value : value));
    const actual = expectNothingLeft(() =>
      tf.tidy(() => {
        const x = tf.tensor4d(values, [4, 3, 3, 2]);
        const { mean, variance } = tf.moments(x, [0, 1, 2]);
        return tf.batchNorm(x, mean as tf.Tensor1D, variance as tf.Tensor1D, [1, 2], [3, 4], 1e-3).dataSync();
      }),
    );
    const expected = new Float64Array(values.length);
    for (const channel of [0, 1]) {
      const own = [...values].filter((_, i) => i % 2 === channel);
      const mean = own.reduce((a, b) => a + b) / own.length;
      const variance = own.reduce((sum, value) => sum + (value - mean) ** 2, 0) / own.length;
      own.forEach((value, i) => {
        expected[2 * i + channel] = ((value - mean) / Math.sqrt(variance + 1e-3)) * (3 + channel) + 1 + channel;
      });
    }
    expectClose(actual, expected, 5e-5);
  });
});
