/** Cutting a tensor off the gradient tape: what a teacher says is a constant. */
import * as tf from './tf.ts';

/**
 * The same values, through which no gradient flows. Nothing is copied.
 *
 * @example
 * ```ts
 * const target = detach(peer.forward(x));
 * ```
 */
export function detach<T extends tf.Tensor>(tensor: T): T {
  const constant = tf.customGrad((x) => ({
    value: tf.clone(x as tf.Tensor),
    gradFunc: () => tf.zerosLike(x as tf.Tensor),
  }));
  return constant(tensor) as T;
}
