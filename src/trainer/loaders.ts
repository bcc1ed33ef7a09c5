/**
 * Loaders as the trainer sees them: anything that can be iterated over, once per epoch. A DataLoader also tells its
 * length, its epoch and its position; an array of ready batches is reused and therefore never disposed of.
 */

import { type BatchLimit, limitedCount } from '../core/duration.ts';
import { ConfigError, DataError } from '../core/errors.ts';
import { globalRandom } from '../core/seed.ts';
import { disposeTensors, isPlainObject, visitTensors } from '../core/tensors.ts';
import type * as tf from '../core/tf.ts';
import { CombinedLoader } from '../data/combined-loader.ts';
import { isIterable, isLoader, type Loader, lengthOf } from '../data/loader.ts';
import { invalidLoader, isLoaderTree } from '../data/loader-tree.ts';
import { ownedPart } from '../data/member-walk.ts';

/** One loader or several, which are gone through one after the other. */
export type Loaders<B> = Loader<B> | readonly Loader<B>[] | Readonly<Record<string, Loader<B>>>;

/** A loader with its limits worked out. */
export interface BatchSource {
  readonly loader: Loader<unknown>;
  /** Batches per epoch after the limit; `Infinity` when that is not known. */
  readonly count: number;
  readonly name: string;
}

/**
 * Prepares the loaders of an evaluation: an array or a record of them, or a CombinedLoader of mode `'sequential'`, is
 * several.
 *
 * @param name for errors: `'val'`
 * @param limitName the flag that limits it: `'limitValBatches'`
 * @throws ConfigError `invalid-loader`
 */
export function batchSources(name: string, loaders: unknown, limitName: string, limit: BatchLimit): BatchSource[] {
  if (loaders === undefined || loaders === null) return [];
  const given = loaders instanceof CombinedLoader && loaders.mode === 'sequential' ? loaders.loaders : loaders;
  const record = isPlainObject(given) && !isIterable(given) && Object.keys(given).length > 0;
  const several = record || (!isLoader(given) && isLoaderTree(given));
  const named = several ? Object.entries(given as Record<string, unknown>) : [['', given] as const];
  return named.map(([key, loader]) => {
    const label = !several ? name : Array.isArray(given) ? `${name}[${key}]` : `${name}.${key}`;
    return batchSource(label, loader, limitName, limit);
  });
}

/**
 * Prepares the training loader. Several, in arrays and records, become one whose batches have their shape.
 *
 * @throws ConfigError `invalid-loader`, `sequential-training`
 */
export function trainingSource(loaders: unknown, limit: BatchLimit): BatchSource {
  const several = isPlainObject(loaders) ? !isIterable(loaders) : !isLoader(loaders) && isLoaderTree(loaders);
  const loader = several ? new CombinedLoader(loaders as object) : loaders;
  if (loader instanceof CombinedLoader && loader.mode === 'sequential') throw sequentialTraining();
  return batchSource('train', loader, 'limitTrainBatches', limit);
}

function batchSource(name: string, loader: unknown, limitName: string, limit: BatchLimit): BatchSource {
  if (!isIterable(loader)) throw invalidLoader(`The ${name} loader`, loader);
  return { loader, name, count: limitedCount(limitName, limit, lengthOf(loader)) };
}

/** The batches of one epoch, from `skip` on, with the knowledge which is the last. Disposes of what was not taken. */
export async function* iterate(
  source: BatchSource,
  { skip = 0 }: { skip?: number } = {},
): AsyncGenerator<{ batch: unknown; batchIdx: number; isLast: boolean }> {
  if (skip >= source.count) return;
  let batchIdx = 0;
  if (skip > 0 && source.loader.loadState !== undefined && source.loader.state !== undefined) {
    source.loader.loadState({ ...source.loader.state(), batch: skip } as never);
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

/**
 * What of a batch is disposed of when it is over: all of it, unless it is one of a ready array.
 *
 * @param made what the transfer hooks made of it, whose own tensors go as well
 */
export function disposable({ loader }: BatchSource, batch: unknown, made: unknown = batch): unknown {
  const owned = ownedPart(loader, batch);
  if (made === batch) return owned;
  const given = new Set<tf.Tensor>();
  visitTensors(batch, (tensor) => given.add(tensor));
  const own: tf.Tensor[] = [];
  visitTensors(made, (tensor) => {
    if (!given.has(tensor)) own.push(tensor);
  });
  return [owned, own];
}

/** Disposes of a batch, as {@link disposable} says. */
export function release(source: BatchSource, batch: unknown, made: unknown = batch): void {
  disposeTensors(disposable(source, batch, made));
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

function sequentialTraining(): ConfigError {
  return new ConfigError('The train loader', {
    code: 'sequential-training',
    expected: "a CombinedLoader of mode 'maxSizeCycle', 'minSize' or 'maxSize'",
    got: "'sequential'",
    help: 'train on one loader after the other with `reloadDataloadersEveryNEpochs`, or join the datasets',
  });
}
