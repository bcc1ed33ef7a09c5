/** Curriculum temperature (CTKD): a temperature that is trained against the student. */
import { z } from 'zod';
import { detach } from '../../core/detach.ts';
import { numberBetween, parseOptions, positiveNumber, wholeNumber } from '../../core/options.ts';
import * as tf from '../../core/tf.ts';
import { checkPair, logSoft } from '../../losses/distillation/soft.ts';
import { type FoundVariable, findVariables } from '../../module/variables.ts';

/** Options of {@link LearnedTemperature}. */
export interface LearnedTemperatureOptions {
  /** The lowest temperature. Default 1. */
  start?: number | undefined;
  /** How far above it T may go. Default 20. */
  range?: number | undefined;
  /** Epochs over which the reversal grows from 0 to 1, by a cosine. Default 10. */
  warmUpEpochs?: number | undefined;
}

const schema = z.strictObject({
  start: positiveNumber().default(1),
  range: numberBetween(0, 1000).default(20),
  warmUpEpochs: wholeNumber(0).default(10),
});

/**
 * `T = start + range · sigmoid(θ)`, θ trained with its gradient reversed: it makes the loss harder, slowly at first (Li et
 * al. 2023, arXiv 2211.16231). θ begins at 0 and is saved with the student's checkpoints.
 *
 * @example
 * ```ts
 * const criterion = new LogitsDistillationLoss({ temperature: new LearnedTemperature() });
 * ```
 */
export class LearnedTemperature {
  readonly #settings: { start: number; range: number; warmUpEpochs: number };
  readonly #theta: tf.Variable;
  #strength: number;

  constructor(options: LearnedTemperatureOptions = {}) {
    this.#settings = parseOptions('LearnedTemperature', schema, options);
    this.#theta = tf.tidy(() => tf.variable(tf.scalar(0)));
    this.#strength = this.#settings.warmUpEpochs === 0 ? 1 : 0;
  }

  /** How much of the reversed gradient reaches θ, 0 to 1. */
  get strength(): number {
    return this.#strength;
  }

  /** T as it is now, a scalar. */
  value(): tf.Tensor {
    const { start, range } = this.#settings;
    return tf.add(tf.mul(tf.sigmoid(this.#theta), range), start);
  }

  startEpoch(epoch: number): void {
    const { warmUpEpochs } = this.#settings;
    this.#strength = warmUpEpochs === 0 ? 1 : (1 - Math.cos(Math.PI * Math.min(1, epoch / warmUpEpochs))) / 2;
  }

  /** `T² · KL(teacher ‖ student)`, the mean over the batch. */
  klDivergence(studentLogits: tf.Tensor, teacherLogits: tf.Tensor): tf.Tensor {
    checkPair('LogitsDistillationLoss', studentLogits, teacherLogits);
    const temperature = reversed(this.value(), this.#strength) as tf.Scalar;
    const student = logSoft(studentLogits, temperature);
    const teacher = logSoft(detach(teacherLogits), temperature);
    const each = tf.sum(tf.mul(tf.exp(teacher), tf.sub(teacher, student)), 1);
    return tf.mul(tf.mean(each), tf.square(temperature));
  }

  foundVariables(): FoundVariable[] {
    return findVariables({ theta: this.#theta });
  }
}

/** The same value; its gradient comes back negative and scaled. */
function reversed(x: tf.Tensor, strength: number): tf.Tensor {
  const op = tf.customGrad((input) => ({
    value: tf.clone(input as tf.Tensor),
    gradFunc: ((dy: tf.Tensor) => tf.mul(dy, -strength)) as unknown as (dy: tf.Tensor) => tf.Tensor[],
  }));
  return op(x);
}
