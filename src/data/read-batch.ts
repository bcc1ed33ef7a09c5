/**
 * Reads one batch of samples from a dataset: gathered at once where the dataset and the options allow it, else sample
 * by sample. An error names the sample it happened at.
 */
import { DataError, KelvinError, messageOf } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import * as tf from '../core/tf.ts';
import { collate } from './collate.ts';
import type { Dataset } from './dataset.ts';
import { type HostBatch, type HostTree, isHostArray, isThenable } from './host.ts';
import type { Prepared } from './iteration.ts';
import { toTensors } from './to-tensors.ts';
import type { BatchTransform } from './transforms.ts';

/** Changes one sample; `random` is that sample's own stream. */
export type SampleTransform<S> = { bivariant(sample: S, random: Random): S | Promise<S> }['bivariant'];

/** How batches are read. */
export interface Reader<S, B> {
  readonly dataset: Dataset<S, B>;
  readonly collate?: ((samples: S[]) => B) | undefined;
  readonly transform?: SampleTransform<S> | BatchTransform | undefined;
}

/** Reads the samples `ids` as one batch, at once if the dataset is synchronous. */
export function readBatch<S, B>(
  reader: Reader<S, B>,
  ids: Uint32Array,
  randomOf: (id: number) => Random,
): Prepared<B> | Promise<Prepared<B>> {
  const { dataset, transform } = reader;
  const perSample = typeof transform === 'function' ? transform : undefined;
  if (dataset.gather && !reader.collate && !perSample) return fromTree(reader, ids, dataset.gather(ids), randomOf);
  const samples = readSamples(dataset, ids, perSample, randomOf);
  const prepare = (ready: S[]): Prepared<B> =>
    reader.collate ? fromSamples(ready, reader.collate) : fromTree(reader, ids, collate(ready, ids), randomOf);
  return samples instanceof Promise ? samples.then(prepare) : prepare(samples);
}

function fromTree<S, B>(
  { transform }: Reader<S, B>,
  ids: Uint32Array,
  tree: HostTree,
  randomOf: (id: number) => Random,
): Prepared<B> {
  const batchTransform = typeof transform === 'object' ? transform : undefined;
  const ready = batchTransform ? batchTransform.batch(tree as HostBatch, (row) => randomOf(ids[row] as number)) : tree;
  return { make: () => toTensors(ready) as B };
}

function fromSamples<S, B>(samples: S[], make: (samples: S[]) => B): Prepared<B> {
  return { make: () => make(samples), drop: () => samples.forEach(disposeSample) };
}

function readSamples<S>(
  dataset: Dataset<S>,
  ids: Uint32Array,
  transform: SampleTransform<S> | undefined,
  randomOf: (id: number) => Random,
): S[] | Promise<S[]> {
  const read: (S | Promise<S>)[] = [];
  let waits = false;
  try {
    for (const id of ids) {
      const sample = readSample(dataset, id, transform && ((found) => transform(found, randomOf(id))));
      waits ||= sample instanceof Promise;
      read.push(sample);
    }
  } catch (error) {
    disposeAll(read);
    throw error;
  }
  if (!waits) return read as S[];
  return Promise.all(read).catch((error: unknown) => {
    disposeAll(read);
    throw error;
  });
}

function readSample<S>(
  dataset: Dataset<S>,
  id: number,
  transform: ((sample: S) => S | Promise<S>) | undefined,
): S | Promise<S> {
  const blame = (error: unknown): never => {
    throw sampleFailed(id, error);
  };
  try {
    const found = dataset.get(id);
    if (isThenable(found)) return Promise.resolve(found).then(transform).catch(blame);
    const sample = transform ? transform(found) : found;
    return isThenable(sample) ? Promise.resolve(sample).catch(blame) : sample;
  } catch (error) {
    return blame(error);
  }
}

function sampleFailed(id: number, cause: unknown): DataError {
  const help = cause instanceof KelvinError ? undefined : 'the error behind this one is its `cause`';
  return new DataError(`Sample ${id} could not be read: ${messageOf(cause)}`, { code: 'sample-failed', cause, help });
}

/** Samples of a batch that came to nothing, some perhaps still on their way. */
function disposeAll<S>(samples: readonly (S | Promise<S>)[]): void {
  for (const sample of samples) {
    if (sample instanceof Promise) sample.then(disposeSample, () => {});
    else disposeSample(sample);
  }
}

/** Samples that hold tensors are the loader's until a collate function takes them over. */
function disposeSample(sample: unknown): void {
  if (sample instanceof tf.Tensor) sample.dispose();
  else if (typeof sample === 'object' && sample !== null && !isHostArray(sample)) {
    Object.values(sample).forEach(disposeSample);
  }
}
