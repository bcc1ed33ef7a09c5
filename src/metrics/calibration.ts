/** How far a model's confidence is from its accuracy. */
import { z } from 'zod';
import { parseOptions, wholeNumber } from '../core/options.ts';
import * as tf from '../core/tf.ts';
import { checkPair, hits } from './inputs.ts';

const schema = z.strictObject({ bins: wholeNumber(1).default(15) });

/** Options of {@link expectedCalibrationError} and {@link CalibrationError}. */
export interface CalibrationOptions {
  /** Equal intervals of confidence, each open below and closed above. Default 15. */
  bins?: number | undefined;
}

/** Checks the options. */
export function binsOf(owner: string, options: CalibrationOptions | undefined): number {
  return parseOptions(owner, schema, options).bins;
}

/**
 * Expected calibration error (Naeini et al. 2015; Guo et al. 2017): the mean distance between confidence and accuracy
 * over bins of confidence, weighted by their number of samples.
 *
 * @param logits shape [batch, classes], before softmax
 * @param labels class numbers of shape [batch], or one-hot rows
 * @returns a scalar from 0 to 1
 * @throws DataError `metric-shape` naming the shapes; ConfigError for wrong options
 * @example
 * ```ts
 * this.log('val_ece', metrics.expectedCalibrationError(this.forward(x), y));
 * ```
 */
export function expectedCalibrationError(
  logits: tf.Tensor,
  labels: tf.Tensor,
  options?: CalibrationOptions,
): tf.Scalar {
  const bins = binsOf('expectedCalibrationError', options);
  checkPair('expectedCalibrationError', logits, labels);
  const batch = logits.shape[0] as number;
  return tf.tidy(() => tf.div(tf.sum(tf.abs(binnedGaps(logits, labels, bins))), batch));
}

/** For each bin the sum of (hit - confidence) over its samples, shape [bins]: all that the error is made of. */
export function binnedGaps(logits: tf.Tensor, labels: tf.Tensor, bins: number): tf.Tensor1D {
  const confidence = tf.max(tf.softmax(logits), 1);
  const bin = tf.sub(tf.ceil(tf.mul(confidence, bins)), 1);
  const within = tf.oneHot(tf.cast(tf.clipByValue(bin, 0, bins - 1), 'int32'), bins);
  const gaps = tf.expandDims(tf.sub(hits(logits, labels), confidence), 1);
  return tf.sum(tf.mul(tf.cast(within, 'float32'), gaps), 0);
}
