/**
 * Batches of a stream: samples that come one after the other, of which nobody knows how many there are. For what has a
 * length and can be read at any index, DataLoader shuffles better and resumes at once.
 */
import { z } from 'zod';
import { ConfigError, DataError, show } from '../core/errors.ts';
import { anyThat, flag, oneOf, parseOptions, wholeNumber } from '../core/options.ts';
import { deriveSeed, Random } from '../core/random.ts';
import { globalRandom } from '../core/seed.ts';
import { BatchMaker } from './batch-maker.ts';
import type { DataLoaderState } from './data-loader.ts';
import type { Prepared } from './iteration.ts';
import { has } from './loader-options.ts';
import type { BatchRequest, SampleTransform } from './read-batch.ts';
import type { BatchTransform } from './transforms.ts';
import { noDataset } from './workers/no-dataset.ts';

/** A stream of samples that can be begun anew for each epoch: an iterable, or a function that opens it. */
export type IterableDataset<S = unknown> =
  | AsyncIterable<S>
  | Iterable<S>
  | ((epoch: number) => AsyncIterable<S> | Iterable<S>);

/** Options of a {@link StreamLoader}. */
export interface StreamLoaderOptions<S = unknown> {
  /** Samples per batch. Default 32. */
  readonly batchSize?: number | undefined;
  /** Leave out the last batch when it is smaller than the others. Default false. */
  readonly dropLast?: boolean | undefined;
  /** Shuffle among so many samples that are held in memory. Default 0: the order of the stream. */
  readonly shuffleBuffer?: number | undefined;
  /** Seed of shuffling and augmentation. Default: drawn from the global stream. */
  readonly seed?: number | undefined;
  /** Decoding and augmentation, per sample or per batch. A sample's id is its place in the stream. */
  readonly transform?: SampleTransform<S> | BatchTransform | undefined;
  /** Batches that are prepared while one is in use. Default 2, and two per worker with `workers`. */
  readonly prefetch?: number | undefined;
  /**
   * How many workers do the `transform`, which has to be one of Kelvin's or come from {@link fromModule}. Default 0. The stream
   * itself is read on the main thread, so the batches are the same with any number of them.
   */
  readonly workers?: number | undefined;
  /** What workers are, as in `DataLoaderOptions`. Default `'threads'`. */
  readonly workerRuntime?: 'threads' | 'processes' | undefined;
}

const isFunction = (value: unknown): boolean => typeof value === 'function';
const optionsSchema = z.strictObject({
  batchSize: wholeNumber(1).default(32),
  dropLast: flag().default(false),
  shuffleBuffer: wholeNumber(0).default(0),
  seed: wholeNumber(0, 0xffff_ffff).optional(),
  transform: anyThat<SampleTransform<unknown> | BatchTransform>(
    'a function of a sample, or an object with `batch`',
    (value) => isFunction(value) || has(value, 'batch'),
  ).optional(),
  prefetch: wholeNumber(0).optional(),
  workers: wholeNumber(0, 128).default(0),
  workerRuntime: oneOf('threads', 'processes').default('threads'),
});

interface Placed<S> {
  readonly sample: S;
  readonly place: number;
}

/**
 * Batches of a stream, for a trainer or a loop of your own. It has no `length`. A resumed epoch reads the stream again up
 * to where it was, so the stream must come in the same order.
 *
 * @typeParam B one batch
 * @throws ConfigError `invalid-option`, `invalid-dataset`, `not-for-workers`; while iterating, what the stream throws, what
 *   {@link collate} does, and DataError `sample-failed` for a sample whose `transform` throws
 *
 * @example
 * ```ts
 * async function* readings(epoch: number) { for await (const line of open()) yield { x: parse(line), y: 1 }; }
 * const train = new StreamLoader<{ x: tf.Tensor2D; y: tf.Tensor1D }>(readings, { batchSize: 64, shuffleBuffer: 1000 });
 * ```
 */
export class StreamLoader<B = unknown, S = unknown> implements AsyncIterable<B> {
  readonly batchSize: number;
  readonly #source: IterableDataset<S>;
  readonly #dropLast: boolean;
  readonly #shuffleBuffer: number;
  readonly #prefetch: number;
  readonly #maker: BatchMaker<S, B>;
  #seed: number;
  #epoch = 0;
  #batch = 0;
  #begun = false;

