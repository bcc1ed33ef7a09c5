/** Losses against a distribution made of labels: the teacher corrected by them (MFT), and no teacher at all (Tf-KD). */
import { z } from 'zod';
import { detach } from '../../core/detach.ts';
import { numberBetween, oneOf, parseOptions, positiveNumber } from '../../core/options.ts';
import * as tf from '../../core/tf.ts';
import type { KLReduction } from '../kl-divergence.ts';
import { checkLogits } from '../shapes.ts';
import { checkPair, logSoft, oneHotLabels, reduceSamples, softLossSchema } from './soft.ts';

/** Options of {@link minifinetuning}. */
export interface MinifinetuningOptions {
  /** How far the right class is put above the others. Default 0.2. */
  threshold?: number | undefined;
  /** Default 1. */
  temperature?: number | undefined;
  /** Default `'batchmean'`. */
  reduction?: KLReduction | undefined;
}

const schema = softLossSchema.extend({ threshold: numberBetween(0, 1).default(0.2) });

/**
 * MFT (arXiv 2506.15702): KL to the teacher's distribution after it has been corrected by the label, times T². Where the
 * teacher is wrong, the right class ends up `threshold` above its favourite; where it is right, that much higher, 1 at most.
 *
 * @param labels class numbers [batch]
 * @throws DataError `loss-shape`; ConfigError for wrong options
 * @example
 * ```ts
 * const loss = losses.minifinetuning(student, teacher, y);
 * ```
 */
export function minifinetuning(
  studentLogits: tf.Tensor,
  teacherLogits: tf.Tensor,
  labels: tf.Tensor,
  options?: MinifinetuningOptions,
): tf.Tensor {
  const { threshold, temperature, reduction } = parseOptions('minifinetuning', schema, options);
  checkPair('minifinetuning', studentLogits, teacherLogits);
  return tf.tidy(() => {
    const right = oneHotLabels('minifinetuning', studentLogits, labels);
    const p = tf.exp(logSoft(detach(teacherLogits), temperature));
    const target = corrected(p, right, threshold);
    const student = logSoft(studentLogits, temperature);
    // 0 · log 0 is 0: the label may have all of the mass
    const known = tf.log(tf.maximum(target, 1e-30));
    const each = tf.sum(tf.mul(target, tf.sub(known, student)), 1);
    return tf.mul(reduceSamples(each, reduction, studentLogits.shape[1] as number), temperature ** 2);
  });
}

function corrected(p: tf.Tensor, right: tf.Tensor, threshold: number): tf.Tensor {
  const largest = tf.max(p, 1, true);
  const own = tf.sum(tf.mul(p, right), 1, true);
  const isRight = tf.greaterEqual(own, largest);
  const gap = tf.add(tf.sub(largest, own), threshold);
  const whenWrong = tf.div(gap, tf.add(tf.sub(tf.add(largest, 1), own), 1e-7));
  const cap = tf.minimum(tf.add(own, threshold), 1);
  const whenRight = tf.div(tf.sub(cap, largest), tf.add(tf.sub(1, largest), 1e-7));
  const mix = tf.where(isRight, whenRight, whenWrong);
  return tf.add(tf.mul(tf.sub(1, mix), p), tf.mul(mix, right));
}

/** Options of {@link teacherFreeRegularization}. */
export interface TeacherFreeOptions {
  /** The probability of the right class. Default 0.99. */
  correct?: number | undefined;
  /** Softens the hand-made target. Default 20. */
  temperature?: number | undefined;
  /** What is divided by T: the `'probabilities'`, as published (default), or their `'logits'`. */
  soften?: 'probabilities' | 'logits' | undefined;
}

const freeSchema = z.strictObject({
  correct: numberBetween(0, 1).default(0.99),
  temperature: positiveNumber().default(20),
  soften: oneOf('probabilities', 'logits').default('probabilities'),
});

/**
 * Tf-KD_reg (Yuan et al. 2020, arXiv 1909.11723): `KL(hand-made teacher ‖ student)`, the mean over the batch, the student
 * at temperature 1. The hand-made teacher gives `correct` to the label and the rest to the others in equal parts.
 *
 * @param logits shape [batch, classes]
 * @param labels class numbers [batch]
 * @throws DataError `loss-shape`; ConfigError for wrong options
 * @example
 * ```ts
 * const loss = tf.add(losses.crossEntropy(logits, y), losses.teacherFreeRegularization(logits, y));
 * ```
 */
export function teacherFreeRegularization(
  logits: tf.Tensor,
  labels: tf.Tensor,
  options?: TeacherFreeOptions,
): tf.Scalar {
  const { correct, temperature, soften } = parseOptions('teacherFreeRegularization', freeSchema, options);
  checkLogits('teacherFreeRegularization', logits);
  const rest = (1 - correct) / ((logits.shape[1] as number) - 1);
  return tf.tidy(() => {
    const right = oneHotLabels('teacherFreeRegularization', logits, labels);
    const value = (probability: number): number =>
      (soften === 'logits' ? Math.log(Math.max(probability, 1e-30)) : probability) / temperature;
    const teacher = logSoft(tf.add(tf.mul(right, value(correct) - value(rest)), value(rest)));
    const each = tf.sum(tf.mul(tf.exp(teacher), tf.sub(teacher, logSoft(logits))), 1);
    return tf.mean(each) as tf.Scalar;
  });
}
