/** Losses that mind only how logits relate to one another: DIST's correlations, and standardised logits. */
import { z } from 'zod';
import { detach } from '../../core/detach.ts';
import { DataError } from '../../core/errors.ts';
import { numberBetween, parseOptions, positiveNumber } from '../../core/options.ts';
import * as tf from '../../core/tf.ts';
import { klDivergence } from '../kl-divergence.ts';
import { checkPair, logSoft, type SoftLossOptions, softLossSchema } from './soft.ts';

/** Options of {@link correlationDistillation}. */
export interface CorrelationOptions {
  /** Weight of the correlation over the classes of each sample. Default 1. */
  beta?: number | undefined;
  /** Weight of the correlation over the samples of each class. Default 1. */
  gamma?: number | undefined;
  /** Default 1. */
  temperature?: number | undefined;
}

const schema = z.strictObject({
  beta: numberBetween(0, Number.POSITIVE_INFINITY).default(1),
  gamma: numberBetween(0, Number.POSITIVE_INFINITY).default(1),
  temperature: positiveNumber().default(1),
});

const TINY = 1e-8;

/**
 * DIST: `T² (β (1 - ρ over classes) + γ (1 - ρ over the batch))` of the softened probabilities, ρ Pearson's correlation
 * (Huang et al. 2022, arXiv 2205.10536).
 *
 * @throws DataError `loss-shape`; `batch-too-small` for one sample with γ > 0
 * @example
 * ```ts
 * const loss = losses.correlationDistillation(student, teacher, { temperature: 4 });
 * ```
 */
export function correlationDistillation(
  studentLogits: tf.Tensor,
  teacherLogits: tf.Tensor,
  options?: CorrelationOptions,
): tf.Scalar {
  const { beta, gamma, temperature } = parseOptions('correlationDistillation', schema, options);
  checkPair('correlationDistillation', studentLogits, teacherLogits);
  if (gamma > 0 && studentLogits.shape[0] === 1) {
    throw new DataError('correlationDistillation', {
      code: 'batch-too-small',
      expected: 'at least 2 samples to correlate over the batch',
      got: '1',
      help: 'use larger batches with `dropLast: true`, or `gamma: 0`',
    });
  }
  return tf.tidy(() => {
    const student = tf.exp(logSoft(studentLogits, temperature));
    const teacher = tf.exp(logSoft(detach(teacherLogits), temperature));
    const inter = tf.mul(tf.sub(1, correlation(student, teacher, 1)), beta);
    const intra = tf.mul(tf.sub(1, correlation(student, teacher, 0)), gamma);
    return tf.mul(tf.add(inter, intra), temperature ** 2) as tf.Scalar;
  });
}

/** The mean of Pearson's correlations along an axis. */
function correlation(a: tf.Tensor, b: tf.Tensor, axis: number): tf.Tensor {
  const centered = (x: tf.Tensor): tf.Tensor => tf.sub(x, tf.mean(x, axis, true));
  const [u, v] = [centered(a), centered(b)];
  const square = (x: tf.Tensor): tf.Tensor => tf.maximum(tf.sum(tf.square(x), axis), TINY ** 2);
  return tf.mean(tf.div(tf.sum(tf.mul(u, v), axis), tf.sqrt(tf.mul(square(u), square(v)))));
}

/**
 * Each row with mean 0 and standard deviation 1 (of a sample, `n - 1`): the student need not match the size of the
 * teacher's logits (Sun et al. 2024, arXiv 2403.01427).
 *
 * @param logits shape [batch, classes]
 * @example
 * ```ts
 * const rows = losses.standardizeLogits(logits);
 * ```
 */
export function standardizeLogits(logits: tf.Tensor): tf.Tensor2D {
  return tf.tidy(() => {
    const centered = tf.sub(logits, tf.mean(logits, 1, true));
    const variance = tf.div(tf.sum(tf.square(centered), 1, true), Math.max(1, (logits.shape[1] as number) - 1));
    return tf.div(centered, tf.add(tf.sqrt(tf.maximum(variance, TINY ** 2)), 1e-7)) as tf.Tensor2D;
  });
}

const standardSchema = softLossSchema.extend({ temperature: positiveNumber().default(2) });

/**
 * {@link klDivergence} of standardised logits, times T². The paper uses it with weight 9 beside 0.1 cross-entropy.
 *
 * @param options temperature 2 by default
 * @throws DataError `loss-shape`; ConfigError for wrong options
 * @example
 * ```ts
 * const loss = losses.standardizedKLDivergence(student, teacher);
 * ```
 */
export function standardizedKLDivergence(
  studentLogits: tf.Tensor,
  teacherLogits: tf.Tensor,
  options?: SoftLossOptions,
): tf.Tensor {
  const settings = parseOptions('standardizedKLDivergence', standardSchema, options);
  checkPair('standardizedKLDivergence', studentLogits, teacherLogits);
  return tf.tidy(() => klDivergence(standardizeLogits(studentLogits), standardizeLogits(teacherLogits), settings));
}
