/** The confusion matrix: how often each class was taken for each. */
import { DataError } from '../core/errors.ts';
import * as tf from '../core/tf.ts';
import { checkClasses, checkPair, classNumbers } from './inputs.ts';

/**
 * Counts how often each class was predicted for each. Rows are the true classes, columns the predicted ones. Samples
 * whose label or prediction is outside 0 … classes - 1 are not counted.
 *
 * @param predictions predicted class numbers of shape [batch], or logits of shape [batch, classes]
 * @param labels class numbers of shape [batch], or one-hot rows
 * @returns int32 of shape [classes, classes]; exact up to 2^24 samples per cell
 * @throws DataError `metric-shape` naming the shapes; ConfigError for a wrong number of classes
 * @example
 * ```ts
 * metrics.confusionMatrix(logits, y, 10).print();
 * ```
 */
export function confusionMatrix(predictions: tf.Tensor, labels: tf.Tensor, classes: number): tf.Tensor2D {
  checkClasses('confusionMatrix', classes);
  if (predictions.rank === 1) checkCount(predictions, labels);
  else checkPair('confusionMatrix', predictions, labels);
  return tf.tidy(() => {
    // A float product of one-hot rows: int32 products are missing on some engines.
    const rows = oneHot(classNumbers(labels), classes);
    const columns = oneHot(classNumbers(predictions), classes);
    return tf.cast(tf.matMul(tf.transpose(rows), columns), 'int32') as tf.Tensor2D;
  });
}

const oneHot = (numbers: tf.Tensor1D, classes: number) =>
  tf.cast(tf.oneHot(numbers, classes), 'float32') as tf.Tensor2D;

function checkCount(predictions: tf.Tensor, labels: tf.Tensor): void {
  if (labels.rank >= 1 && labels.rank <= 2 && labels.shape[0] === predictions.shape[0]) return;
  throw new DataError('confusionMatrix: predictions and labels differ in number', {
    code: 'metric-shape',
    expected: `labels for ${predictions.shape[0]} samples`,
    got: `shape [${labels.shape.join(', ')}]`,
  });
}
