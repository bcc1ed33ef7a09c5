/** ConfusionMatrixLogger: after each validation a picture of which class is taken for which. */
import { z } from 'zod';
import type { Callback, ModuleView, TrainerView } from '../core/contracts.ts';
import { countIn, parseOptions, text } from '../core/options.ts';
import * as tf from '../core/tf.ts';
import { confusionMatrix } from '../metrics/confusion.ts';
import { labelsOf, logitsOf } from './classified.ts';
import { confusionPicture } from './confusion-picture.ts';
import { requireTensorBoard, writeToTensorBoard } from './tensorboard-writers.ts';

/** Options of {@link ConfusionMatrixLogger}. */
export interface ConfusionMatrixLoggerOptions {
  /** One name per class. Default: the class numbers. */
  classNames?: readonly string[] | undefined;
  /** Log every so many epochs. Default 1. */
  everyNEpochs?: number | `${number}ep` | undefined;
  /** Default `'confusion_matrix'`. */
  tag?: string | undefined;
}

const schema = z.strictObject({
  classNames: z.array(text(), { error: 'an array of names' }).optional(),
  everyNEpochs: countIn('ep', 1).default(1),
  tag: text().default('confusion_matrix'),
});

/**
 * Counts over all validation batches which class was taken for which, and logs it as a picture: rows are the true
 * classes, columns the predicted ones, shades the share of the row. The counts stay on the device until the end.
 *
 * Where the validation step returns the logits (or `{ logits }`) those are used; else each batch is computed again.
 *
 * @throws ConfigError `no-logger`, `not-a-classifier`, `unknown-option`, `invalid-option`
 *
 * @example
 * ```ts
 * new ConfusionMatrixLogger({ classNames: ['cat', 'dog', 'fish'], everyNEpochs: 5 })
 * ```
 */
export class ConfusionMatrixLogger implements Callback {
  readonly #options: z.output<typeof schema>;
  #counts: tf.Tensor2D | undefined;

  constructor(options: ConfusionMatrixLoggerOptions = {}) {
    this.#options = parseOptions('ConfusionMatrixLogger', schema, options);
  }

  onValidationStart(trainer: TrainerView): void {
    requireTensorBoard('ConfusionMatrixLogger', trainer);
    this.#forget();
  }

  onValidationBatchEnd(trainer: TrainerView, module: ModuleView, outputs: unknown, batch: unknown): void {
    if (!this.#due(trainer)) return;
    const before = this.#counts;
    this.#counts = tf.tidy(() => {
      const logits = logitsOf('ConfusionMatrixLogger', module, outputs, batch);
      const counts = confusionMatrix(
        tf.argMax(logits, 1),
        labelsOf('ConfusionMatrixLogger', module, batch),
        Math.max(2, logits.shape[1]),
      );
      return tf.keep(before === undefined ? tf.clone(counts) : (tf.add(before, counts) as tf.Tensor2D));
    });
    before?.dispose();
  }

  async onValidationEpochEnd(trainer: TrainerView): Promise<void> {
    if (this.#counts === undefined) return;
    const rows = await this.#counts.array();
    this.#forget();
    const names = rows.map((_, i) => this.#options.classNames?.[i] ?? String(i));
    const picture = confusionPicture(rows, names);
    writeToTensorBoard(trainer, (writer) => writer.addImage(this.#options.tag, picture, trainer.loggedStep));
  }

  teardown(): void {
    this.#forget();
  }

  #due(trainer: TrainerView): boolean {
    return !trainer.sanityChecking && (trainer.currentEpoch + 1) % this.#options.everyNEpochs === 0;
  }

  #forget(): void {
    this.#counts?.dispose();
    this.#counts = undefined;
  }
}
