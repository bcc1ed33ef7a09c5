/** A ready-made image classifier: an encoder, a linear head, cross-entropy, and the metrics everybody looks at. */
import { z } from 'zod';
import { ConfigError, DataError, show } from '../core/errors.ts';
import { anyThat, numberBetween, oneOf, parseOptions, positiveNumber, wholeNumber } from '../core/options.ts';
import { onHost } from '../core/recording.ts';
import * as tf from '../core/tf.ts';
import { readsAreCheap } from '../engine/info.ts';
import { crossEntropy } from '../losses/cross-entropy.ts';
import { focalLoss } from '../losses/focal.ts';
import { checkLabels } from '../losses/labels.ts';
import { accuracy } from '../metrics/accuracy.ts';
import { Adam, AdamW, cosineWithWarmup, type Optimizer, SGD } from '../optim/index.ts';
import { LightningModule } from './lightning-module.ts';
import type { StepResult } from './module-host.ts';
import type { ConfiguredOptimizers } from './optimizer-config.ts';
import { testTimeAugmentation } from './test-time-augmentation.ts';
import { VIEW_KINDS, type ViewKind } from './view-kinds.ts';

/** A batch of images with their labels. */
export interface ImageBatch {
  /** Images, `[batch, height, width, channels]` or whatever shape the encoder takes. */
  readonly x: tf.Tensor;
  /** Labels, int32 `[batch]`; or class probabilities, `[batch, classes]`. */
  readonly y: tf.Tensor;
}

/** Options of {@link ImageClassificationModel}. */
export interface ImageClassificationOptions {
  /** The network below the head; or, with `head: 'none'`, the whole network. */
  encoder: tf.LayersModel;
  /** Number of classes. */
  classes: number;
  /** `'linear'` (default) puts a dense layer of `classes` units on the encoder; `'none'` when it gives logits itself. */
  head?: 'linear' | 'none' | undefined;
  /** Learning rate. Default 1e-3. */
  learningRate?: number | undefined;
  /** Default `'adam'`. */
  optimizer?: 'adam' | 'adamw' | 'sgd' | undefined;
  /** Default 0. */
  weightDecay?: number | undefined;
  /** The largest norm of the weights that arrive at one unit, held after each step. Default: no limit. */
  maxNorm?: number | undefined;
  /** `'cosine'` (default): down to 0 over the whole run, stepped with each optimizer step. */
  lrSchedule?: 'cosine' | 'constant' | undefined;
  /** Optimizer steps over which the learning rate rises before the cosine begins. Default 0. */
  warmupSteps?: number | undefined;
  /** Label smoothing of the cross-entropy. Default 0. */
  labelSmoothing?: number | undefined;
  /** One weight per class in the training loss; see `losses.balancedClassWeights`. Default: all alike. */
  classWeights?: readonly number[] | undefined;
  /** Trains with the focal loss of this gamma instead of cross-entropy. Default 0: cross-entropy. */
  focalGamma?: number | undefined;
  /** Test and predict with the mean over these views of each image. Default `['identity']`. */
  testViews?: readonly ViewKind[] | undefined;
}

const schema = z.strictObject({
  encoder: anyThat<tf.LayersModel>('a tf.LayersModel', (value) => value instanceof tf.LayersModel),
  classes: wholeNumber(2),
  head: oneOf('linear', 'none').default('linear'),
  learningRate: positiveNumber().default(1e-3),
  optimizer: oneOf('adam', 'adamw', 'sgd').default('adam'),
  weightDecay: numberBetween(0, Number.POSITIVE_INFINITY).default(0),
  maxNorm: positiveNumber().optional(),
  lrSchedule: oneOf('cosine', 'constant').default('cosine'),
  warmupSteps: wholeNumber(0).default(0),
  labelSmoothing: numberBetween(0, 1).default(0),
  classWeights: z
    .array(numberBetween(0, Number.MAX_VALUE), { error: 'a list with one number per class' })
    .readonly()
    .optional(),
  focalGamma: numberBetween(0, Number.POSITIVE_INFINITY).default(0),
  testViews: z
    .array(oneOf(...VIEW_KINDS), { error: 'a list of views' })
    .readonly()
    .default(['identity']),
});

