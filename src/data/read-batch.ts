/**
 * Reads one batch of samples from a dataset: gathered at once where the dataset and the options allow it, else sample
 * by sample. An error names the sample it happened at. Workers run this too, so it knows nothing of tfjs.
 */
import { DataError, KelvinError, messageOf } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import { collateSamples } from './collate.ts';
import { type Dataset, sampleIdOf } from './dataset.ts';
import { type HostBatch, type HostTree, isHostArray, isScaled, isThenable, scaled } from './host.ts';
import { memoryOf } from './spare-memory.ts';
import type { BatchTransform } from './transforms.ts';
import { type SampleId, sampleRandom } from './views.ts';

/** Changes one sample; `random` is that sample's own stream. */
export type SampleTransform<S> = { bivariant(sample: S, random: Random): S | Promise<S> }['bivariant'];

/** How batches are read. */
export interface Reader<S = unknown> {
  readonly dataset: Dataset<S>;
  readonly transform?: SampleTransform<S> | BatchTransform | undefined;
  /** Leave the samples as they are: somebody else makes a batch of them. */
  readonly asSamples: boolean;
  /** Leave out samples that the dataset cannot give, instead of throwing. */
  readonly skipBad: boolean;
}

/** Which samples, in which epoch of which seed. */
export interface BatchRequest {
  readonly indices: Uint32Array;
  readonly seed: number;
  readonly epoch: number;
  /** The samples themselves, by row, where there is no dataset to ask; `indices` are their places in the stream. */
  readonly samples?: readonly unknown[] | undefined;
  /** Leave bytes packed that the engine will scale, where no transform has to see them. */
  readonly packed?: boolean | undefined;
}

/** A sample that was left out. */
export interface BadSample {
  readonly id: SampleId;
  /** The message of the error. */
  readonly reason: string;
}

/** A batch on the host, collated or not. */
export interface ReadBatch<S = unknown> {
  readonly tree?: HostTree | undefined;
  readonly samples?: readonly S[] | undefined;
  readonly bad: readonly BadSample[];
}

/** Reads a batch, at once if the dataset is synchronous. @throws DataError `sample-failed`, `no-sample-left` */
export function readBatch<S>(given: Reader<S>, request: BatchRequest): ReadBatch<S> | Promise<ReadBatch<S>> {
  const reader = request.samples ? { ...given, dataset: cameWith<S>(request) } : given;
  const { dataset, transform, asSamples } = reader;
  const perSample = typeof transform === 'function';
  const { indices } = request;
  if (asSamples || perSample) return readOneByOne(reader, request);
  const asFloats = transform !== undefined || !request.packed;
  if (dataset.gather && (asFloats || !dataset.gatherPacked)) {
    return { tree: augmented(reader, request, dataset.gather(indices), indices), bad: [] };
  }
  const packed = dataset.gatherPacked?.(indices);
  if (!packed) return readOneByOne(reader, request);
  if (!(packed instanceof Promise)) return { tree: packed, bad: [] };
  return packed.then(
    (tree) => ({ tree: asFloats ? augmented(reader, request, unpacked(tree), indices) : tree, bad: [] }),
    () => readOneByOne(reader, request), // which finds out whose error it was
  );
}

/** The columns of a batch as everybody sees them. */
function unpacked(batch: HostBatch): HostBatch {
  const all = Object.entries(batch).map(([name, column]) => {
    return [
      name,
      isScaled(column) ? scaled(column, new Float32Array(memoryOf(4 * column.data.length))) : column,
    ] as const;
  });
  return Object.fromEntries(all);
}

function readOneByOne<S>(reader: Reader<S>, request: BatchRequest): ReadBatch<S> | Promise<ReadBatch<S>> {
  const bad: BadSample[] = [];
  const read = readSamples(reader, request, bad);
  return read instanceof Promise
    ? read.then((all) => finish(reader, request, all, bad))
    : finish(reader, request, read, bad);
}

/** The samples of a request, as if they were a dataset's. */
function cameWith<S>({ indices, samples = [] }: BatchRequest): Dataset<S> {
  const rows = new Map(Array.from(indices, (place, row) => [place, row]));
  return { length: samples.length, get: (place) => samples[rows.get(place) as number] as S };
}

/** In place of a sample that was left out. */
const MISSING = Symbol('missing');

