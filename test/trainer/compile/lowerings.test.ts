/** Operations beside those of plain networks, compiled beside eager, on native TensorFlow. */
import { Adam, LightningModule, losses, type LightningModule as Module, startEngine, tf } from 'kelvin';
import { beforeAll, describe, test } from 'vitest';
import { assertFileLeaksNothing } from '../../support/no-leak.ts';
import { expectSame, NATIVE, train, WHERE } from './support.ts';

type Batch = { x: tf.Tensor4D; y: tf.Tensor1D };
type Through = (x: tf.Tensor4D) => tf.Tensor;

const SHAPE = [6, 6, 2];

/** The weights of one filter, what is asked for, and a dense layer. */
class Net extends LightningModule<Batch> {
  readonly filter = tf.tidy(() => tf.variable(tf.randomNormal([3, 3, 2, 4], 0, 0.3, 'float32', 5)));
  readonly dense: tf.Variable;
  readonly through: Through;

  constructor(through: Through) {
    super();
    this.through = through;
    this.dense = tf.tidy(() => {
      const { size } = this.features(tf.zeros([1, 6, 6, 2]));
      return tf.variable(tf.randomNormal([size, 4], 0, 0.1, 'float32', 7));
    });
  }

  features(x: tf.Tensor4D): tf.Tensor {
    return this.through(tf.conv2d(x, this.filter as tf.Tensor4D, 1, 'same'));
  }

  override trainingStep({ x, y }: Batch): tf.Scalar {
    const flat = tf.reshape(this.features(x), [x.shape[0], -1]);
    return losses.crossEntropy(tf.matMul(flat, this.dense as tf.Tensor2D) as tf.Tensor2D, y);
  }

  override configureOptimizers(): Adam {
    return new Adam(this.parameters(), { lr: 1e-3 });
  }
}

const asVolume = (x: tf.Tensor4D): tf.Tensor5D => tf.expandDims(x, -1) as tf.Tensor5D;
const kernel = (): tf.Tensor5D => tf.fill([2, 2, 2, 1, 2], 0.2) as tf.Tensor5D;

const weights = (): tf.Tensor4D =>
  tf.tensor4d(
    Float32Array.from({ length: 48 }, (_, i) => Math.sin(i)),
    [2, 3, 4, 2],
  );
const SIDES: [[number, number], [number, number], [number, number], [number, number]] = [
  [0, 0],
  [1, 0],
  [1, 2],
  [0, 0],
];

const CASES: Readonly<Record<string, Through>> = {
  'a strided slice': (x) => tf.stridedSlice(x, [0, 0, 5, 0], [0, 6, 0, 4], [1, 2, -2, 1], 1, 0),
  'bilinear resizing': (x) => tf.image.resizeBilinear(x, [9, 4]),
  'bilinear resizing between corners': (x) => tf.image.resizeBilinear(x, [3, 8], true),
  'resizing to the nearest': (x) => tf.image.resizeNearestNeighbor(x, [12, 12]),
  'a convolution over volumes': (x) => tf.conv3d(asVolume(x), kernel(), [1, 2, 1], 'same'),
  'a maximum pool over volumes': (x) => tf.maxPool3d(asVolume(x), 2, 2, 'valid'),
  'an average pool over volumes': (x) => tf.avgPool3d(asVolume(x), [2, 2, 1], 1, 'same'),
  'a maximum pool padded by a number': (x) => tf.maxPool(x, 3, 2, 1),
  'an average pool padded by a number': (x) => tf.avgPool(x, 3, 2, 1),
  'an average pool padded on each side by itself': (x) => tf.avgPool(x, [2, 3], 1, SIDES),
  'a depthwise convolution padded by a number': (x) => tf.depthwiseConv2d(x, weights(), 2, 1),
  'one padded on each side by itself, dilated': (x) => tf.depthwiseConv2d(x, weights(), 1, SIDES, 'NHWC', 2),
};

describe.skipIf(!NATIVE)(`compiled, step by step as eager${WHERE}`, () => {
  assertFileLeaksNothing();
  beforeAll(async () => void (await startEngine({ engine: 'tensorflow' })));

  test.each(Object.entries(CASES))('%s', async (_, through) => {
    const make = () => new Net(through) as never as Module<never>;
    const options = { maxSteps: 16, limitValBatches: 0 };
    const eager = await train(make, SHAPE, { ...options, compile: false });
    expectSame(await train(make, SHAPE, { ...options, compile: true }), eager);
  });
});
