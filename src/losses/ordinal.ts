/** Labels for ordered classes: a near miss is less wrong than a far one. */
import { z } from 'zod';
import { oneOf, parseOptions, positiveNumber, wholeNumber } from '../core/options.ts';
import * as tf from '../core/tf.ts';

/** Options of {@link ordinalTargets}. */
export interface OrdinalOptions {
  /** How many grades there are. */
  classes: number;
  /** What a miss by n grades costs: n or its square. Default `'absolute'`. */
  distance?: 'absolute' | 'squared' | undefined;
  /** How quickly the share falls with the cost. Default 2. */
  sharpness?: number | undefined;
}

const schema = z.strictObject({
  classes: wholeNumber(2),
  distance: oneOf('absolute', 'squared').default('absolute'),
  sharpness: positiveNumber().default(2),
});

/**
 * Soft ordinal labels (Díaz and Marathe 2019): each grade's share is the softmax of minus its distance from the true one.
 * For `crossEntropy`, `focalLoss` and all that takes rows of probabilities.
 *
 * @param labels grades of shape [batch], from 0; they need not be whole numbers
 * @returns shape [batch, classes]; rows add up to 1
 * @throws ConfigError for wrong options
 * @example
 * ```ts
 * const loss = losses.crossEntropy(this.forward(x), losses.ordinalTargets(y, { classes: 5 }));
 * ```
 */
export function ordinalTargets(labels: tf.Tensor, options: OrdinalOptions): tf.Tensor2D {
  const { classes, distance, sharpness } = parseOptions('ordinalTargets', schema, options);
  return tf.tidy(() => {
    const away = tf.sub(tf.range(0, classes), tf.reshape(tf.cast(labels, 'float32'), [-1, 1]));
    const cost = distance === 'squared' ? tf.square(away) : tf.abs(away);
    return tf.softmax(tf.mul(cost, -sharpness)) as tf.Tensor2D;
  });
}