/** What {@link ImageClassificationModel} logs. */
export type ClassifierMetric = 'train_loss' | 'val_loss' | 'val_acc' | 'test_loss' | 'test_acc';

/**
 * Classifies images. Logs `train_loss`, `val_loss`, `val_acc`, `test_loss` and `test_acc`; a subclass that logs more says
 * so in the type argument: `extends ImageClassificationModel<'val_kappa'>`.
 *
 * @throws ConfigError for wrong options; DataError when a batch does not fit the encoder or a label is out of range
 *
 * @example
 * ```ts
 * const model = new ImageClassificationModel({ encoder: mlp({ inputs: [28, 28, 1], hidden: [800, 800] }), classes: 10 });
 * await trainer.fit(model, { train, val });
 * ```
 */
export class ImageClassificationModel<Own extends string = never> extends LightningModule<
  ImageBatch,
  ClassifierMetric | Own
> {
  readonly net: tf.LayersModel;
  readonly classes: number;
  /** The views whose mean `testStep` and `predictStep` take. May be changed. */
  testViews: readonly ViewKind[];
  protected readonly settings: Omit<z.output<typeof schema>, 'encoder'>;

  constructor(options: ImageClassificationOptions) {
    super();
    const { encoder, ...settings } = parseOptions('ImageClassificationModel', schema, options);
    this.settings = settings;
    this.classes = settings.classes;
    this.testViews = settings.testViews;
    checkWeights(settings);
    this.net = settings.head === 'none' ? encoder : withHead(encoder, settings.classes);
    this.saveHyperparameters(settings);
  }

  /** Logits `[batch, classes]` of images. */
  override forward(x: tf.Tensor): tf.Tensor2D {
    this.#checkShape(x);
    return this.net.apply(x, { training: this.training }) as tf.Tensor2D;
  }

  override trainingStep(batch: ImageBatch, batchIdx: number): StepResult {
    this.checkBatch(batch, batchIdx);
    const loss = this.loss(this.forward(batch.x), batch.y);
    this.log('train_loss', loss, { progBar: true });
    return loss;
  }

  /** Returns the logits: callbacks that draw predictions need not compute them again. */
  override validationStep(batch: ImageBatch, batchIdx: number): { logits: tf.Tensor2D } {
    return this.#evaluate('val', batch, batchIdx);
  }

  override testStep(batch: ImageBatch, batchIdx: number): { logits: tf.Tensor2D } {
    return this.#evaluate('test', batch, batchIdx);
  }

  /** Class probabilities `[batch, classes]`. */
  override predictStep(batch: ImageBatch): tf.Tensor {
    return this.#probabilities(batch.x);
  }

  override configureOptimizers(): ConfiguredOptimizers {
    const optimizer = this.#makeOptimizer();
    if (this.settings.lrSchedule === 'constant') return optimizer;
    const totalSteps = this.trainer.estimatedSteppingBatches;
    if (!Number.isFinite(totalSteps)) return optimizer; // a run without limits has no end to decay to
    const { warmupSteps } = this.settings;
    const scheduler = cosineWithWarmup(optimizer, { warmupSteps: Math.min(warmupSteps, totalSteps - 1), totalSteps });
    return { optimizer, lrScheduler: { scheduler, interval: 'step' } };
  }

  /** The training loss: cross-entropy of logits with labels, or focal loss, with the weights of the classes. */
  protected loss(logits: tf.Tensor2D, y: tf.Tensor): tf.Scalar {
    if (!this.training) return crossEntropy(logits, y);
    const { labelSmoothing, classWeights, focalGamma } = this.settings;
    return tf.tidy(() => {
      const weight = classWeights && tf.tensor1d(classWeights as number[]);
      if (focalGamma > 0) return focalLoss(logits, y, { gamma: focalGamma, weight });
      return crossEntropy(logits, y, { labelSmoothing, weight });
    });
  }

  #probabilities(x: tf.Tensor): tf.Tensor2D {
    if (this.#seesOnce) return tf.softmax(this.forward(x));
    return testTimeAugmentation((view) => this.forward(view), this.testViews)(x as tf.Tensor4D);
  }

  /** Whether images are shown as they are. */
  get #seesOnce(): boolean {
    return this.testViews.length === 1 && this.testViews[0] === 'identity';
  }

  /** Looks for labels out of range: in every batch where reading them is cheap, else in the first of each epoch. */
  protected checkBatch(batch: ImageBatch, batchIdx: number): void {
    const { y } = batch;
    if (!(y instanceof tf.Tensor)) throw noLabels(this.constructor.name, batch);
    if (y.rank !== 1) return;
    onHost([y], batchIdx, ([labels], index) => {
      if (index === 0 || readsAreCheap()) checkLabels(labels as tf.Tensor, this.classes);
    });
  }

  #evaluate(prefix: 'val' | 'test', batch: ImageBatch, batchIdx: number): { logits: tf.Tensor2D } {
    this.checkBatch(batch, batchIdx);
    const plain = prefix === 'val' || this.#seesOnce;
    // The logarithm of probabilities is a set of logits that has them.
    const logits = plain ? this.forward(batch.x) : logOf(this.#probabilities(batch.x));
    const labels = batch.y.rank === 1 ? batch.y : tf.argMax(batch.y, 1);
    this.log(`${prefix}_loss`, crossEntropy(logits, batch.y) as tf.Scalar);
    this.log(`${prefix}_acc`, accuracy(logits, labels as tf.Tensor1D), { progBar: true });
    return { logits };
  }

  #makeOptimizer(): Optimizer {
    const { optimizer, learningRate: lr, weightDecay, maxNorm } = this.settings;
    switch (optimizer) {
      case 'adam':
        return new Adam(this.parameters(), { lr, weightDecay, maxNorm });
      case 'adamw':
        return new AdamW(this.parameters(), { lr, weightDecay, maxNorm });
      case 'sgd':
        return new SGD(this.parameters(), { lr, weightDecay, maxNorm, momentum: 0.9 });
      default:
        return optimizer satisfies never;
    }
  }

  #checkShape(x: tf.Tensor): void {
    const expected = (this.net.inputs[0] as tf.SymbolicTensor).shape.slice(1);
    const fits =
      x.rank === expected.length + 1 && expected.every((size, i) => size === null || size === x.shape[i + 1]);
    if (fits) return;
    throw new DataError(`A batch does not fit ${this.constructor.name}`, {
      code: 'batch-shape',
      expected: `images of shape [batch, ${expected.map((size) => size ?? '?').join(', ')}]`,
      got: `[${x.shape.join(', ')}]`,
      help: 'reshape the images in the dataset, or build the encoder for this shape',
    });
  }
}

