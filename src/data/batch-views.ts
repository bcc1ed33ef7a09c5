/**
 * Which views a batch holds. A loader remembers it for each batch that it hands over, so that the batch can be told apart
 * from any other, whatever order it came in: a cache of a teacher's logits goes by this.
 */
import { crc32 } from 'node:zlib';
import { type Dataset, sampleIdOf } from './dataset.ts';
import { type HostTree, isHostTensor, scaled } from './host.ts';
import { isGivenAway } from './lent-memory.ts';
import type { BatchRequest } from './read-batch.ts';
import type { SampleId } from './views.ts';

/** The views in a batch, by row. */
export interface BatchViews {
  /** The data set that the samples are of. */
  readonly dataset: object;
  /** The seed of the loader. */
  readonly seed: number;
  /** The epoch that augmentation is drawn for, from 0. */
  readonly epoch: number;
  /** The samples, by row. Those that were skipped are not among them. */
  readonly ids: readonly SampleId[];
  /** What the loader does to its samples: see `DataLoader.augmentation`. */
  readonly augmentation: string;
  /**
   * The CRC-32 of one row of a column as it was read and augmented. Nothing is read back from a tensor.
   *
   * @returns undefined when the batch has no such column; when its tensors are disposed, it may be undefined too, since
   *   its memory is used for another batch
   */
  checksum(column: string, row: number): number | undefined;
}

const known = new WeakMap<object, BatchViews>();

/**
 * The views in a batch that a {@link DataLoader} has made.
 *
 * @returns undefined for any other value: for batches of streams, of several loaders, and those that a `collate` function or
 * a transfer hook of the user's own has made
 *
 * @example
 * ```ts
 * for await (const batch of loader) console.log(viewsOf(batch)?.ids);
 * ```
 */
export function viewsOf(batch: unknown): BatchViews | undefined {
  return typeof batch === 'object' && batch !== null ? known.get(batch) : undefined;
}

/** What {@link rememberViews} is told. */
export interface ReadViews {
  readonly dataset: Dataset;
  readonly request: BatchRequest;
  readonly tree: HostTree;
  /** Samples that the batch goes without. */
  readonly bad: readonly { readonly id: SampleId }[];
  readonly augmentation: string;
}

/** Remembers what a batch holds, as long as the batch is there. Costs nothing until somebody asks. */
export function rememberViews(batch: unknown, { dataset, request, tree, bad, augmentation }: ReadViews): void {
  if (typeof batch !== 'object' || batch === null) return;
  let ids: readonly SampleId[] | undefined;
  known.set(batch, {
    dataset,
    seed: request.seed,
    epoch: request.epoch,
    augmentation,
    get ids() {
      ids ??= idsOf(dataset, request.indices, bad);
      return ids;
    },
    checksum: (column, row) => checksumOf(tree, column, row),
  });
}

function idsOf(dataset: Dataset, indices: Uint32Array, bad: ReadViews['bad']): SampleId[] {
  const all = Array.from(indices, (index) => sampleIdOf(dataset, index));
  if (bad.length === 0) return all;
  const missing = new Set(bad.map(({ id }) => id));
  return all.filter((id) => !missing.has(id));
}

function checksumOf(tree: HostTree, column: string, row: number): number | undefined {
  const values = (tree as Readonly<Record<string, HostTree>>)[column];
  if (!isHostTensor(values) || isGivenAway(values.data.buffer)) return undefined;
  const size = values.data.length / (values.shape[0] as number);
  const { buffer, byteOffset, byteLength } = scaled({
    ...values,
    data: values.data.subarray(row * size, (row + 1) * size),
  }).data;
  return crc32(new Uint8Array(buffer, byteOffset, byteLength));
}
