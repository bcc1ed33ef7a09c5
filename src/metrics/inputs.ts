/** What metrics are computed from: predicted class, true class, and the checks that they belong together. */
import { ConfigError, DataError, show } from '../core/errors.ts';
import * as tf from '../core/tf.ts';

const shapeOf = (tensor: tf.Tensor): string => `[${tensor.shape.join(', ')}]`;

/** Throws unless logits are [batch, classes] and labels [batch] or [batch, classes]. */
export function checkPair(owner: string, logits: tf.Tensor, labels: tf.Tensor): void {
  const [batch, classes] = logits.shape;
  if (logits.rank !== 2)
    throw new DataError(`${owner}: the logits`, {
      code: 'metric-shape',
      expected: 'shape [batch, classes]',
      got: shapeOf(logits),
    });
  const rows = labels.shape[0] === batch;
  if (rows && (labels.rank === 1 || (labels.rank === 2 && labels.shape[1] === classes))) return;
  throw new DataError(`${owner}: the labels do not fit logits of shape ${shapeOf(logits)}`, {
    code: 'metric-shape',
    expected: `class numbers of shape [${batch}] or one row per sample of shape [${batch}, ${classes}]`,
    got: shapeOf(labels),
  });
}

/** Class numbers, int32 of shape [batch], from class numbers or from rows of scores. */
export function classNumbers(labels: tf.Tensor): tf.Tensor1D {
  return labels.rank === 1 ? tf.cast(labels as tf.Tensor1D, 'int32') : tf.argMax(labels, 1);
}

/** One number per sample, float32 of shape [batch]: 1 where the largest logit is the label's, else 0. */
export function hits(logits: tf.Tensor, labels: tf.Tensor): tf.Tensor1D {
  return tf.cast(tf.equal(tf.argMax(logits, 1), classNumbers(labels)), 'float32') as tf.Tensor1D;
}

/** Throws unless `classes` is a whole number of at least 1. */
export function checkClasses(owner: string, classes: number): void {
  if (Number.isInteger(classes) && classes >= 1) return;
  throw new ConfigError(`${owner}: \`classes\``, {
    code: 'invalid-option',
    expected: 'a whole number of at least 1',
    got: show(classes),
  });
}
