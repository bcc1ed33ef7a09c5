/**
 * The data loader: walks through a dataset in batches of tensors, epoch by epoch. What it gives depends on the seed,
 * the epoch and the batch number only, so that a run can resume at any batch and go on as if never interrupted.
 */
import { z } from 'zod';
import { ConfigError, DataError, show } from '../core/errors.ts';
import { anyThat, flag, parseOptions, wholeNumber } from '../core/options.ts';
import type { Random } from '../core/random.ts';
import { globalRandom } from '../core/seed.ts';
import { type Dataset, sampleIdOf } from './dataset.ts';
import { Iteration } from './iteration.ts';
import { readBatch, type SampleTransform } from './read-batch.ts';
import { RandomSampler, type Sampler, SequentialSampler } from './samplers/samplers.ts';
import type { BatchTransform } from './transforms.ts';
import { sampleRandom, type ViewKey } from './views.ts';

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
  /** Makes a batch of samples, instead of {@link collate}. Called when the batch is handed over. */
  readonly collate?: ((samples: S[]) => B) | undefined;
  /** Augmentation, per sample or, faster, per batch. */
  readonly transform?: SampleTransform<S> | BatchTransform | undefined;
  /** Batches of an asynchronous dataset in preparation while one is in use. Default 2. */
  readonly prefetch?: number | undefined;
}

/** Where a loader is: all that is needed to go on from there. */
export interface DataLoaderState {
  readonly epoch: number;
  /** How many batches of the epoch have been handed over. */
  readonly batch: number;
  readonly seed: number;
}

const isFunction = (value: unknown): boolean => typeof value === 'function';
const has = (value: unknown, member: string): boolean =>
  isFunction((value as Record<string, unknown> | null)?.[member]);

const optionsSchema = z.strictObject({
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
  prefetch: wholeNumber(0).default(2),
});

/**
 * Batches of a dataset, as an async iterable that can be walked through again for each epoch. Each batch is made of
 * fresh tensors, which the consumer disposes (the trainer does). Iterating again goes on to the next epoch.
 *
 * @typeParam B one batch; known from the dataset or the `collate` function, else to be named
 * @throws ConfigError `invalid-option`; while iterating, DataError naming the sample (`sample-failed`, `sample-shape`, …)
 *
 * @example
 * ```ts
 * const train = new DataLoader(dataset, { batchSize: 128, shuffle: true, transform: randomShift({ pixels: 2 }) });
 * for await (const { x, y } of train) { …; tf.dispose([x, y]); }
 * ```
 */
export class DataLoader<B = unknown, S = unknown> implements AsyncIterable<B> {
  readonly dataset: Dataset<S, B>;
  readonly batchSize: number;
  readonly dropLast: boolean;
  readonly prefetch: number;
  readonly #givenSampler: Sampler | undefined;
  readonly #shuffle: boolean;
  readonly #collate: ((samples: S[]) => B) | undefined;
  readonly #transform: SampleTransform<S> | BatchTransform | undefined;
  #seed: number;
  #epoch = 0;
  #start = 0;
  #iteration: Iteration<B> | undefined;

  constructor(dataset: Dataset<S, B>, options: DataLoaderOptions<S, B> = {}) {
    const parsed = parseOptions('DataLoader', optionsSchema, options);
    if (!has(dataset, 'get')) throw notADataset(dataset);
    if (parsed.shuffle && parsed.sampler) throw twoOrders();
    this.dataset = dataset;
    this.batchSize = parsed.batchSize;
    this.dropLast = parsed.dropLast;
    this.prefetch = parsed.prefetch;
    this.#shuffle = parsed.shuffle;
    this.#givenSampler = parsed.sampler;
    this.#collate = options.collate;
    this.#transform = options.transform;
    this.#seed = parsed.seed ?? globalRandom().bits();
  }

