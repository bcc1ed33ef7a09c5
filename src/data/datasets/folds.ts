/**
 * Splits that keep the share of each class, and folds for cross-validation.
 */
import { ConfigError } from '../../core/errors.ts';
import { Random } from '../../core/random.ts';
import type { Dataset } from '../dataset.ts';
import { lengthsOf, subset } from './subsets.ts';

/** Training and validation data of one fold. */
export interface Fold<S = unknown, B = unknown> {
  readonly train: Dataset<S, B>;
  readonly val: Dataset<S, B>;
}

/**
 * Splits a dataset at random into parts in which each class has the share that it has in the whole, to within two samples
 * per class and part.
 *
 * @param labels the class of each sample
 * @param parts lengths that add up to the dataset's, or fractions that add up to 1
 * @param seed the same seed gives the same split
 * @throws ConfigError `invalid-split`
 *
 * @example
 * ```ts
 * const [train, val] = stratifiedSplit(images, images.labels, [0.8, 0.2], 42);
 * ```
 */
export function stratifiedSplit<S, B>(
  dataset: Dataset<S, B>,
  labels: ArrayLike<number>,
  parts: readonly number[],
  seed: number,
): Dataset<S, B>[] {
  const lengths = lengthsOf(parts, dataset.length);
  const order = classByClass(dataset, labels, seed);
  const chosen: number[][] = lengths.map(() => []);
  // Walking through the classes one after the other, each sample goes to the part that lags most behind its share.
  for (let taken = 0; taken < order.length; taken++) {
    let behind = 0;
    for (let part = 1; part < lengths.length; part++) {
      if (lag(part, taken) > lag(behind, taken)) behind = part;
    }
    (chosen[behind] as number[]).push(order[taken] as number);
  }
  function lag(part: number, taken: number): number {
    const length = lengths[part] as number;
    const has = (chosen[part] as number[]).length;
    return has === length ? Number.NEGATIVE_INFINITY : (length * (taken + 1)) / order.length - has;
  }
  return chosen.map((indices) => subset(dataset, indices.sort(ascending)));
}

/**
 * The `k` folds of a cross-validation: every sample is validated in exactly one of them and trained on in the others.
 *
 * @param options `seed`: default 0; `labels`: the class of each sample, to give each fold the same share of each class
 * @throws ConfigError `invalid-folds` for a `k` below 2 or above the number of samples
 *
 * @example
 * ```ts
 * for (const { train, val } of kFolds(images, 5, { labels: images.labels })) { … }
 * ```
 */
export function kFolds<S, B>(
  dataset: Dataset<S, B>,
  k: number,
  options: { seed?: number | undefined; labels?: ArrayLike<number> | undefined } = {},
): Fold<S, B>[] {
  const { length } = dataset;
  if (!(Number.isInteger(k) && k >= 2 && k <= length)) {
    throw new ConfigError('kFolds', {
      code: 'invalid-folds',
      expected: `a whole number of folds from 2 to ${length}, the number of samples`,
      got: String(k),
    });
  }
  const { seed = 0, labels = new Uint8Array(length) } = options;
  const order = classByClass(dataset, labels, seed);
  return Array.from({ length: k }, (_, fold) => ({
    train: subset(dataset, order.filter((_, place) => place % k !== fold).sort()),
    val: subset(dataset, order.filter((_, place) => place % k === fold).sort()),
  }));
}

/** All indices: those of the first class in random order, then those of the next. */
function classByClass(dataset: Dataset, labels: ArrayLike<number>, seed: number): Uint32Array {
  if (labels.length !== dataset.length) {
    throw new ConfigError('Splitting by class', {
      code: 'invalid-split',
      expected: `${dataset.length} labels, one per sample`,
      got: String(labels.length),
    });
  }
  const order = new Random(seed).shuffle(Uint32Array.from({ length: dataset.length }, (_, i) => i));
  return order.sort((a, b) => (labels[a] as number) - (labels[b] as number));
}

const ascending = (a: number, b: number): number => a - b;
