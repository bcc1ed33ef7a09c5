/** Losses between feature maps of one layer each: hints, directions, attention maps. */
import { z } from 'zod';
import { detach } from '../../core/detach.ts';
import { DataError } from '../../core/errors.ts';
import { oneOf, parseOptions, positiveNumber } from '../../core/options.ts';
import * as tf from '../../core/tf.ts';
import { shapeOf } from '../shapes.ts';

/** Throws unless two features have one shape; the message names the connector that would make them fit. */
export function checkFeatures(owner: string, student: tf.Tensor, teacher: tf.Tensor): void {
  if (student.rank === teacher.rank && student.shape.every((size, axis) => size === teacher.shape[axis])) return;
  throw new DataError(`${owner}: the student's features do not fit the teacher's`, {
    code: 'feature-shape',
    expected: shapeOf(teacher),
    got: shapeOf(student),
    help: connectorHelp(student.shape, teacher.shape),
  });
}

/** Which connector would turn features of the one shape into the other. Shapes with the batch axis. */
export function connectorHelp(
  student: readonly (number | null)[],
  teacher: readonly (number | null)[],
): string | undefined {
  if (student.length !== teacher.length) return 'tap layers whose outputs have the same rank, or flatten one of them';
  if (student[0] !== teacher[0]) return 'both networks must see the same batch';
  const name = student.length === 4 ? 'conv1x1' : 'linear';
  const sameMap = student.slice(1, -1).every((size, i) => size === teacher[i + 1]);
  if (sameMap) return `a connector makes them fit: { …, connector: '${name}' }`;
  return `the maps differ in size: { …, connector: '${name}' } pools the student's where it is the larger`;
}

/**
 * The mean squared difference of features, over all elements: FitNets' hint (Romero et al. 2015, arXiv 1412.6550), the
 * student's side having gone through its connector.
 *
 * @param student any shape
 * @param teacher the same shape; a constant
 * @throws DataError `feature-shape`, naming the connector that would make them fit
 * @example
 * ```ts
 * const loss = losses.featureMse(studentMap, teacherMap);
 * ```
 */
export function featureMse(student: tf.Tensor, teacher: tf.Tensor): tf.Scalar {
  checkFeatures('featureMse', student, teacher);
  return tf.tidy(() => tf.mean(tf.square(tf.sub(student, detach(teacher))))) as tf.Scalar;
}

/**
 * `1 - cos` between the features of each sample, flattened; the mean over the batch.
 *
 * @throws DataError `feature-shape`
 * @example
 * ```ts
 * const loss = losses.featureCosine(studentMap, teacherMap);
 * ```
 */
export function featureCosine(student: tf.Tensor, teacher: tf.Tensor): tf.Scalar {
  checkFeatures('featureCosine', student, teacher);
  return tf.tidy(() => {
    const cosine = tf.sum(tf.mul(unitRows(student), unitRows(detach(teacher))), 1);
    return tf.sub(1, tf.mean(cosine)) as tf.Scalar;
  });
}

/** Each sample flattened to a row of length 1. */
export function unitRows(features: tf.Tensor): tf.Tensor2D {
  const rows = tf.reshape(features, [features.shape[0] as number, -1]);
  const square = tf.sum(tf.square(rows), 1, true);
  return tf.div(rows, tf.sqrt(tf.maximum(square, 1e-24))) as tf.Tensor2D;
}

/** Options of {@link attentionTransfer}. */
export interface AttentionOptions {
  /** The power of the activations. Default 2. */
  power?: number | undefined;
  /** `'mean'` of squared differences, as in the paper's code (default), or the paper's `'norm'`: half the summed distances. */
  mode?: 'mean' | 'norm' | undefined;
}

const schema = z.strictObject({ power: positiveNumber().default(2), mode: oneOf('mean', 'norm').default('mean') });

/**
 * Attention transfer (Zagoruyko and Komodakis 2017, arXiv 1612.03928): where a layer is active, not in which channel. The
 * maps `mean over channels of |f|^p` are flattened and brought to length 1. The larger map is average-pooled to the smaller.
 * Use it with a weight of 1000 beside a cross-entropy of 1.
 *
 * @param student shape [batch, height, width, channels]
 * @param teacher the same, with any number of channels; a constant
 * @throws DataError `feature-shape` for other ranks, or sizes that are no multiple of one another
 * @example
 * ```ts
 * const loss = losses.attentionTransfer(studentMap, teacherMap);
 * ```
 */
export function attentionTransfer(student: tf.Tensor, teacher: tf.Tensor, options?: AttentionOptions): tf.Scalar {
  const { power, mode } = parseOptions('attentionTransfer', schema, options);
  checkMaps('attentionTransfer', student, teacher);
  return tf.tidy(() => {
    const [s, t] = toSmaller('attentionTransfer', student as tf.Tensor4D, detach(teacher) as tf.Tensor4D);
    const difference = tf.square(tf.sub(attention(s, power), attention(t, power)));
    if (mode === 'mean') return tf.mean(difference) as tf.Scalar;
    const distances = tf.sqrt(tf.maximum(tf.sum(difference, 1), 1e-24));
    return tf.div(tf.mean(distances), 2) as tf.Scalar;
  });
}

function attention(map: tf.Tensor4D, power: number): tf.Tensor2D {
  const raised = power === 2 ? tf.square(map) : tf.pow(tf.abs(map), power);
  return unitRows(tf.mean(raised, 3));
}

/** Throws unless both are maps of the same batch. */
export function checkMaps(owner: string, student: tf.Tensor, teacher: tf.Tensor): void {
  if (student.rank === 4 && teacher.rank === 4 && student.shape[0] === teacher.shape[0]) return;
  throw new DataError(`${owner}: the features`, {
    code: 'feature-shape',
    expected: 'two maps of shape [batch, height, width, channels]',
    got: `${shapeOf(student)} and ${shapeOf(teacher)}`,
  });
}

/** Average-pools the larger of two maps to the size of the smaller. @throws DataError `feature-shape` */
export function toSmaller(owner: string, a: tf.Tensor4D, b: tf.Tensor4D): [tf.Tensor4D, tf.Tensor4D] {
  const factor = (i: 1 | 2): number => a.shape[i] / b.shape[i];
  const [rows, columns] = [factor(1), factor(2)];
  if (rows === 1 && columns === 1) return [a, b];
  const pool = (map: tf.Tensor4D, by: [number, number]): tf.Tensor4D => tf.avgPool(map, by, by, 'valid');
  if (Number.isInteger(rows) && Number.isInteger(columns)) return [pool(a, [rows, columns]), b];
  if (Number.isInteger(1 / rows) && Number.isInteger(1 / columns)) return [a, pool(b, [1 / rows, 1 / columns])];
  throw new DataError(`${owner}: the maps`, {
    code: 'feature-shape',
    expected: 'heights and widths of which one is a multiple of the other',
    got: `${shapeOf(a)} and ${shapeOf(b)}`,
    help: 'tap layers of the same resolution',
  });
}