  constructor(source: IterableDataset<S>, options: StreamLoaderOptions<S> = {}) {
    const parsed = parseOptions('StreamLoader', optionsSchema, options);
    if (!isFunction(source) && !isIterable(source)) throw notAStream(source);
    this.#source = source;
    this.batchSize = parsed.batchSize;
    this.#dropLast = parsed.dropLast;
    this.#shuffleBuffer = parsed.shuffleBuffer;
    this.#prefetch = parsed.prefetch ?? Math.max(2, 2 * parsed.workers);
    this.#maker = new BatchMaker<S, B>({
      ...{ owner: 'StreamLoader', dataset: noDataset<S, B>(), transform: options.transform, collate: undefined },
      ...{ workers: parsed.workers, runtime: parsed.workerRuntime, skipBad: false, maxBad: 0, augmentation: 'none' },
    });
    this.#seed = parsed.seed ?? globalRandom().bits();
  }

  /** Begins the next epoch, or goes on from where {@link loadState} said. */
  async *[Symbol.asyncIterator](): AsyncGenerator<B, undefined> {
    if (this.#begun) this.#move(this.#epoch + 1, 0);
    this.#begun = true;
    const requests = this.#requests(this.#epoch, this.#batch);
    const ahead: Promise<Prepared<B> | undefined>[] = [];
    const read = async (): Promise<Prepared<B> | undefined> => {
      const { done, value } = await requests.next();
      return done ? undefined : this.#maker.prepare(value);
    };
    try {
      for (;;) {
        while (ahead.length <= this.#prefetch) {
          const next = read();
          next.catch(() => {}); // it is thrown when its turn comes
          ahead.push(next);
        }
        const prepared = await ahead.shift();
        if (!prepared) break;
        this.#batch += 1;
        yield prepared.make();
      }
      this.#move(this.#epoch + 1, 0);
    } finally {
      await requests.return(undefined);
    }
  }

  /** The next iteration walks through this epoch. */
  setEpoch(epoch: number): void {
    if (epoch !== this.#epoch || this.#begun) this.#move(epoch, 0);
  }

  /** Where the latest iteration is. */
  state(): DataLoaderState {
    return { epoch: this.#epoch, batch: this.#batch, seed: this.#seed };
  }

  /** The next iteration goes on from a saved {@link state}. @throws DataError `loader-state` */
  loadState({ epoch, batch, seed }: DataLoaderState): void {
    if (![epoch, batch, seed].every((n) => Number.isInteger(n) && n >= 0) || seed > 0xffff_ffff) {
      throw new DataError('StreamLoader: this state does not fit', {
        code: 'loader-state',
        expected: '{ epoch, batch, seed }',
        got: show({ epoch, batch, seed }),
      });
    }
    this.#seed = seed;
    this.#move(epoch, batch);
  }

  /** Ends the workers, if there are any. Idle workers do not keep the process alive, so this is only to free memory. */
  close(): Promise<void> {
    return this.#maker.close();
  }

  #move(epoch: number, batch: number): void {
    this.#epoch = epoch;
    this.#batch = batch;
    this.#begun = false;
  }

  async *#requests(epoch: number, skip: number): AsyncGenerator<BatchRequest, undefined> {
    let batch: Placed<S>[] = [];
    let passed = 0;
    for await (const placed of this.#ordered(epoch)) {
      if (passed < skip * this.batchSize) passed += 1;
      else batch.push(placed);
      if (batch.length < this.batchSize) continue;
      yield this.#request(batch, epoch);
      batch = [];
    }
    if (batch.length > 0 && !this.#dropLast) yield this.#request(batch, epoch);
  }

  #request(batch: readonly Placed<S>[], epoch: number): BatchRequest {
    const indices = Uint32Array.from(batch, ({ place }) => place);
    return { indices, seed: this.#seed, epoch, samples: batch.map(({ sample }) => sample) };
  }

  /** The stream, shuffled as far as the buffer reaches: each sample that arrives takes the place of one that leaves. */
  async *#ordered(epoch: number): AsyncGenerator<Placed<S>, undefined> {
    const random = new Random(deriveSeed(this.#seed, epoch));
    const buffer: Placed<S>[] = [];
    let place = 0;
    for await (const sample of typeof this.#source === 'function' ? this.#source(epoch) : this.#source) {
      const arrived = { sample, place: place++ };
      if (buffer.length < this.#shuffleBuffer) buffer.push(arrived);
      else if (buffer.length === 0) yield arrived;
      else {
        const at = random.integer(buffer.length);
        yield buffer[at] as Placed<S>;
        buffer[at] = arrived;
      }
    }
    while (buffer.length > 0) {
      const at = random.integer(buffer.length);
      yield buffer[at] as Placed<S>;
      buffer[at] = buffer.at(-1) as Placed<S>;
      buffer.pop();
    }
  }
}

const isIterable = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value);

const notAStream = (got: unknown): ConfigError =>
  new ConfigError('StreamLoader', {
    code: 'invalid-dataset',
    expected: 'an iterable of samples, or a function of the epoch that opens one',
    got: show(got),
  });
