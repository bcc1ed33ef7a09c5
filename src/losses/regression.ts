/** Element-wise losses: squared error and binary cross-entropy. */
import { z } from 'zod';
import { oneOf, parseOptions } from '../core/options.ts';
import * as tf from '../core/tf.ts';
import { type LossReduction, reduce } from './reduce.ts';
import { checkSameShape } from './shapes.ts';

const schema = z.strictObject({ reduction: oneOf('mean', 'sum', 'none').default('mean') });

/** Options of {@link mse} and {@link binaryCrossEntropy}. */
export interface ElementwiseLossOptions {
  /** Over all elements, not over samples. Default `'mean'`. */
  reduction?: LossReduction | undefined;
}

/**
 * Mean squared error. Gradients flow into both arguments.
 *
 * @param predictions any shape
 * @param targets the same shape: nothing is broadcast
 * @returns a scalar; with `reduction: 'none'` the shape of the arguments
 * @throws DataError `loss-shape` naming the shapes; ConfigError for wrong options
 * @example
 * ```ts
 * const loss = losses.mse(this.forward(x), y);
 * ```
 */
export function mse(
  predictions: tf.Tensor,
  targets: tf.Tensor,
  options: ElementwiseLossOptions & { reduction: 'none' },
): tf.Tensor;
export function mse(predictions: tf.Tensor, targets: tf.Tensor, options?: ElementwiseLossOptions): tf.Scalar;
export function mse(predictions: tf.Tensor, targets: tf.Tensor, options?: ElementwiseLossOptions): tf.Tensor {
  const { reduction } = parseOptions('mse', schema, options);
  checkSameShape('mse', ['predictions', predictions], ['targets', targets]);
  return tf.tidy(() => reduce(tf.squaredDifference(predictions, tf.cast(targets, 'float32')), reduction));
}

/**
 * Binary cross-entropy of logits: `softplus(x) - x · y`, which stays exact where a sigmoid would round to 0 or 1.
 * Targets are constants: no gradient flows into them.
 *
 * @param logits any shape, before the sigmoid
 * @param targets the same shape, from 0 to 1, any numeric dtype
 * @returns a scalar; with `reduction: 'none'` the shape of the arguments
 * @throws DataError `loss-shape` naming the shapes; ConfigError for wrong options
 * @example
 * ```ts
 * const loss = losses.binaryCrossEntropy(this.forward(x), isPositive);
 * ```
 */
export function binaryCrossEntropy(
  logits: tf.Tensor,
  targets: tf.Tensor,
  options: ElementwiseLossOptions & { reduction: 'none' },
): tf.Tensor;
export function binaryCrossEntropy(logits: tf.Tensor, targets: tf.Tensor, options?: ElementwiseLossOptions): tf.Scalar;
export function binaryCrossEntropy(logits: tf.Tensor, targets: tf.Tensor, options?: ElementwiseLossOptions): tf.Tensor {
  const { reduction } = parseOptions('binaryCrossEntropy', schema, options);
  checkSameShape('binaryCrossEntropy', ['logits', logits], ['targets', targets]);
  return tf.tidy(() => {
    const y = tf.cast(targets, 'float32');
    const losses = tf.customGrad((x, save) => {
      const logit = x as tf.Tensor;
      (save as tf.GradSaveFunc)([logit, y]);
      const softplus = tf.add(tf.relu(logit), tf.log1p(tf.exp(tf.neg(tf.abs(logit)))));
      const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor =>
        tf.mul(dy, tf.sub(tf.sigmoid(saved[0] as tf.Tensor), saved[1] as tf.Tensor));
      return {
        value: tf.sub(softplus, tf.mul(logit, y)),
        gradFunc: gradFunc as unknown as (dy: tf.Tensor, saved: tf.Tensor[]) => tf.Tensor[],
      };
    });
    return reduce(losses(logits), reduction);
  });
}
