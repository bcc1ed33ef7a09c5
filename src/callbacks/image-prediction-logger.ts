/** ImagePredictionLogger: after each validation some images with what the network takes them for. */
import { z } from 'zod';
import type { Callback, ModuleView, TrainerView } from '../core/contracts.ts';
import { ConfigError } from '../core/errors.ts';
import { countIn, flag, parseOptions, text, wholeNumber } from '../core/options.ts';
import * as tf from '../core/tf.ts';
import { labelled, labelsOf, logitsOf } from './classified.ts';
import { type Prediction, pixelsOf, predictionPicture } from './prediction-picture.ts';
import { requireTensorBoard, writeToTensorBoard } from './tensorboard-writers.ts';

/** Options of {@link ImagePredictionLogger}. */
export interface ImagePredictionLoggerOptions {
  /** One name per class. Default: the class numbers. */
  classNames?: readonly string[] | undefined;
  /** Images in the picture. Default 16. */
  maxImages?: number | undefined;
  /** Show only what is taken for something else. Default `true`. */
  onlyWrong?: boolean | undefined;
  /** Batches that are looked through for images, at most. Default 8. */
  maxBatches?: number | undefined;
  /** Log every so many epochs. Default 1. */
  everyNEpochs?: number | `${number}ep` | undefined;
  /** Default `'predictions'`. */
  tag?: string | undefined;
}

const schema = z.strictObject({
  classNames: z.array(text(), { error: 'an array of names' }).optional(),
  maxImages: wholeNumber(1).default(16),
  onlyWrong: flag().default(true),
  maxBatches: wholeNumber(1).default(8),
  everyNEpochs: countIn('ep', 1).default(1),
  tag: text().default('predictions'),
});

const OWNER = 'ImagePredictionLogger';

/**
 * Logs a picture of validation images, the true class and the predicted one below each, misclassified ones by default.
 * Looks through the first batches until there are enough. Images are `[height, width, channels]` of any range, or flat
 * and square.
 *
 * @throws ConfigError `no-logger`, `not-a-classifier`, `not-an-image`, `unknown-option`, `invalid-option`
 *
 * @example
 * ```ts
 * new ImagePredictionLogger({ classNames: ['cat', 'dog', 'fish'], maxImages: 25 })
 * ```
 */
export class ImagePredictionLogger implements Callback {
  readonly #options: z.output<typeof schema>;
  #found: Prediction[] = [];

  constructor(options: ImagePredictionLoggerOptions = {}) {
    this.#options = parseOptions(OWNER, schema, options);
  }

  onValidationStart(trainer: TrainerView): void {
    requireTensorBoard(OWNER, trainer);
    this.#found = [];
  }

  async onValidationBatchEnd(
    trainer: TrainerView,
    module: ModuleView,
    outputs: unknown,
    batch: unknown,
    batchIdx: number,
  ): Promise<void> {
    const { maxImages, maxBatches, everyNEpochs } = this.#options;
    if (trainer.sanityChecking || (trainer.currentEpoch + 1) % everyNEpochs !== 0) return;
    if (batchIdx >= maxBatches || this.#found.length >= maxImages) return;
    const { x } = labelled(OWNER, module, batch);
    const pair = tf.tidy(() => {
      const predicted = tf.argMax(logitsOf(OWNER, module, outputs, batch), 1);
      return tf.stack([tf.cast(predicted, 'int32'), labelsOf(OWNER, module, batch)]) as tf.Tensor2D;
    });
    try {
      const [predicted = [], truth = []] = await pair.array();
      for (const [i, label] of truth.entries()) {
        if (this.#found.length >= maxImages) return;
        if (this.#options.onlyWrong && predicted[i] === label) continue;
        this.#found.push(await this.#look(x, i, label, predicted[i] ?? -1));
      }
    } finally {
      pair.dispose();
    }
  }

  onValidationEpochEnd(trainer: TrainerView): void {
    const found = this.#found;
    this.#found = [];
    if (found.length === 0) return;
    const picture = predictionPicture(found);
    writeToTensorBoard(trainer, (writer) => writer.addImage(this.#options.tag, picture, trainer.loggedStep));
  }

  async #look(x: tf.Tensor, i: number, truth: number, predicted: number): Promise<Prediction> {
    const shape = x.shape.slice(1);
    const one = tf.slice(x, [i], [1]);
    try {
      const image = pixelsOf(await one.data(), shape);
      if (image !== undefined) return { image, truth: this.#name(truth), predicted: this.#name(predicted) };
    } finally {
      one.dispose();
    }
    throw new ConfigError(OWNER, {
      code: 'not-an-image',
      expected: 'samples of shape [height, width, 1, 3 or 4 channels], or flat and square',
      got: `[${shape.join(', ')}]`,
    });
  }

  #name(index: number): string {
    return this.#options.classNames?.[index] ?? String(index);
  }
}
