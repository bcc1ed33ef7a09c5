/** Weights that make up for uneven classes. */
import { ConfigError, DataError, show } from '../core/errors.ts';

/**
 * One weight per class, inversely to how often it occurs, so that every class has the same part in the loss:
 * `samples / (classes that occur · samples of the class)`. A class that does not occur weighs 0.
 *
 * @param labels class numbers of the training samples
 * @param classes how many classes there are
 * @throws ConfigError `invalid-option`; DataError `label-out-of-range`
 * @example
 * ```ts
 * const classWeights = losses.balancedClassWeights(images.labels, 5);
 * const model = new ImageClassificationModel({ encoder, classes: 5, classWeights });
 * ```
 */
export function balancedClassWeights(labels: ArrayLike<number>, classes: number): number[] {
  if (!(Number.isInteger(classes) && classes >= 1)) {
    throw new ConfigError('balancedClassWeights: `classes`', {
      code: 'invalid-option',
      expected: 'a whole number of at least 1',
      got: show(classes),
    });
  }
  const counts = new Array<number>(classes).fill(0);
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i] as number;
    if (counts[label] === undefined) throw outOfRange(i, label, classes);
    counts[label] += 1;
  }
  const present = counts.filter((count) => count > 0).length;
  return counts.map((count) => (count === 0 ? 0 : labels.length / (present * count)));
}

const outOfRange = (position: number, label: number, classes: number): DataError =>
  new DataError(`label ${position} is not a class`, {
    code: 'label-out-of-range',
    expected: `a whole number from 0 to ${classes - 1}`,
    got: String(label),
  });
