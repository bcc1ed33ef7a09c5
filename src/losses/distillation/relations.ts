/** Losses between how the samples of a batch relate to one another: similarity (SP, PKT), geometry (RKD), contrast. */
import { z } from 'zod';
import { detach } from '../../core/detach.ts';
import { DataError } from '../../core/errors.ts';
import { parseOptions, positiveNumber, wholeNumber } from '../../core/options.ts';
import * as tf from '../../core/tf.ts';
import { crossEntropy } from '../cross-entropy.ts';
import { shapeOf } from '../shapes.ts';
import { checkFeatures, unitRows } from './features.ts';

/**
 * Similarity-preserving distillation (Tung and Mori 2019, arXiv 1907.09682): `‖G_t - G_s‖² / B²` with `G` the samples' inner
 * products, its rows of length 1. Use it with a weight of 3000.
 *
 * @param student any shape [batch, …]
 * @param teacher any shape with the same batch; a constant
 * @throws DataError `feature-shape`
 * @example
 * ```ts
 * const loss = losses.similarityPreserving(studentMap, teacherMap);
 * ```
 */
export function similarityPreserving(student: tf.Tensor, teacher: tf.Tensor): tf.Scalar {
  const batch = sameBatch('similarityPreserving', student, teacher);
  return tf.tidy(() => {
    const gram = (features: tf.Tensor): tf.Tensor => {
      const rows = tf.reshape(features, [batch, -1]);
      return unitRows(tf.matMul(rows, rows, false, true));
    };
    return tf.mean(tf.square(tf.sub(gram(detach(teacher)), gram(student)))) as tf.Scalar;
  });
}

/**
 * Probabilistic knowledge transfer (Passalis and Tefas 2018): the mean of `p log(p / q)` over all pairs, p and q the
 * cosines of the samples, `(cos + 1) / 2`, with rows of sum 1. Use it with a weight of 30000.
 *
 * @throws DataError `feature-shape`
 * @example
 * ```ts
 * const loss = losses.probabilisticTransfer(studentFeatures, teacherFeatures);
 * ```
 */
export function probabilisticTransfer(student: tf.Tensor, teacher: tf.Tensor): tf.Scalar {
  const tiny = 1e-7;
  sameBatch('probabilisticTransfer', student, teacher);
  return tf.tidy(() => {
    const similarity = (features: tf.Tensor): tf.Tensor => {
      const rows = tf.reshape(features, [features.shape[0] as number, -1]);
      const norm = tf.sqrt(tf.maximum(tf.sum(tf.square(rows), 1, true), tiny ** 2));
      const unit = tf.div(rows, tf.add(norm, tiny)) as tf.Tensor2D;
      const scaled = tf.div(tf.add(tf.matMul(unit, unit, false, true), 1), 2);
      return tf.div(scaled, tf.sum(scaled, 1, true));
    };
    const [p, q] = [similarity(detach(teacher)), similarity(student)];
    return tf.mean(tf.mul(p, tf.sub(tf.log(tf.add(p, tiny)), tf.log(tf.add(q, tiny))))) as tf.Scalar;
  });
}

/**
 * Relational distillation by distance (Park et al. 2019, arXiv 1904.05068): smooth L1 between the distances of all pairs,
 * each divided by the mean distance. Use it with a weight of 25.
 *
 * @throws DataError `feature-shape`, `batch-too-small`
 * @example
 * ```ts
 * const loss = losses.relationalDistance(studentFeatures, teacherFeatures);
 * ```
 */
export function relationalDistance(student: tf.Tensor, teacher: tf.Tensor): tf.Scalar {
  sameBatch('relationalDistance', student, teacher, 2);
  return tf.tidy(() => smoothL1(scaledDistances(student), scaledDistances(detach(teacher))));
}

function scaledDistances(features: tf.Tensor): tf.Tensor {
  const batch = features.shape[0] as number;
  const rows = tf.reshape(features, [batch, -1]);
  const squares = tf.sum(tf.square(rows), 1);
  const products = tf.matMul(rows, rows, false, true);
  const square = tf.sub(tf.add(tf.expandDims(squares, 1), tf.expandDims(squares, 0)), tf.mul(products, 2));
  const others = tf.sub(1, tf.eye(batch));
  // the root of a constant where there is no distance, so that no gradient is infinite
  const distances = tf.mul(tf.sqrt(tf.maximum(square, 1e-12)), others);
  return tf.div(distances, tf.div(tf.sum(distances), batch * (batch - 1)));
}

