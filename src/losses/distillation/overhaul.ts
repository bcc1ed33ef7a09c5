/** The overhaul of feature distillation (OFD): what the teacher's next ReLU would drop is not asked of the student. */
import { z } from 'zod';
import { detach } from '../../core/detach.ts';
import { anyThat, parseOptions } from '../../core/options.ts';
import * as tf from '../../core/tf.ts';
import { checkFeatures } from './features.ts';

/** Options of {@link overhaulDistillation}. */
export interface OverhaulOptions {
  /**
   * What the teacher's negative responses are raised to, a number below 0 for each channel, shape [channels]: see
   * {@link overhaulMargins}. Default: the mean of the negative responses of each channel in the batch.
   */
  margin?: tf.Tensor | undefined;
}

const schema = z.strictObject({
  margin: anyThat<tf.Tensor>('a tensor with one number per channel', (value) => value instanceof tf.Tensor).optional(),
});

/**
 * The partial squared distance between features before a ReLU (Heo et al. 2019, "A Comprehensive Overhaul of Feature
 * Distillation", arXiv 1904.01866): `(max(t, m) - s)²` where the teacher's response is positive or the student's lies above it,
 * 0 where both are negative and the student's is the lower, which a ReLU makes the same anyway. The mean over all elements; the
 * paper sums, with a weight of 1e-3, over the batch.
 *
 * @param student any shape, channels last, from before a ReLU, a connector having been through it
 * @param teacher the same shape; a constant
 * @throws DataError `feature-shape`, naming the connector that would make them fit; ConfigError for wrong options
 * @example
 * ```ts
 * const criterion = [{ student: 'bn2', teacher: 'bn4', loss: losses.overhaulDistillation, connector: 'conv1x1Bn' }];
 * ```
 */
export function overhaulDistillation(student: tf.Tensor, teacher: tf.Tensor, options: OverhaulOptions = {}): tf.Scalar {
  const { margin } = parseOptions('overhaulDistillation', schema, options);
  checkFeatures('overhaulDistillation', student, teacher);
  return tf.tidy(() => {
    const given = detach(teacher);
    const target = tf.maximum(given, margin ?? negativeMeans(given));
    const counts = tf.logicalOr(tf.greater(target, 0), tf.greater(detach(student), target));
    return tf.mean(tf.mul(tf.square(tf.sub(target, student)), tf.cast(counts, 'float32'))) as tf.Scalar;
  });
}

/** The mean of the negative responses of each channel; 0 where there are none. */
function negativeMeans(features: tf.Tensor): tf.Tensor {
  const rows = tf.reshape(features, [-1, features.shape.at(-1) as number]);
  const count = tf.sum(tf.cast(tf.less(rows, 0), 'float32'), 0);
  return tf.div(tf.sum(tf.minimum(rows, 0), 0), tf.maximum(count, 1));
}

/**
 * The margins of features that come out of a batch normalisation, `E[x | x < 0]` of a normal distribution with its shift β as the
 * mean and its scale γ as the deviation: what the paper's code uses. Channels that are hardly ever negative get -3 |γ|.
 *
 * @param scale γ, shape [channels]
 * @param shift β, the same shape
 * @returns shape [channels]
 * @example
 * ```ts
 * const [gamma, beta] = teacher.getLayer('bn4').getWeights() as [tf.Tensor1D, tf.Tensor1D];
 * const margin = losses.overhaulMargins(gamma, beta);
 * ```
 */
export function overhaulMargins(scale: tf.Tensor1D, shift: tf.Tensor1D): tf.Tensor1D {
  return tf.tidy(() => {
    const deviation = tf.maximum(tf.abs(scale), 1e-12);
    const ratio = tf.div(shift, deviation);
    const negative = tf.mul(tf.add(tf.erf(tf.div(tf.neg(ratio), Math.SQRT2)), 1), 0.5);
    const density = tf.div(tf.exp(tf.mul(tf.square(ratio), -0.5)), Math.sqrt(2 * Math.PI));
    const mean = tf.sub(shift, tf.mul(deviation, tf.div(density, tf.maximum(negative, 1e-3))));
    return tf.where(tf.greater(negative, 1e-3), mean, tf.mul(deviation, -3)) as tf.Tensor1D;
  });
}
