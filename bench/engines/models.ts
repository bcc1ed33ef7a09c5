/** The models of the comparison, as tf.layers models with random data: (a) MLP, (b) CNN, (c) depthwise-separable, (s) tiny. */
import { Random, tf } from 'kelvin';

/** A model with one batch, ready in memory. */
export interface Task {
  readonly model: tf.LayersModel;
  readonly x: tf.Tensor;
  readonly labels: tf.Tensor1D;
}

export type TaskName = 'a' | 'b' | 'c' | 's';

const {
  dense,
  conv2d,
  separableConv2d,
  batchNormalization,
  activation,
  flatten,
  maxPooling2d,
  globalAveragePooling2d,
} = tf.layers;

const separable = (filters: number, strides: number): tf.layers.Layer[] => [
  separableConv2d({ filters, kernelSize: 3, strides, padding: 'same', useBias: false }),
  batchNormalization(),
  activation({ activation: 'relu' }),
];

const MODELS: Readonly<Record<TaskName, { input: number[]; batch: number; layers: () => tf.layers.Layer[] }>> = {
  a: {
    input: [784],
    batch: 128,
    layers: () => [
      dense({ units: 1200, activation: 'relu', inputShape: [784] }),
      dense({ units: 1200, activation: 'relu' }),
      dense({ units: 10 }),
    ],
  },
  b: {
    input: [28, 28, 1],
    batch: 128,
    layers: () => [
      conv2d({ filters: 32, kernelSize: 3, activation: 'relu', inputShape: [28, 28, 1] }),
      conv2d({ filters: 64, kernelSize: 3, activation: 'relu' }),
      maxPooling2d({ poolSize: 2 }),
      flatten(),
      dense({ units: 128, activation: 'relu' }),
      dense({ units: 10 }),
    ],
  },
  c: {
    input: [32, 32, 3],
    batch: 128,
    layers: () => [
      conv2d({ filters: 32, kernelSize: 3, padding: 'same', useBias: false, inputShape: [32, 32, 3] }),
      batchNormalization(),
      activation({ activation: 'relu' }),
      ...separable(64, 1),
      ...separable(128, 2),
      ...separable(128, 1),
      ...separable(256, 2),
      globalAveragePooling2d({}),
      dense({ units: 10 }),
    ],
  },
  s: {
    input: [64],
    batch: 32,
    layers: () => [dense({ units: 32, activation: 'relu', inputShape: [64] }), dense({ units: 10 })],
  },
};

/** Builds a task; the same numbers every time. */
export function makeTask(name: TaskName): Task {
  const { input, batch, layers } = MODELS[name];
  const random = new Random(1);
  const values = Float32Array.from({ length: batch * input.reduce((a, b) => a * b) }, () => random.normal());
  const labels = Int32Array.from({ length: batch }, () => random.integer(10));
  return {
    model: tf.sequential({ layers: layers() }),
    x: tf.tensor(values, [batch, ...input]),
    labels: tf.tensor1d(labels, 'int32'),
  };
}
