/**
 * Parts of datasets: chosen indices, and random splits that repeat for the same seed.
 */
import { ConfigError, show } from '../../core/errors.ts';
import { Random } from '../../core/random.ts';
import { type Dataset, sampleIdOf } from '../dataset.ts';
import { asIngredient, hasRecipe, withRecipe } from '../workers/recipe.ts';

/**
 * The samples of `dataset` at `indices`, in that order, counted from 0 again.
 *
 * @throws ConfigError `invalid-subset` for an index that the dataset does not have
 *
 * @example
 * ```ts
 * const few = subset(train, Array.from({ length: 100 }, (_, i) => i));
 * ```
 */
export function subset<S, B>(dataset: Dataset<S, B>, indices: ArrayLike<number>): Dataset<S, B> {
  const chosen = Uint32Array.from(indices);
  for (let i = 0; i < chosen.length; i++) {
    if (indices[i] === chosen[i] && (chosen[i] as number) < dataset.length) continue;
    throw new ConfigError(`subset: index number ${i}`, {
      code: 'invalid-subset',
      expected: `a whole number from 0 to ${dataset.length - 1}`,
      got: String(indices[i]),
    });
  }
  const part: Dataset<S, B> = {
    length: chosen.length,
    get: (index) => dataset.get(at(chosen, index)),
    sampleId: (index) => sampleIdOf(dataset, at(chosen, index)),
  };
  if (dataset.getUnscaled) {
    const getUnscaled = dataset.getUnscaled.bind(dataset);
    part.getUnscaled = (index) => getUnscaled(at(chosen, index));
  }
  if (dataset.gather) {
    const gather = dataset.gather.bind(dataset);
    part.gather = (rows) => gather(Uint32Array.from(rows, (row) => at(chosen, row)));
  }
  if (dataset.gatherPacked) {
    const gatherPacked = dataset.gatherPacked.bind(dataset);
    part.gatherPacked = (rows) => gatherPacked(Uint32Array.from(rows, (row) => at(chosen, row)));
  }
  if (!hasRecipe(dataset)) return part;
  return withRecipe(part, import.meta.url, 'subset', () => [asIngredient(dataset), chosen]);
}

/** Past the end there is no index, and the underlying dataset says so. */
const at = (chosen: Uint32Array, index: number): number => chosen[index] ?? Number.MAX_SAFE_INTEGER;

/**
 * Splits a dataset at random into parts that share no sample.
 *
 * @param parts lengths that add up to the dataset's, or fractions that add up to 1; what rounding leaves over goes to
 *   the first parts, one sample each, as in PyTorch
 * @param seed the same seed gives the same split
 * @throws ConfigError `invalid-split`
 *
 * @example
 * ```ts
 * const [train, val] = randomSplit(all, [0.9, 0.1], 42);
 * ```
 */
export function randomSplit<S, B>(dataset: Dataset<S, B>, parts: readonly number[], seed: number): Dataset<S, B>[] {
  const lengths = lengthsOf(parts, dataset.length);
  const order = new Random(seed).shuffle(Uint32Array.from({ length: dataset.length }, (_, i) => i));
  let start = 0;
  return lengths.map((length) => {
    const part = subset(dataset, order.subarray(start, start + length));
    start += length;
    return part;
  });
}

/** The lengths of parts given as lengths or fractions. @throws ConfigError `invalid-split` */
export function lengthsOf(parts: readonly number[], total: number): number[] {
  const sum = parts.reduce((a, b) => a + b, 0);
  if (parts.every((n) => Number.isInteger(n) && n >= 0) && sum === total) return [...parts];
  if (!(parts.every((n) => n >= 0 && n <= 1) && Math.abs(sum - 1) < 1e-6)) {
    throw new ConfigError('Splitting a dataset', {
      code: 'invalid-split',
      expected: `lengths that add up to ${total} or fractions that add up to 1`,
      got: show(parts),
    });
  }
  const lengths = parts.map((fraction) => Math.floor(total * fraction + 1e-9));
  const rest = total - lengths.reduce((a, b) => a + b, 0);
  for (let i = 0; i < rest; i++) lengths[i % lengths.length] = (lengths[i % lengths.length] as number) + 1;
  return lengths;
}