const angleSchema = z.strictObject({ maxSamples: wholeNumber(3).default(64) });

/** Options of {@link relationalAngle}. */
export interface RelationalAngleOptions {
  /** Only so many samples of the batch are looked at: memory grows with their third power. Default 64. */
  maxSamples?: number | undefined;
}

/**
 * Relational distillation by angle (Park et al. 2019): smooth L1 between the cosines of the angles of all triplets. Use it
 * with a weight of 50.
 *
 * @throws DataError `feature-shape`, `batch-too-small`
 * @example
 * ```ts
 * const loss = losses.relationalAngle(studentFeatures, teacherFeatures);
 * ```
 */
export function relationalAngle(student: tf.Tensor, teacher: tf.Tensor, options?: RelationalAngleOptions): tf.Scalar {
  const { maxSamples } = parseOptions('relationalAngle', angleSchema, options);
  const batch = sameBatch('relationalAngle', student, teacher, 3);
  const count = Math.min(batch, maxSamples);
  const cosines = (features: tf.Tensor): tf.Tensor => {
    const all = tf.reshape(features, [batch, -1]) as tf.Tensor2D;
    const rows = count === batch ? all : tf.slice(all, 0, count);
    const difference = tf.sub(tf.expandDims(rows, 0), tf.expandDims(rows, 1));
    const square = tf.sum(tf.square(difference), 2, true);
    const unit = tf.div(difference, tf.sqrt(tf.maximum(square, 1e-24))) as tf.Tensor3D;
    return tf.matMul(unit, unit, false, true);
  };
  return tf.tidy(() => smoothL1(cosines(student), cosines(detach(teacher))));
}

function smoothL1(a: tf.Tensor, b: tf.Tensor): tf.Scalar {
  const distance = tf.abs(tf.sub(a, b));
  const near = tf.minimum(distance, 1);
  return tf.mean(tf.add(tf.mul(tf.square(near), 0.5), tf.sub(distance, near))) as tf.Scalar;
}

const contrastSchema = z.strictObject({ temperature: positiveNumber().default(0.07) });

/** Options of {@link contrastiveDistillation}. */
export interface ContrastiveOptions {
  /** τ. Default 0.07. */
  temperature?: number | undefined;
}

/**
 * Contrastive distillation within the batch: the teacher's embedding of the same sample against those of all others,
 * InfoNCE at τ. After Tian et al. 2020 (CRD, arXiv 1910.10699), whose bank of past embeddings it does without.
 *
 * @param student embeddings, any shape [batch, …]
 * @param teacher the same shape; a constant
 * @throws DataError `feature-shape`, `batch-too-small`
 * @example
 * ```ts
 * const loss = losses.contrastiveDistillation(studentEmbedding, teacherEmbedding);
 * ```
 */
export function contrastiveDistillation(
  student: tf.Tensor,
  teacher: tf.Tensor,
  options?: ContrastiveOptions,
): tf.Scalar {
  const { temperature } = parseOptions('contrastiveDistillation', contrastSchema, options);
  const batch = sameBatch('contrastiveDistillation', student, teacher, 2);
  checkFeatures('contrastiveDistillation', student, teacher);
  return tf.tidy(() => {
    const cosines = tf.matMul(unitRows(student), unitRows(detach(teacher)), false, true);
    return crossEntropy(tf.div(cosines, temperature), tf.range(0, batch, 1, 'int32')) as tf.Scalar;
  });
}

export function sameBatch(owner: string, student: tf.Tensor, teacher: tf.Tensor, least = 1): number {
  const batch = student.shape[0] ?? 0;
  if (student.rank < 2 || teacher.rank < 2 || teacher.shape[0] !== batch) {
    throw new DataError(`${owner}: the features`, {
      code: 'feature-shape',
      expected: 'two tensors of shape [batch, …] with the same batch',
      got: `${shapeOf(student)} and ${shapeOf(teacher)}`,
    });
  }
  if (batch >= least) return batch;
  throw new DataError(owner, {
    code: 'batch-too-small',
    expected: `at least ${least} samples to compare`,
    got: String(batch),
    help: 'use larger batches, and `dropLast: true` for the last one',
  });
}
