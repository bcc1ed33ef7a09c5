/** Softmax in logarithms, in operations that every engine has. */
import * as tf from '../core/tf.ts';

/** `logits - log Σ exp logits`, by rows, with no number growing beyond what the logits are. */
export function logSoftmax(logits: tf.Tensor): tf.Tensor2D {
  const shifted = tf.sub(logits, tf.max(logits, 1, true));
  return tf.sub(shifted, tf.log(tf.sum(tf.exp(shifted), 1, true)));
}
