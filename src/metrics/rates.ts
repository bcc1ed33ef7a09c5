/** What a doctor asks of a test, class by class: how many of the sick it finds, how many of the others it leaves alone. */
import * as tf from '../core/tf.ts';
import { confusionMatrix } from './confusion.ts';

/**
 * The share of each class's samples that are found: its recall, or true positive rate.
 *
 * @param predictions predicted class numbers of shape [batch], or logits of shape [batch, classes]
 * @param labels class numbers of shape [batch], or one-hot rows
 * @returns shape [classes]; NaN for a class without samples
 * @throws DataError `metric-shape` naming the shapes; ConfigError for a wrong number of classes
 * @example
 * ```ts
 * metrics.sensitivity(logits, y, 5).print();
 * ```
 */
export function sensitivity(predictions: tf.Tensor, labels: tf.Tensor, classes: number): tf.Tensor1D {
  return rates(predictions, labels, classes, sensitivityOf);
}

/**
 * The share of the samples of all other classes that are not taken for this one: the true negative rate.
 *
 * @param predictions predicted class numbers of shape [batch], or logits of shape [batch, classes]
 * @param labels class numbers of shape [batch], or one-hot rows
 * @returns shape [classes]; NaN where there are no other samples
 * @throws DataError `metric-shape` naming the shapes; ConfigError for a wrong number of classes
 * @example
 * ```ts
 * metrics.specificity(logits, y, 5).print();
 * ```
 */
export function specificity(predictions: tf.Tensor, labels: tf.Tensor, classes: number): tf.Tensor1D {
  return rates(predictions, labels, classes, specificityOf);
}

/** Waits for the counts: with a handful of numbers the host is done before a kernel has started. */
function rates(
  predictions: tf.Tensor,
  labels: tf.Tensor,
  classes: number,
  of: (matrix: readonly (readonly number[])[]) => number[],
): tf.Tensor1D {
  return tf.tidy(() => tf.tensor1d(of(confusionMatrix(predictions, labels, classes).arraySync())));
}

/** From the rows of a confusion matrix. */
export function sensitivityOf(matrix: readonly (readonly number[])[]): number[] {
  return matrix.map((row, i) => (row[i] as number) / sum(row));
}

/** From the rows of a confusion matrix. */
export function specificityOf(matrix: readonly (readonly number[])[]): number[] {
  const total = sum(matrix.map(sum));
  return matrix.map((row, i) => {
    const others = total - sum(row);
    const wrong = sum(matrix.map((cells) => cells[i] as number)) - (row[i] as number);
    return (others - wrong) / others;
  });
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
