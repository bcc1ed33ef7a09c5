/** The options of a DataLoader: what they are, how they are checked, and the errors about them. */
import { z } from 'zod';
import { ConfigError, DataError, show } from '../core/errors.ts';
import { anyThat, flag, oneOf, wholeNumber } from '../core/options.ts';
import type { BadSample, SampleTransform } from './read-batch.ts';
import type { Sampler } from './samplers/samplers.ts';
import type { BatchTransform } from './transforms.ts';

/** Options of a {@link DataLoader}. */
export interface DataLoaderOptions<S = unknown, B = unknown> {
  /** Samples per batch. Default 32. */
  readonly batchSize?: number | undefined;
  /** Visit the samples in a new random order each epoch. Default false. */
  readonly shuffle?: boolean | undefined;
  /** Leave out the last batch when it is smaller than the others. Default false. */
  readonly dropLast?: boolean | undefined;
  /** Seed of shuffling and augmentation. Default: drawn from the global stream, which `seedEverything` sets. */
  readonly seed?: number | undefined;
  /** An order of your own, instead of `shuffle`. */
  readonly sampler?: Sampler | undefined;
  /** Makes a batch of samples, instead of {@link collate}. Called on the main thread when the batch is handed over. */
  readonly collate?: ((samples: S[]) => B) | undefined;
  /** Augmentation, per sample or, faster, per batch. */
  readonly transform?: SampleTransform<S> | BatchTransform | undefined;
  /**
   * After so many epochs the views of the samples repeat, in another order if the loader shuffles: what a cache of a
   * teacher's logits holds. Default: never.
   */
  readonly viewEpochs?: number | undefined;
  /** Batches in preparation while one is in use. Default 2, and two per worker with `workers`. */
  readonly prefetch?: number | undefined;
  /** How many workers read and augment batches. Default 0: the main thread does. Batches are the same either way. */
  readonly workers?: number | undefined;
  /**
   * What workers are. `'threads'` (default) hand the memory of batches over; `'processes'` copy it, and one that crashes
   * or is killed is replaced without harm to the run.
   */
  readonly workerRuntime?: 'threads' | 'processes' | undefined;
  /**
   * What to do about samples that the dataset cannot give, such as a damaged image: `'error'` (default), or `'skip'`: the
   * batch goes without it, and it is listed in `badSamples`.
   */
  readonly onBadSample?: 'error' | 'skip' | undefined;
  /** More skipped samples than this are an error. Default 100. */
  readonly maxBadSamples?: number | undefined;
}

const isFunction = (value: unknown): boolean => typeof value === 'function';

/** Whether `value` has a method of this name. */
export const has = (value: unknown, member: string): boolean =>
  isFunction((value as Record<string, unknown> | null)?.[member]);

/** Checks {@link DataLoaderOptions}. */
export const loaderSchema = z.strictObject({
  batchSize: wholeNumber(1).default(32),
  shuffle: flag().default(false),
  dropLast: flag().default(false),
  seed: wholeNumber(0, 0xffff_ffff).optional(),
  sampler: anyThat<Sampler>('a sampler with `length` and `indices(epoch)`', (v) => has(v, 'indices')).optional(),
  collate: anyThat<(samples: never[]) => unknown>('a function', isFunction).optional(),
  transform: anyThat<SampleTransform<unknown> | BatchTransform>(
    'a function of a sample, or an object with `batch`',
    (value) => isFunction(value) || has(value, 'batch'),
  ).optional(),
  viewEpochs: wholeNumber(1).optional(),
  prefetch: wholeNumber(0).optional(),
  workers: wholeNumber(0, 128).default(0),
  workerRuntime: oneOf('threads', 'processes').default('threads'),
  onBadSample: oneOf('error', 'skip').default('error'),
  maxBadSamples: wholeNumber(0).default(100),
});

/** The error for iterating synchronously over what has to be waited for. */
export const asynchronous = (): ConfigError =>
  new ConfigError('DataLoader: the dataset is asynchronous', {
    code: 'asynchronous-dataset',
    help: 'iterate with `for await`',
  });

/** The error for two answers to one question. */
export const twoOrders = (): ConfigError =>
  new ConfigError('DataLoader: `shuffle` and `sampler` exclude each other', {
    code: 'invalid-option',
    help: 'leave out `shuffle`, or use a RandomSampler',
  });

/** The error for something that is no dataset. */
export const notADataset = (got: unknown): ConfigError =>
  new ConfigError('DataLoader', {
    code: 'invalid-dataset',
    expected: 'a dataset with `length` and `get`',
    got: show(got),
    help:
      has(got, 'next') || typeof got === 'object' ? 'a stream without `length` goes into a StreamLoader' : undefined,
  });

/** The error for something that cannot be sent to a worker. */
export const notForWorkers = (owner: string, what: 'dataset' | 'transform'): ConfigError =>
  new ConfigError(`${owner}: with \`workers\`, the ${what} must be one that can be made again in a worker`, {
    code: 'not-for-workers',
    expected: `a ${what} of Kelvin's own, or one made by \`fromModule\``,
    help: `export a function that makes it from a module of yours, and call it with fromModule(new URL('./my-module.js', import.meta.url), 'name'), or leave \`workers\` out`,
  });

/** The error for more bad samples than are tolerated. */
export function tooManyBad(bad: readonly BadSample[], limit: number): DataError {
  const list = bad.slice(-5).map(({ id, reason }) => `\n    ${id}: ${reason}`);
  return new DataError(`More samples are bad than \`maxBadSamples\` allows, the last of them${list.join('')}\n `, {
    code: 'too-many-bad-samples',
    expected: `at most ${limit}`,
    got: String(bad.length),
    help: 'mend the data, or raise `maxBadSamples`',
  });
}
