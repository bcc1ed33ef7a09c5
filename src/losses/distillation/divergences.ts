/** Other distances between softened distributions than Hinton's: reverse KL, Jensen–Shannon, soft cross-entropy; logits. */
import { z } from 'zod';
import { detach } from '../../core/detach.ts';
import { ConfigError } from '../../core/errors.ts';
import { flag, numberBetween, parseOptions } from '../../core/options.ts';
import * as tf from '../../core/tf.ts';
import { checkPair, logSoft, reduceSamples, type SoftLossOptions, softLossSchema } from './soft.ts';

/**
 * `T² · KL(softmax(student / T) ‖ softmax(teacher / T))`: seeks a mode of the teacher instead of covering all.
 *
 * @param studentLogits shape [batch, classes]
 * @param teacherLogits the same shape; a constant
 * @throws DataError `loss-shape`; ConfigError for wrong options
 * @example
 * ```ts
 * const loss = losses.reverseKLDivergence(student, teacher, { temperature: 4 });
 * ```
 */
export function reverseKLDivergence(
  studentLogits: tf.Tensor,
  teacherLogits: tf.Tensor,
  options?: SoftLossOptions,
): tf.Tensor {
  const parsed = parseOptions('reverseKLDivergence', softLossSchema, options);
  return between('reverseKLDivergence', studentLogits, teacherLogits, parsed, divergence);
}

/** Options of {@link jensenShannonDivergence}. */
export interface JensenShannonOptions extends SoftLossOptions {
  /** The teacher's share β of the mixture, between 0 and 1. Default 0.5. */
  beta?: number | undefined;
}

const jensenSchema = softLossSchema.extend({ beta: numberBetween(0, 1).default(0.5) });

/**
 * The generalised Jensen–Shannon divergence, times T²: `β KL(p_t ‖ m) + (1 - β) KL(p_s ‖ m)` with `m = β p_t + (1 - β) p_s`
 * (Agarwal et al. 2023, arXiv 2306.13649).
 *
 * @throws DataError `loss-shape`; ConfigError for wrong options, β of 0 or 1 included, where it is 0 everywhere
 * @example
 * ```ts
 * const loss = losses.jensenShannonDivergence(student, teacher, { beta: 0.3 });
 * ```
 */
export function jensenShannonDivergence(
  studentLogits: tf.Tensor,
  teacherLogits: tf.Tensor,
  options?: JensenShannonOptions,
): tf.Tensor {
  const { beta, ...soft } = parseOptions('jensenShannonDivergence', jensenSchema, options);
  if (beta === 0 || beta === 1) {
    throw new ConfigError('jensenShannonDivergence: option `beta`', {
      code: 'invalid-option',
      expected: 'a number between 0 and 1',
      got: String(beta),
      help: 'use klDivergence (the limit at 0) or reverseKLDivergence (at 1)',
    });
  }
  return between('jensenShannonDivergence', studentLogits, teacherLogits, soft, (student, teacher) => {
    const [a, b] = [tf.add(teacher, Math.log(beta)), tf.add(student, Math.log(1 - beta))];
    const largest = detach(tf.maximum(a, b));
    const mixture = tf.add(largest, tf.log(tf.add(tf.exp(tf.sub(a, largest)), tf.exp(tf.sub(b, largest)))));
    return tf.add(tf.mul(divergence(teacher, mixture), beta), tf.mul(divergence(student, mixture), 1 - beta));
  });
}

/**
 * `-T² · Σ p_t log p_s`: KL's gradient, its value higher by the teacher's entropy.
 *
 * @throws DataError `loss-shape`; ConfigError for wrong options
 * @example
 * ```ts
 * const loss = losses.softCrossEntropy(student, teacher, { temperature: 4 });
 * ```
 */
export function softCrossEntropy(
  studentLogits: tf.Tensor,
  teacherLogits: tf.Tensor,
  options?: SoftLossOptions,
): tf.Tensor {
  const parsed = parseOptions('softCrossEntropy', softLossSchema, options);
  return between('softCrossEntropy', studentLogits, teacherLogits, parsed, (student, teacher) =>
    tf.neg(tf.sum(tf.mul(tf.exp(teacher), student), 1)),
  );
}

/** Options of {@link logitMse}. */
export interface LogitMseOptions {
  /** Take each row's mean away first: a constant added to all logits of a sample is no knowledge. Default `false`. */
  centered?: boolean | undefined;
}

const logitSchema = z.strictObject({ centered: flag().default(false) });

/**
 * The mean squared difference of logits (Ba and Caruana 2014; Kim et al. 2021, arXiv 2105.08919), over all elements.
 *
 * @throws DataError `loss-shape`; ConfigError for wrong options
 * @example
 * ```ts
 * const loss = losses.logitMse(student, teacher, { centered: true });
 * ```
 */
export function logitMse(studentLogits: tf.Tensor, teacherLogits: tf.Tensor, options?: LogitMseOptions): tf.Scalar {
  const { centered } = parseOptions('logitMse', logitSchema, options);
  checkPair('logitMse', studentLogits, teacherLogits);
  const rows = (logits: tf.Tensor): tf.Tensor => (centered ? tf.sub(logits, tf.mean(logits, 1, true)) : logits);
  return tf.tidy(() => tf.mean(tf.square(tf.sub(rows(studentLogits), rows(detach(teacherLogits)))))) as tf.Scalar;
}

/** KL(p ‖ q) of each row, from the logarithms of both. */
const divergence = (p: tf.Tensor, q: tf.Tensor): tf.Tensor => tf.sum(tf.mul(tf.exp(p), tf.sub(p, q)), 1);

/** T² times what `distance` says of each row's log-probabilities at T, reduced. The teacher is a constant. */
function between(
  owner: string,
  studentLogits: tf.Tensor,
  teacherLogits: tf.Tensor,
  { temperature, reduction }: z.output<typeof softLossSchema>,
  distance: (student: tf.Tensor, teacher: tf.Tensor) => tf.Tensor,
): tf.Tensor {
  checkPair(owner, studentLogits, teacherLogits);
  return tf.tidy(() => {
    const each = distance(logSoft(studentLogits, temperature), logSoft(detach(teacherLogits), temperature));
    return tf.mul(reduceSamples(each, reduction, studentLogits.shape[1] as number), temperature ** 2);
  });
}
