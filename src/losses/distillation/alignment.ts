/** Centred kernel alignment: how alike two layers tell samples apart, whatever their widths; as a loss, and to compare by. */
import { detach } from '../../core/detach.ts';
import * as tf from '../../core/tf.ts';
import { sameBatch } from './relations.ts';

/**
 * `1 - CKA` of two layers' features, with CKA linear (Kornblith et al. 2019, arXiv 1905.00414; as a distillation loss Saha et al.
 * 2022): `⟨K, L⟩ / (‖K‖ ‖L‖)` of the inner products of the samples, each feature centred over the batch. It is 0 for features
 * that are a rotation and a scaling of one another, so that layers of any widths can be compared without a connector. Of a
 * batch it is an estimate that comes out too low where the batch is small against the features.
 *
 * @param student any shape [batch, …] with more than one sample
 * @param teacher any shape with the same batch; a constant
 * @returns a scalar from 0, alike, to 1
 * @throws DataError `feature-shape`, `batch-too-small`
 * @example
 * ```ts
 * const criterion = [{ student: 'block2', teacher: 'stage3', loss: losses.centeredKernelAlignment }];
 * ```
 */
export function centeredKernelAlignment(student: tf.Tensor, teacher: tf.Tensor): tf.Scalar {
  const batch = sameBatch('centeredKernelAlignment', student, teacher, 2);
  return tf.tidy(() => {
    const similarities = (features: tf.Tensor): tf.Tensor => {
      const rows = tf.reshape(features, [batch, -1]);
      const centred = tf.sub(rows, tf.mean(rows, 0, true));
      return tf.matMul(centred, centred, false, true);
    };
    const [own, taught] = [similarities(student), similarities(detach(teacher))];
    const size = tf.sqrt(tf.mul(tf.sum(tf.square(own)), tf.sum(tf.square(taught))));
    return tf.sub(1, tf.div(tf.sum(tf.mul(own, taught)), tf.maximum(size, 1e-24))) as tf.Scalar;
  });
}
