/**
 * Datasets made of datasets: samples changed on the way, some left out, several in a row.
 */
import { ConfigError } from '../../core/errors.ts';
import { type Dataset, sampleIdOf } from '../dataset.ts';
import { isThenable } from '../host.ts';
import { asIngredient, hasRecipe, withRecipe } from '../workers/recipe.ts';
import { subset } from './subsets.ts';

/**
 * A dataset of the same samples passed through `change`, which may be asynchronous. For use in workers, `change` has to
 * come from {@link fromModule}.
 *
 * @example
 * ```ts
 * const scaled = mapDataset(dataset, ({ x, y }) => ({ x: x.map((v) => v / 255), y }));
 * ```
 */
export function mapDataset<S, T>(
  dataset: Dataset<S>,
  change: (sample: S, index: number) => T | Promise<T>,
): Dataset<T> {
  const mapped: Dataset<T> = {
    length: dataset.length,
    get(index) {
      const sample = dataset.get(index);
      return isThenable(sample) ? Promise.resolve(sample).then((ready) => change(ready, index)) : change(sample, index);
    },
    sampleId: (index) => sampleIdOf(dataset, index),
  };
  if (!hasRecipe(dataset) || !hasRecipe(change)) return mapped;
  return withRecipe(mapped, import.meta.url, 'mapDataset', () => [dataset, change].map(asIngredient));
}

/**
 * The samples for which `keep` is true. Each sample is read once, now, to find out.
 *
 * @example
 * ```ts
 * const even = await filterDataset(dataset, (sample, index) => index % 2 === 0);
 * ```
 */
export async function filterDataset<S, B>(
  dataset: Dataset<S, B>,
  keep: (sample: S, index: number) => boolean | Promise<boolean>,
): Promise<Dataset<S, B>> {
  const kept: number[] = [];
  for (let index = 0; index < dataset.length; index++) {
    if (await keep(await dataset.get(index), index)) kept.push(index);
  }
  return subset(dataset, kept);
}

/**
 * Several datasets in a row as one. A sample's id is the number of its part and the id it has there: `'1/cats/17.png'`.
 *
 * @throws ConfigError `invalid-concat` for no dataset at all
 *
 * @example
 * ```ts
 * const both = concatDatasets([mine, theirs]);
 * ```
 */
export function concatDatasets<S, B>(parts: readonly Dataset<S, B>[]): Dataset<S, B> {
  if (parts.length === 0) throw new ConfigError('concatDatasets', { code: 'invalid-concat', expected: 'at least one' });
  const starts: number[] = [];
  let length = 0;
  for (const part of parts) {
    starts.push(length);
    length += part.length;
  }
  /** The part that an index falls into; an index past the end falls past the end of the last, which says so. */
  const locate = (index: number): { part: Dataset<S, B>; number: number; inner: number } => {
    let number = parts.length - 1;
    while (number > 0 && index < (starts[number] as number)) number -= 1;
    return { part: parts[number] as Dataset<S, B>, number, inner: index - (starts[number] as number) };
  };
  const all: Dataset<S, B> = {
    length,
    get(index) {
      const { part, inner } = locate(index);
      return part.get(inner);
    },
    getUnscaled(index) {
      const { part, inner } = locate(index);
      return part.getUnscaled ? part.getUnscaled(inner) : part.get(inner);
    },
    sampleId(index) {
      const { part, number, inner } = locate(index);
      return `${number}/${sampleIdOf(part, inner)}`;
    },
  };
  if (!parts.every(hasRecipe)) return all;
  return withRecipe(all, import.meta.url, 'concatDatasets', () => [parts.map(asIngredient)]);
}