  /** Batches per epoch. 0 when the dataset is empty, or smaller than a batch under `dropLast`. */
  get length(): number {
    const batches = this.#sampler.length / this.batchSize;
    return this.dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  /** The seed of shuffling and augmentation. */
  get seed(): number {
    return this.#seed;
  }

  /**
   * Begins an iteration: from the batch that {@link loadState} set, else from the first batch, of the epoch that
   * {@link setEpoch} or `loadState` set, else of the epoch after the one iterated before.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<B, undefined> {
    return this.#begin();
  }

  /**
   * The same, synchronously.
   *
   * @throws ConfigError `asynchronous-dataset` while iterating, when a sample has to be waited for
   */
  [Symbol.iterator](): IterableIterator<B, undefined> {
    const iteration = this.#begin();
    return {
      next: () => iteration.nextSync(asynchronous),
      return() {
        iteration.close();
        return { done: true, value: undefined };
      },
      [Symbol.iterator]() {
        return this;
      },
    };
  }

  /** The next iteration walks through this epoch; a position in the same epoch set by {@link loadState} stays. */
  setEpoch(epoch: number): void {
    if (epoch === this.#epoch && this.#iteration === undefined) return;
    this.#move(epoch, 0);
  }

  /** Where the latest iteration is: its batch is the next one that it will hand over. */
  state(): DataLoaderState {
    const iteration = this.#iteration;
    if (iteration?.completed) return { epoch: this.#epoch + 1, batch: 0, seed: this.#seed };
    return { epoch: this.#epoch, batch: iteration?.position ?? this.#start, seed: this.#seed };
  }

  /**
   * The next iteration goes on from a saved {@link state}, with the batches that would have come then.
   *
   * @throws DataError `loader-state` when the state is not one of this loader's
   */
  loadState(state: DataLoaderState): void {
    const whole = [state.epoch, state.batch, state.seed].every((n) => Number.isInteger(n) && n >= 0);
    if (!whole || state.batch > this.length || state.seed > 0xffff_ffff) throw wrongState(state, this.length);
    this.#seed = state.seed;
    this.#move(state.epoch, state.batch);
  }

  /**
   * Names the views in a batch, in its order: what a cache of teacher logits goes by.
   *
   * @param batch its number in the epoch, from 0
   * @param epoch default: the epoch of the latest iteration
   */
  viewKeys(batch: number, epoch: number = this.#epoch): ViewKey[] {
    const order = orderOf(this.#sampler, epoch).subarray(batch * this.batchSize, (batch + 1) * this.batchSize);
    return Array.from(order, (index) => ({ seed: this.#seed, epoch, id: sampleIdOf(this.dataset, index) }));
  }

  #move(epoch: number, batch: number): void {
    this.#epoch = epoch;
    this.#start = batch;
    this.#iteration = undefined;
  }

  get #sampler(): Sampler {
    if (this.#givenSampler) return this.#givenSampler;
    const { length } = this.dataset;
    return this.#shuffle ? new RandomSampler(length, { seed: this.#seed }) : new SequentialSampler(length);
  }

  #begin(): Iteration<B> {
    if (this.#iteration) this.#move(this.#epoch + 1, 0);
    const epoch = this.#epoch;
    const seed = this.#seed;
    const order = orderOf(this.#sampler, epoch);
    const reader = { dataset: this.dataset, collate: this.#collate, transform: this.#transform };
    const randomOf = (index: number): Random => sampleRandom({ seed, epoch, id: sampleIdOf(this.dataset, index) });
    this.#iteration = new Iteration<B>({
      from: this.#start,
      to: this.length,
      prefetch: this.prefetch,
      prepare: (batch) =>
        readBatch(reader, order.subarray(batch * this.batchSize, (batch + 1) * this.batchSize), randomOf),
    });
    return this.#iteration;
  }
}

function orderOf(sampler: Sampler, epoch: number): Uint32Array {
  const given = sampler.indices(epoch);
  const order = given instanceof Uint32Array ? given : Uint32Array.from(given);
  if (order.length === sampler.length) return order;
  throw new DataError('The sampler contradicts itself', {
    code: 'sampler-length',
    expected: `${sampler.length} indices for epoch ${epoch}, as its \`length\` says`,
    got: String(order.length),
  });
}

const asynchronous = (): ConfigError =>
  new ConfigError('DataLoader: the dataset is asynchronous', {
    code: 'asynchronous-dataset',
    help: 'iterate with `for await`',
  });

const twoOrders = (): ConfigError =>
  new ConfigError('DataLoader: `shuffle` and `sampler` exclude each other', {
    code: 'invalid-option',
    help: 'leave out `shuffle`, or use a RandomSampler',
  });

const notADataset = (got: unknown): ConfigError =>
  new ConfigError('DataLoader', {
    code: 'invalid-dataset',
    expected: 'a dataset with `length` and `get`',
    got: show(got),
  });

const wrongState = (state: DataLoaderState, length: number): DataError =>
  new DataError('DataLoader: this state does not fit', {
    code: 'loader-state',
    expected: `{ epoch, batch, seed } with a batch from 0 to ${length}`,
    got: show(state),
    help: 'resume with the dataset and the batch size that the state was saved with',
  });
