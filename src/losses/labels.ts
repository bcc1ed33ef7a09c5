/** Finding labels that are no class. Losses do not look for them: that would wait for the engine at every step. */
import { DataError } from '../core/errors.ts';
import type * as tf from '../core/tf.ts';

/**
 * Reads class numbers back and throws at the first that is not a whole number from 0 to `classes - 1`. Such a label
 * would count as no class at all in a loss. Rows of probabilities are left alone.
 *
 * @param labels class numbers of shape [batch], any numeric dtype
 * @throws DataError `label-out-of-range` naming the position and the value
 * @example
 * ```ts
 * checkLabels(y, 10);
 * ```
 */
export function checkLabels(labels: tf.Tensor, classes: number): void {
  if (labels.rank > 1) return;
  const values = labels.dataSync();
  const position = values.findIndex((value: number) => !(Number.isInteger(value) && value >= 0 && value < classes));
  if (position === -1) return;
  throw new DataError(`label ${position} of ${values.length} is not a class`, {
    code: 'label-out-of-range',
    expected: `a whole number from 0 to ${classes - 1}`,
    got: String(values[position]),
    help: 'check the data set, and the number of classes that the model was built with',
  });
}
