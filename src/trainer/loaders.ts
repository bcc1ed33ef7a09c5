/**
 * Loaders as the trainer sees them: anything that can be iterated over, once per epoch. A DataLoader also tells its
 * length, its epoch and its position; an array of ready batches is reused and therefore never disposed of.
 */

import { type BatchLimit, limitedCount } from '../core/duration.ts';
import { ConfigError, DataError, show } from '../core/errors.ts';
import { globalRandom } from '../core/seed.ts';
import { disposeTensors } from '../core/tensors.ts';
import * as tf from '../core/tf.ts';

/** Anything that yields batches, once per iteration. */
export type Loader<B> = (Iterable<B> | AsyncIterable<B>) & {
  /** Number of batches, where it is known. */
  readonly length?: number;
  /** Called before each epoch, so that the order of the samples follows from its number. */
  setEpoch?(epoch: number): void;
  /** Continue within an epoch: the next iteration starts at this batch. */
  loadState?(state: { epoch: number; batch: number; seed: number }): void;
  state?(): { epoch: number; batch: number; seed: number };
};

/** One loader or several. */
export type Loaders<B> = Loader<B> | readonly Loader<B>[];

/** A loader with its limits worked out. */
export interface BatchSource {
  readonly loader: Loader<unknown>;
  /** Batches per epoch after the limit; `Infinity` when that is not known. */
  readonly count: number;
  /** Whether batches are the trainer's to dispose of. */
  readonly owned: boolean;
  readonly name: string;
}

/**
 * Prepares loaders for iteration.
 *
 * @param name for errors: `'train'`, `'val'`
 * @param limitName the flag that limits it: `'limitTrainBatches'`
 * @throws ConfigError `invalid-loader`
 */
export function batchSources(name: string, loaders: unknown, limitName: string, limit: BatchLimit): BatchSource[] {
  if (loaders === undefined || loaders === null) return [];
  const several = Array.isArray(loaders) && loaders.length > 0 && loaders.every(isLoader);
  const list: unknown[] = several ? loaders : [loaders];
  return list.map((loader, i) => {
    const label = several ? `${name}[${i}]` : name;
    if (!isIterable(loader)) {
      throw new ConfigError(`The ${label} loader`, {
        code: 'invalid-loader',
        expected: 'a DataLoader, an array of batches, or anything iterable',
        got: show(loader),
      });
    }
    const length = lengthOf(loader);
    return { loader, name: label, count: limitedCount(limitName, limit, length), owned: !Array.isArray(loader) };
  });
}

/** The batches of one epoch, from `skip` on, with the knowledge which is the last. Disposes of what was not taken. */
export async function* iterate(
  source: BatchSource,
  { skip = 0 }: { skip?: number } = {},
): AsyncGenerator<{ batch: unknown; batchIdx: number; isLast: boolean }> {
  if (skip >= source.count) return;
  let batchIdx = 0;
  if (skip > 0 && source.loader.loadState !== undefined && source.loader.state !== undefined) {
    source.loader.loadState({ ...source.loader.state(), batch: skip });
    batchIdx = skip;
  }
  const length = lengthOf(source.loader);
  const sized = length !== Number.POSITIVE_INFINITY;
  const random = globalRandom().state();
  let held: { batch: unknown; batchIdx: number } | undefined; // without a length only the next batch tells that this is not the last
  try {
    for await (const batch of source.loader) {
      const current = { batch, batchIdx: batchIdx++ };
      if (current.batchIdx < skip) {
        release(source, batch);
        if (batchIdx === skip) globalRandom().restore(random); // what it drew for skipped batches counts already
        continue;
      }
      if (sized) yield { ...current, isLast: batchIdx >= source.count };
      else {
        const ready = held;
        held = current;
        if (ready !== undefined) yield { ...ready, isLast: false };
      }
      if (batchIdx >= source.count) break;
    }
    if (sized && batchIdx > 0 && batchIdx < source.count) throw shortLoader(source, length, batchIdx);
    const last = held;
    held = undefined;
    if (last !== undefined) yield { ...last, isLast: true };
  } finally {
    if (held !== undefined) release(source, held.batch);
  }
}

/** Disposes of a batch, if it is the trainer's. */
export function release(source: BatchSource, batch: unknown): void {
  if (source.owned) disposeTensors(batch);
}

/**
 * Evaluation loaders. None with a limit of 0, which switches evaluation off.
 *
 * @throws DataError `empty-loader` for a loader of length 0
 */
export function evaluationSources(name: string, loaders: unknown, limitName: string, limit: BatchLimit): BatchSource[] {
  if (Array.isArray(loaders) && loaders.length === 0) return [];
  const sources = batchSources(name, loaders, limitName, limit);
  if (limit === 0 || limit === '0%') return [];
  for (const source of sources) if (source.loader.length === 0) throw emptyLoader(source, 0);
  return sources;
}

/** The error for a loader that gave no batch in an epoch. */
export function emptyLoader(source: BatchSource, epoch: number): DataError {
  const exhausted = epoch > 0;
  return new DataError(`The ${source.name} loader`, {
    code: exhausted ? 'exhausted-loader' : 'empty-loader',
    expected: 'at least one batch in each epoch',
    got: exhausted ? `none in epoch ${epoch}` : 'none',
    help: exhausted
      ? 'a generator object can be iterated only once: give an object whose [Symbol.iterator] starts anew'
      : 'check that the dataset is not empty and, with `dropLast`, not smaller than one batch',
  });
}

function shortLoader({ name }: BatchSource, length: number, batches: number): DataError {
  return new DataError(`The ${name} loader`, {
    code: 'loader-length',
    expected: `${length} batches, as its \`length\` says`,
    got: `only ${batches}`,
    help: 'mend its `length`, or leave it out when it is not known',
  });
}

function isLoader(value: unknown): value is Loader<unknown> {
  return !Array.isArray(value) && !(value instanceof tf.Tensor) && isIterable(value);
}

/** True for anything that can be walked through, synchronously or not. */
export function isIterable(value: unknown): value is Loader<unknown> {
  if (typeof value !== 'object' || value === null) return false;
  return Symbol.asyncIterator in value || Symbol.iterator in value;
}

function lengthOf(loader: Loader<unknown>): number {
  return typeof loader.length === 'number' ? loader.length : Number.POSITIVE_INFINITY;
}
