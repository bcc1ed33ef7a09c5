/** Multiply-accumulates, against counts made by hand and figures of the papers. */
import { convNet, countMacs, depthwiseSeparableNet, LightningModule, mlp, SGD, summarize, tf } from 'kelvin';
import { expect, test } from 'vitest';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';

assertFileLeaksNothing();

function macsOf(model: tf.LayersModel, shape?: number[]): number {
  const macs = countMacs(model, shape);
  model.dispose();
  return macs;
}

const single = (layer: tf.layers.Layer, inputShape: (number | null)[]): tf.Sequential =>
  tf.sequential({ layers: [tf.layers.inputLayer({ inputShape }), layer] });

test('the MLPs of the distillation papers', () => {
  expect(macsOf(mlp({ inputs: 784, hidden: [1200, 1200], classes: 10 }))).toBe(784 * 1200 + 1200 * 1200 + 1200 * 10);
  expect(macsOf(mlp({ inputs: [28, 28, 1], hidden: [800, 800], classes: 10 }))).toBe(1_275_200);
});

test('networks for images: batch normalization, pooling and activations count nothing', () => {
  const first = 28 * 28 * 9 * 1 * 16;
  expect(macsOf(convNet({ inputs: [28, 28, 1], channels: [16, 32], classes: 10 }))).toBe(
    first + 14 * 14 * 9 * 16 * 32 + 32 * 10,
  );
  expect(macsOf(depthwiseSeparableNet({ inputs: [28, 28, 1], channels: [16, 32], classes: 10 }))).toBe(
    first + 14 * 14 * 9 * 16 + 14 * 14 * 16 * 32 + 32 * 10,
  );
});

/** ResNet for CIFAR (He et al. 2016), with 1x1 convolutions where the size changes. */
function resNet20(): tf.LayersModel {
  const conv = (x: tf.SymbolicTensor, filters: number, kernelSize: number, strides = 1): tf.SymbolicTensor =>
    tf.layers.conv2d({ filters, kernelSize, strides, padding: 'same', useBias: false }).apply(x) as tf.SymbolicTensor;
  const norm = (x: tf.SymbolicTensor): tf.SymbolicTensor =>
    tf.layers.batchNormalization().apply(x) as tf.SymbolicTensor;
  const inputs = tf.input({ shape: [32, 32, 3] });
  let x = norm(conv(inputs, 16, 3));
  for (const filters of [16, 32, 64]) {
    for (let block = 0; block < 3; block++) {
      const strides = filters > 16 && block === 0 ? 2 : 1;
      const shortcut = strides === 2 ? conv(x, filters, 1, 2) : x;
      const branch = norm(conv(norm(conv(x, filters, 3, strides)), filters, 3));
      x = tf.layers.add().apply([branch, shortcut]) as tf.SymbolicTensor;
    }
  }
  const pooled = tf.layers.globalAveragePooling2d({ dataFormat: 'channelsLast' }).apply(x);
  const outputs = tf.layers.dense({ units: 10 }).apply(pooled) as tf.SymbolicTensor;
  return tf.model({ inputs, outputs });
}

test('ResNet-20: the 40.8 million of the literature', () => {
  expect(macsOf(resNet20())).toBe(40_813_184);
});

test.for<[string, () => tf.layers.Layer, number[], number]>([
  ['dense on a series', () => tf.layers.dense({ units: 5 }), [7, 3], 7 * 3 * 5],
  ['conv1d', () => tf.layers.conv1d({ filters: 4, kernelSize: 3 }), [10, 2], 8 * 3 * 2 * 4],
  ['conv2d, strided', () => tf.layers.conv2d({ filters: 4, kernelSize: 3, strides: 2 }), [9, 9, 2], 16 * 9 * 2 * 4],
  [
    'conv2d transposed',
    () => tf.layers.conv2dTranspose({ filters: 4, kernelSize: 2, strides: 2 }),
    [5, 5, 3],
    25 * 4 * 12,
  ],
  ['depthwise', () => tf.layers.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2 }), [6, 6, 3], 16 * 9 * 6],
  ['separable', () => tf.layers.separableConv2d({ filters: 8, kernelSize: 3 }), [6, 6, 3], 16 * (9 * 3 + 3 * 8)],
  ['LSTM', () => tf.layers.lstm({ units: 4 }), [6, 3], 6 * (3 * 16 + 4 * 16)],
  ['batch norm', () => tf.layers.batchNormalization(), [6, 6, 3], 0],
])('%s', ([, make, shape, macs]) => {
  expect(macsOf(single(make(), shape))).toBe(macs);
});

test('a size left open is given; a layer used twice counts twice; inner networks count', () => {
  const open = (): tf.LayersModel => single(tf.layers.conv2d({ filters: 4, kernelSize: 1 }), [null, null, 3]);
  expect(macsOf(open(), [8, 8, 3])).toBe(64 * 12);
  const inner = tf.sequential({ layers: [tf.layers.dense({ units: 6, inputShape: [6] })] });
  const input = tf.input({ shape: [6] });
  const outputs = inner.apply(inner.apply(input)) as tf.SymbolicTensor;
  expect(countMacs(tf.model({ inputs: input, outputs }))).toBe(2 * 36);
  tf.dispose(inner.trainableWeights.map((weight) => weight.read()));
});

class Doubling extends tf.layers.Layer {
  static className = 'Doubling';
  override build(shape: tf.Shape): void {
    this.addWeight('factor', [shape.at(-1) as number], 'float32', tf.initializers.ones());
    super.build(shape);
  }
  override computeOutputShape(shape: tf.Shape): tf.Shape {
    return shape;
  }
}

test('what cannot be counted is an error that says so, and a question mark in the summary', async () => {
  const open = single(tf.layers.conv2d({ filters: 4, kernelSize: 1 }), [null, null, 3]);
  expect(await messageFrom(() => countMacs(open))).toMatchInlineSnapshot(`
    "ConfigError [unknown-shape] countMacs: the shape of a sample: expected 3 sizes of at least 1, as the network's input [?, ?, 3] has, got [?, ?, 3].
      help: give it: \`countMacs(model, [32, 32, 3])\`"
  `);
  const own = single(new Doubling({ name: 'twice' }), [3]);
  expect(await messageFrom(() => countMacs(own))).toMatchInlineSnapshot(`
    "ConfigError [unknown-macs] countMacs: the layer \`twice\`: expected a kind of layer whose products are known, got Doubling.
      help: give its class a method \`macs(inputShape, outputShape)\` that returns their number"
  `);
  class Net extends LightningModule {
    readonly open = open;
    readonly own = own;
    readonly head = mlp({ inputs: 4, hidden: [], classes: 3 });
    trainingStep(): void {}
    override configureOptimizers(): SGD {
      return new SGD(this.parameters(), { lr: 1 });
    }
  }
  const net = new Net();
  const summary = summarize(net, { maxDepth: 0 });
  expect(summary).toMatch(/^open .*\?$/m);
  expect(summary).toMatch(/^own .*\?$/m);
  expect(summary).toContain('at least 12 MACs per sample');
  net.dispose();
  const counted = Object.assign(new Doubling({}), { macs: (input: number[]) => input.at(-1) as number });
  expect(macsOf(single(counted, [5]))).toBe(5);
});
