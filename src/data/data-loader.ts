/**
 * The data loader: walks through a dataset in batches of tensors, epoch by epoch. What it gives depends on the seed,
 * the epoch and the batch number only, so that a run can resume at any batch and go on as if never interrupted.
 */
import { DataError, show } from '../core/errors.ts';
import { parseOptions } from '../core/options.ts';
import { globalRandom } from '../core/seed.ts';
import { augmentationName } from './augmentation-name.ts';
import { BatchMaker } from './batch-maker.ts';
import { type Dataset, sampleIdOf } from './dataset.ts';
import { Iteration } from './iteration.ts';
import { asynchronous, type DataLoaderOptions, has, loaderSchema, notADataset, twoOrders } from './loader-options.ts';
import type { BadSample } from './read-batch.ts';
import { RandomSampler, type Sampler, SequentialSampler } from './samplers/samplers.ts';
import type { ViewKey } from './views.ts';

/** Where a loader is: all that is needed to go on from there. */
export interface DataLoaderState {
  readonly epoch: number;
  /** How many batches of the epoch have been handed over. */
  readonly batch: number;
  readonly seed: number;
}

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
  /** What the `transform` is, as a sha256; `'none'` without one. Caches of a teacher's logits tell by it what they fit. */
  readonly augmentation: string;
  readonly #options: DataLoaderOptions;
  readonly #viewEpochs: number;
  readonly #givenSampler: Sampler | undefined;
  readonly #shuffle: boolean;
  readonly #maker: BatchMaker<S, B>;
  #seed: number;
  #epoch = 0;
  #start = 0;
  #iteration: Iteration<B> | undefined;
  #order: { readonly epoch: number; readonly seed: number; readonly indices: Uint32Array } | undefined;

  constructor(dataset: Dataset<S, B>, options: DataLoaderOptions<S, B> = {}) {
    const parsed = parseOptions('DataLoader', loaderSchema, options);
    if (!has(dataset, 'get') || typeof dataset.length !== 'number') throw notADataset(dataset);
    if (parsed.shuffle && parsed.sampler) throw twoOrders();
    this.dataset = dataset;
    this.batchSize = parsed.batchSize;
    this.dropLast = parsed.dropLast;
    this.prefetch = parsed.prefetch ?? Math.max(2, 2 * parsed.workers);
    this.augmentation = augmentationName(options.transform);
    this.#options = options as DataLoaderOptions;
    this.#viewEpochs = parsed.viewEpochs ?? Number.POSITIVE_INFINITY;
    this.#shuffle = parsed.shuffle;
    this.#givenSampler = parsed.sampler;
    this.#maker = new BatchMaker({
      owner: 'DataLoader',
      ...{ dataset, transform: options.transform, collate: options.collate },
      ...{ workers: parsed.workers, runtime: parsed.workerRuntime },
      ...{ skipBad: parsed.onBadSample === 'skip', maxBad: parsed.maxBadSamples },
      augmentation: this.augmentation,
    });
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
    const order = this.#orderOf(epoch).subarray(batch * this.batchSize, (batch + 1) * this.batchSize);
    const views = this.#viewEpochOf(epoch);
    return Array.from(order, (index) => ({ seed: this.#seed, epoch: views, id: sampleIdOf(this.dataset, index) }));
  }

  /** A loader of the same views, but of every sample once in each epoch, in the order of the dataset. */
  inOrder(): DataLoader<B, S> {
    const { shuffle: _, sampler: __, dropLast: ___, ...options } = this.#options;
    return new DataLoader(this.dataset, { ...(options as DataLoaderOptions<S, B>), seed: this.#seed });
  }

  /** The samples that were skipped so far, under `onBadSample: 'skip'`, each once, and why. */
  get badSamples(): readonly BadSample[] {
    return this.#maker.bad;
  }

  /** The process ids of the workers (thread ids with `workerRuntime: 'threads'`), once a batch has been asked for. */
  get workerIds(): readonly number[] {
    return this.#maker.workerIds;
  }

  /** Ends the workers, if there are any. Idle workers do not keep the process alive, so this is only to free memory. */
  close(): Promise<void> {
    return this.#maker.close();
  }

  /** The epoch that augmentation is drawn for. */
  #viewEpochOf(epoch: number): number {
    return Number.isFinite(this.#viewEpochs) ? epoch % this.#viewEpochs : epoch;
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

  /** The order of an epoch, kept until another one is asked for. */
  #orderOf(epoch: number): Uint32Array {
    const { length } = this.#sampler;
    const known = this.#order;
    if (known?.epoch === epoch && known.seed === this.#seed && known.indices.length === length) return known.indices;
    const indices = orderOf(this.#sampler, epoch);
    this.#order = { epoch, seed: this.#seed, indices };
    return indices;
  }

  #begin(): Iteration<B> {
    if (this.#iteration) this.#move(this.#epoch + 1, 0);
    const epoch = this.#epoch;
    const seed = this.#seed;
    const order = this.#orderOf(epoch);
    this.#iteration = new Iteration<B>({
      from: this.#start,
      to: this.length,
      prefetch: this.prefetch,
      prepare: (batch) => {
        const indices = order.slice(batch * this.batchSize, (batch + 1) * this.batchSize);
        return this.#maker.prepare({ indices, seed, epoch: this.#viewEpochOf(epoch) });
      },
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

const wrongState = (state: DataLoaderState, length: number): DataError =>
  new DataError('DataLoader: this state does not fit', {
    code: 'loader-state',
    expected: `{ epoch, batch, seed } with a batch from 0 to ${length}`,
    got: show(state),
    help: 'resume with the dataset and the batch size that the state was saved with',
  });
