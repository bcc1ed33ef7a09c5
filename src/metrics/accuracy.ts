/** The share of samples whose label is the best, or among the k best, of the logits. */
import { ConfigError, show } from '../core/errors.ts';
import * as tf from '../core/tf.ts';
import { checkPair, classNumbers, hits } from './inputs.ts';

/**
 * The share of samples whose largest logit is the label's. Where logits tie, the first of them counts.
 *
 * @param logits shape [batch, classes]: logits or probabilities
 * @param labels class numbers of shape [batch], or one-hot rows of shape [batch, classes]
 * @returns a scalar from 0 to 1
 * @throws DataError `metric-shape` naming the shapes
 * @example
 * ```ts
 * this.log('val_acc', metrics.accuracy(this.forward(x), y), { progBar: true });
 * ```
 */
export function accuracy(logits: tf.Tensor, labels: tf.Tensor): tf.Scalar {
  checkPair('accuracy', logits, labels);
  return tf.tidy(() => tf.mean(hits(logits, labels)));
}

/**
 * The share of samples whose label is among the `k` largest logits.
 *
 * @returns a scalar from 0 to 1
 * @throws DataError `metric-shape` naming the shapes; ConfigError for a `k` outside 1 … classes
 */
export function topKAccuracy(logits: tf.Tensor, labels: tf.Tensor, k: number): tf.Scalar {
  checkPair('topKAccuracy', logits, labels);
  const classes = logits.shape[1] as number;
  if (!Number.isInteger(k) || k < 1 || k > classes) throw wrongK(k, classes);
  return tf.tidy(() => {
    const best = tf.topk(logits, k).indices;
    const found = tf.cast(tf.equal(best, tf.expandDims(classNumbers(labels), 1)), 'float32');
    return tf.mean(tf.sum(found, 1)) as tf.Scalar;
  });
}

function wrongK(k: number, classes: number): ConfigError {
  return new ConfigError('topKAccuracy: `k`', {
    code: 'invalid-option',
    expected: `a whole number from 1 to ${classes}, the number of classes`,
    got: show(k),
  });
}
