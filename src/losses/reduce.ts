/** From one loss per sample to the loss of a batch. */
import * as tf from '../core/tf.ts';

/** `'mean'` over the batch, its `'sum'`, or `'none'`: one value per element. */
export type LossReduction = 'mean' | 'sum' | 'none';

/** Reduces all elements of `values`. */
export function reduce(values: tf.Tensor, reduction: LossReduction): tf.Tensor {
  switch (reduction) {
    case 'mean':
      return tf.mean(values);
    case 'sum':
      return tf.sum(values);
    case 'none':
      return values;
    default:
      return reduction satisfies never;
  }
}
