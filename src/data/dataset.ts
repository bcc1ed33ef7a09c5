/**
 * Map-style datasets: a length and a way to get one sample. A dataset that can also gather a whole batch of
 * samples at once is read without a detour over single samples.
 */
import type { HostBatch } from './host.ts';
import type { SampleId } from './views.ts';

/**
 * Samples by index, as the data loader reads them. Anything with these members will do.
 *
 * @typeParam S what one sample is: numbers, typed arrays, {@link HostTensor}s, objects and tuples of these
 * @typeParam B what a batch of them becomes: a hint for the compiler only, from which a loader takes its batch type
 *
 * @example
 * ```ts
 * const squares: Dataset = { length: 100, get: (i) => ({ x: i, y: i * i }) };
 * for await (const { x, y } of new DataLoader<{ x: tf.Tensor1D; y: tf.Tensor1D }>(squares)) { … }
 * ```
 */
export interface Dataset<S = unknown, B = unknown> {
  /** How many samples there are. */
  readonly length: number;
  /** The sample at `index`, from 0 to `length - 1`. May be asynchronous: the loader then prepares batches ahead. */
  get(index: number): S | Promise<S>;
  /** Fast path: the samples at `indices` as one batch of fresh arrays, the batch being the first axis. */
  gather?(indices: ArrayLike<number>): HostBatch;
  /** Within Kelvin: as `get`, but pixels may be left for collating to scale. For samples that nobody else sees. */
  getUnscaled?(index: number): S | Promise<S>;
  /**
   * Within Kelvin: as `gather`, but bytes may be left for the engine to scale. Undefined, or an error while waiting, sends
   * the loader to the single samples.
   */
  gatherPacked?(indices: ArrayLike<number>): HostBatch | Promise<HostBatch> | undefined;
  /** The lasting name of a sample, which augmentation and caches go by. Default: its index. */
  sampleId?(index: number): SampleId;
  /** Never called and never there; it carries the batch type. A method, so that narrower batch types are accepted. */
  batchType?(batch: B): void;
}

/** The lasting name of the sample at `index`: what the dataset says, else the index. */
export function sampleIdOf(dataset: Dataset, index: number): SampleId {
  return dataset.sampleId ? dataset.sampleId(index) : index;
}