const logOf = (probabilities: tf.Tensor2D): tf.Tensor2D => tf.log(tf.maximum(probabilities, 1e-30)) as tf.Tensor2D;

function checkWeights({
  classWeights,
  classes,
}: {
  classWeights?: readonly number[] | undefined;
  classes: number;
}): void {
  if (classWeights === undefined || classWeights.length === classes) return;
  throw new ConfigError('ImageClassificationModel: `classWeights`', {
    code: 'invalid-option',
    expected: `${classes} numbers, one per class`,
    got: `${classWeights.length}`,
  });
}

function withHead(encoder: tf.LayersModel, classes: number): tf.LayersModel {
  const features = encoder.outputs[0] as tf.SymbolicTensor;
  const flat = features.rank > 2 ? (tf.layers.flatten().apply(features) as tf.SymbolicTensor) : features;
  const logits = tf.layers.dense({ units: classes, name: freshName('head') }).apply(flat) as tf.SymbolicTensor;
  return tf.model({ inputs: encoder.inputs, outputs: logits });
}

let heads = 0;
/** tfjs wants layer names to be unique within a model only, but variables everywhere. */
const freshName = (base: string): string => `${base}_Head${++heads}`;

const noLabels = (owner: string, batch: object): DataError =>
  new DataError(`${owner}: the batch`, {
    code: 'no-labels',
    expected: 'images `x` and labels `y`, as tensors',
    got: Object.keys(batch).join(', ') || show(batch),
  });
