/** What counts as a loader of batches, several of them in arrays and records, and the type of their joined batches. */
import type * as tf from '../core/tf.ts';

/** The seed of a loader; of a combined one, those of its members, with `null` for a member without a seed. */
export type LoaderSeed = number | readonly (LoaderSeed | null)[];

/** Where a loader is. */
export interface LoaderState {
  readonly epoch: number;
  /** Batches of the epoch that have been handed over. */
  readonly batch: number;
  readonly seed: LoaderSeed;
}

/** Anything that yields batches, once per iteration. */
export type Loader<B> = (Iterable<B> | AsyncIterable<B>) & {
  /** Number of batches, where it is known. */
  readonly length?: number | undefined;
  /** Called before each epoch, so that the order of the samples follows from its number. */
  setEpoch?(epoch: number): void;
  /** Continue within an epoch: the next iteration starts at this batch. */
  loadState?(state: never): void;
  state?(): LoaderState;
  /** What of a batch is the consumer's to dispose of. Default: everything, unless the loader is an array. */
  owned?(batch: unknown): unknown;
};

/**
 * Loaders that together give a batch `B`: one for each of its entries, or of their entries.
 *
 * @example
 * ```ts
 * const loaders: LoaderTree<{ labelled: Batch; unlabelled: Batch }> = { labelled: loaderA, unlabelled: loaderB };
 * ```
 */
export type LoaderTree<B> =
  | Loader<B>
  | (B extends tf.Tensor ? never : B extends object ? { readonly [K in keyof B]: LoaderTree<B[K]> } : never);

/** The batch that a tree of loaders gives. */
export type BatchOfLoaders<T> =
  T extends AsyncIterable<infer B>
    ? B
    : T extends readonly Loader<unknown>[]
      ? { -readonly [K in keyof T]: BatchOfLoaders<T[K]> }
      : T extends Iterable<infer B>
        ? B
        : { -readonly [K in keyof T]: BatchOfLoaders<T[K]> };

/** True for anything that can be walked through, synchronously or not. */
export function isIterable(value: unknown): value is Loader<unknown> {
  if (typeof value !== 'object' || value === null) return false;
  return Symbol.asyncIterator in value || Symbol.iterator in value;
}

/** True for an iterable that can hardly be a batch: no array, no typed array, no Map. */
export function isLoader(value: unknown): value is Loader<unknown> {
  return isIterable(value) && !Array.isArray(value) && !ArrayBuffer.isView(value) && !(value instanceof Map);
}

/** Batches per epoch; `Infinity` when the loader has no length. */
export function lengthOf(loader: Loader<unknown>): number {
  return typeof loader.length === 'number' ? loader.length : Number.POSITIVE_INFINITY;
}
