/** Compiled training beside eager training, on native TensorFlow. */
import {
  AdamW,
  convNet,
  DistillationModule,
  depthwiseSeparableNet,
  type ImageBatch,
  ImageClassificationModel,
  type LightningModule,
  losses,
  mlp,
  StepLR,
  startEngine,
  TemperatureCallback,
  tf,
} from 'kelvin';
import { EMAWeightAveraging } from 'kelvin/callbacks';
import { beforeAll, describe, test } from 'vitest';
import { stepInput } from '../../../src/core/recording.ts';
import { assertFileLeaksNothing } from '../../support/no-leak.ts';
import { expectSame, NATIVE, perceptron, train, WHERE } from './support.ts';

type Module = LightningModule<never>;
type Options = Parameters<typeof train>[2];

class Grouped extends ImageClassificationModel {
  override configureOptimizers() {
    const [kernel, ...rest] = this.parameters() as [tf.Variable, ...tf.Variable[]];
    const optimizer = new AdamW(
      [
        { params: [kernel], weightDecay: 0.1 },
        { params: rest, lr: 1e-2 },
      ],
      { lr: 1e-3 },
    );
    return { optimizer, lrScheduler: { scheduler: new StepLR(optimizer, { stepSize: 5 }), interval: 'step' as const } };
  }
}

/** Learns from numbers that a hook makes for each batch. */
class Prepared extends ImageClassificationModel {
  #rows: number[][] = [];
  override async onTrainBatchStart({ x }: ImageBatch) {
    this.#rows = ((await x.array()) as number[][]).map((row) => row.slice(0, 4));
  }
  override trainingStep(batch: ImageBatch, batchIdx: number) {
    const target = stepInput(() => tf.tensor2d(this.#rows));
    const soft = losses.klDivergence(this.forward(batch.x), target);
    return tf.add(super.trainingStep(batch, batchIdx) as tf.Scalar, soft);
  }
}

const CASES: Record<string, readonly [make: () => unknown, shape: readonly number[], options: Options]> = {
  'a perceptron with dropout': [perceptron({ dropout: 0.3, inputDropout: 0.1 }), [8], {}],
  'a convolutional network': [
    () => new ImageClassificationModel({ encoder: convNet({ inputs: [8, 8, 2], channels: [4, 6] }), classes: 4 }),
    [8, 8, 2],
    { gradientClipVal: 0.5 },
  ],
  'a depthwise-separable network': [
    () =>
      new ImageClassificationModel({
        encoder: depthwiseSeparableNet({ inputs: [8, 8, 2], channels: [4, 6] }),
        classes: 4,
        optimizer: 'sgd',
        learningRate: 0.01,
      }),
    [8, 8, 2],
    {},
  ],
  'accumulated gradients, clipped by value': [
    perceptron(),
    [8],
    { accumulateGradBatches: 4, gradientClipVal: 0.05, gradientClipAlgorithm: 'value' },
  ],
  'parameter groups with a schedule': [
    () => new Grouped({ encoder: mlp({ inputs: 8, hidden: [12], classes: 4 }), classes: 4, head: 'none' }),
    [8],
    {},
  ],
  'distillation at a falling temperature': [
    () =>
      new DistillationModule({
        teacher: mlp({ inputs: 8, hidden: [6], classes: 4 }),
        encoder: mlp({ inputs: 8, hidden: [5] }),
        classes: 4,
        alpha: 0.7,
      }),
    [8],
    { callbacks: [new TemperatureCallback({ schedule: 'linear' }, { epochs: 40 })] },
  ],
  'logits that were prepared before the step': [
    () => new Prepared({ encoder: mlp({ inputs: 8, hidden: [12], classes: 4 }), classes: 4, head: 'none' }),
    [8],
    {},
  ],
  // Twelve units as above would have one whose input comes so near to zero that rounding decides.
  'an average of the weights': [
    perceptron({ hidden: [10] }),
    [8],
    { callbacks: [new EMAWeightAveraging({ decay: 0.9 })] },
  ],
};

describe.skipIf(!NATIVE)(`compiled training${WHERE}`, () => {
  assertFileLeaksNothing();
  beforeAll(async () => void (await startEngine({ engine: 'tensorflow' })));

  test.each(Object.entries(CASES))('%s: 200 steps as eager ones', async (_, [make, shape, options]) => {
    const given = { maxSteps: options.accumulateGradBatches === undefined ? 200 : 60, ...options };
    const eager = await train(make as () => Module, shape, { ...given, compile: false });
    expectSame(await train(make as () => Module, shape, { ...given, compile: true }), eager);
  });
});
