/** Distillation without a teacher: a virtual one that is always right, and knows nothing else. */
import { z } from 'zod';
import { numberBetween, oneOf, parseOptions, positiveNumber } from '../../core/options.ts';
import * as tf from '../../core/tf.ts';
import * as losses from '../../losses/index.ts';
import { ImageClassificationModel, type ImageClassificationOptions } from '../../module/image-classification-model.ts';

/** Options of {@link TeacherFreeModel}: those of the classifier, and what the virtual teacher says. */
export interface TeacherFreeModelOptions extends ImageClassificationOptions {
  /** Weight of the virtual teacher, α. Default 0.1. */
  alpha?: number | undefined;
  /** What the divergence is multiplied by beside α; the authors' code uses 1 to 100. Default 1. */
  multiplier?: number | undefined;
  /** Softens what the virtual teacher says. Default 20. */
  temperature?: number | undefined;
  /** The probability that it gives the right class. Default 0.99. */
  correct?: number | undefined;
  /** What is divided by T: the `'probabilities'`, as published (default), or their `'logits'`. */
  soften?: 'probabilities' | 'logits' | undefined;
}

const schema = z.strictObject({
  alpha: numberBetween(0, 1).default(0.1),
  multiplier: positiveNumber().default(1),
  temperature: positiveNumber().default(20),
  correct: numberBetween(0, 1).default(0.99),
  soften: oneOf('probabilities', 'logits').default('probabilities'),
});

/**
 * Tf-KD_reg (Yuan et al. 2020, arXiv 1909.11723): `(1 - α) · CE + α · multiplier · KL(virtual teacher ‖ student)`, the student at
 * temperature 1; see `losses.teacherFreeRegularization`. Their other recipe, a network that teaches its own copy, is
 * `bornAgain` with two generations. Validates and tests as any image classifier.
 *
 * @throws ConfigError for wrong options
 *
 * @example
 * ```ts
 * const model = new TeacherFreeModel({ encoder: mlp({ inputs: [28, 28, 1], hidden: [800, 800] }), classes: 10, alpha: 0.1 });
 * ```
 */
export class TeacherFreeModel extends ImageClassificationModel {
  readonly #virtual: z.output<typeof schema>;

  constructor(options: TeacherFreeModelOptions) {
    const { alpha, multiplier, temperature, correct, soften, ...classifier } = options;
    super(classifier);
    this.#virtual = parseOptions('TeacherFreeModel', schema, { alpha, multiplier, temperature, correct, soften });
    this.saveHyperparameters(this.#virtual);
  }

  protected override loss(logits: tf.Tensor2D, y: tf.Tensor): tf.Scalar {
    const { alpha, multiplier, ...options } = this.#virtual;
    const own = tf.mul(super.loss(logits, y), 1 - alpha);
    return tf.add(own, tf.mul(losses.teacherFreeRegularization(logits, y, options), alpha * multiplier));
  }
}