function finish<S>(
  reader: Reader<S>,
  request: BatchRequest,
  all: readonly (S | typeof MISSING)[],
  bad: readonly BadSample[],
): ReadBatch<S> {
  const samples = all.filter((sample): sample is S => sample !== MISSING);
  if (samples.length === 0) throw noSampleLeft(bad);
  if (reader.asSamples) return { samples, bad };
  const indices = bad.length > 0 ? request.indices.filter((_, row) => all[row] !== MISSING) : request.indices;
  const ids = Array.from(indices, (index) => sampleIdOf(reader.dataset, index));
  const packed = request.packed && !reader.transform;
  return { tree: augmented(reader, request, collateSamples(samples, { ids, packed }), indices), bad };
}

/** The batch passed through a batch transform, where there is one. */
function augmented<S>(
  { dataset, transform }: Reader<S>,
  { seed, epoch }: BatchRequest,
  tree: HostTree,
  indices: Uint32Array,
): HostTree {
  if (typeof transform !== 'object') return tree;
  return transform.batch(tree as HostBatch, (row) =>
    sampleRandom({ seed, epoch, id: sampleIdOf(dataset, indices[row] as number) }),
  );
}

function readSamples<S>(
  reader: Reader<S>,
  request: BatchRequest,
  bad: BadSample[],
): (S | typeof MISSING)[] | Promise<(S | typeof MISSING)[]> {
  const read: (S | typeof MISSING | Promise<S | typeof MISSING>)[] = [];
  let waits = false;
  try {
    for (const index of request.indices) {
      const sample = readSample(reader, request, index, bad);
      waits ||= sample instanceof Promise;
      read.push(sample);
    }
  } catch (error) {
    disposeAll(read);
    throw error;
  }
  if (!waits) return read as (S | typeof MISSING)[];
  return Promise.all(read).catch((error: unknown) => {
    disposeAll(read);
    throw error;
  });
}

function readSample<S>(
  { dataset, transform: given, asSamples, skipBad }: Reader<S>,
  { seed, epoch }: BatchRequest,
  index: number,
  bad: BadSample[],
): S | typeof MISSING | Promise<S | typeof MISSING> {
  const id = sampleIdOf(dataset, index);
  const transform = typeof given === 'function' ? given : undefined;
  const blame = (error: unknown): never => {
    throw sampleFailed(id, error);
  };
  const unread = (error: unknown): typeof MISSING => {
    if (!skipBad) return blame(error);
    bad.push({ id, reason: messageOf(error) });
    return MISSING;
  };
  const change = (sample: S): S | Promise<S> =>
    transform ? transform(sample, sampleRandom({ seed, epoch, id })) : sample;
  let found: S | Promise<S>;
  try {
    found = !asSamples && !transform && dataset.getUnscaled ? dataset.getUnscaled(index) : dataset.get(index);
  } catch (error) {
    return unread(error);
  }
  if (isThenable(found)) {
    return Promise.resolve(found).then((sample) => Promise.resolve(sample).then(change).catch(blame), unread);
  }
  try {
    const sample = change(found);
    return isThenable(sample) ? Promise.resolve(sample).catch(blame) : sample;
  } catch (error) {
    return blame(error);
  }
}

function sampleFailed(id: SampleId, cause: unknown): DataError {
  const help = cause instanceof KelvinError ? undefined : 'the error behind this one is its `cause`';
  return new DataError(`Sample ${id} could not be read: ${messageOf(cause)}`, { code: 'sample-failed', cause, help });
}

function noSampleLeft(bad: readonly BadSample[]): DataError {
  const reasons = bad.slice(0, 3).map(({ reason }) => `\n    ${reason}`);
  return new DataError(`No sample of a batch could be read:${reasons.join('')}`, {
    code: 'no-sample-left',
    expected: 'at least one good sample per batch',
    got: `${bad.length} bad ones`,
  });
}

/** Samples of a batch that came to nothing, some perhaps still on their way. */
function disposeAll(samples: readonly unknown[]): void {
  for (const sample of samples) {
    if (sample instanceof Promise) sample.then(disposeSample, () => {});
    else disposeSample(sample);
  }
}

/** Samples that hold tensors are the loader's until a collate function takes them over. */
export function disposeSample(sample: unknown): void {
  if (typeof sample !== 'object' || sample === null || isHostArray(sample)) return;
  if (typeof (sample as { dispose?: unknown }).dispose === 'function') (sample as { dispose(): void }).dispose();
  else Object.values(sample).forEach(disposeSample);
}
