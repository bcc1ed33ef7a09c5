/** Agreement of ordered grades: Cohen's kappa with quadratic weights. */
import * as tf from '../core/tf.ts';
import { confusionMatrix } from './confusion.ts';

/**
 * Quadratic weighted kappa (Cohen 1968): how far predicted and true grades agree beyond chance, where a mistake costs the
 * square of its distance. 1 is perfect, 0 is chance; NaN when all grades are one and the same. The mean over batches is not
 * the kappa of an epoch; `QuadraticWeightedKappa` gathers over one.
 *
 * @param predictions predicted class numbers of shape [batch], or logits of shape [batch, classes]
 * @param labels class numbers of shape [batch], or one-hot rows
 * @returns a scalar
 * @throws DataError `metric-shape` naming the shapes; ConfigError for a wrong number of classes
 * @example
 * ```ts
 * const kappa = metrics.quadraticWeightedKappa(logits, y, 5);
 * ```
 */
export function quadraticWeightedKappa(predictions: tf.Tensor, labels: tf.Tensor, classes: number): tf.Scalar {
  return tf.tidy(() => {
    const counts = tf.cast(confusionMatrix(predictions, labels, classes), 'float32');
    const grades = tf.range(0, classes);
    const cost = tf.square(tf.sub(tf.expandDims(grades, 1), tf.expandDims(grades, 0)));
    const chance = tf.div(tf.mul(tf.sum(counts, 1, true), tf.sum(counts, 0, true)), tf.sum(counts));
    return tf.sub(1, tf.div(tf.sum(tf.mul(cost, counts)), tf.sum(tf.mul(cost, chance)))) as tf.Scalar;
  });
}

/** The same from the rows of a confusion matrix. */
export function kappaOf(matrix: readonly (readonly number[])[]): number {
  const truths = matrix.map((row) => row.reduce((a, b) => a + b, 0));
  const guesses = matrix.map((_, column) => matrix.reduce((sum, row) => sum + (row[column] as number), 0));
  const total = truths.reduce((a, b) => a + b, 0);
  let seen = 0;
  let chance = 0;
  matrix.forEach((row, i) => {
    row.forEach((count, j) => {
      seen += (i - j) ** 2 * count;
      chance += ((i - j) ** 2 * (truths[i] as number) * (guesses[j] as number)) / total;
    });
  });
  return 1 - seen / chance;
}
