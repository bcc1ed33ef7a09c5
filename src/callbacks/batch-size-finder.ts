/** Tries out batch sizes before training begins and trains with the largest that fits into memory. */
import { z } from 'zod';
import type { Callback, ModuleView, TrainerView } from '../core/contracts.ts';
import { ConfigError } from '../core/errors.ts';
import { anyThat, numberBetween, oneOf, parseOptions, text, wholeNumber } from '../core/options.ts';
import { withIsolatedRandom } from '../core/seed.ts';
import { type BatchSizeVerdict, isOutOfMemory, searchBatchSize } from './batch-size-search.ts';

/** A loader with batches of a given size. */
export type LoaderOfSize = (batchSize: number) => Iterable<unknown> | AsyncIterable<unknown>;

/** Options of {@link BatchSizeFinder} and `findBatchSize`. */
export interface BatchSizeFinderOptions {
  /** Makes the training loader for a batch size. */
  loader: LoaderOfSize;
  /** Double while it fits (`'power'`, default), or then search between the last two sizes (`'binsearch'`). */
  mode?: 'power' | 'binsearch' | undefined;
  /** Optimizer steps to try with each size. Default 3. */
  stepsPerTrial?: number | undefined;
  /** The first size. Default 2. */
  initVal?: number | undefined;
  /** Sizes to try at most. Default 25. */
  maxTrials?: number | undefined;
  /** The part of the size found by `'binsearch'` that is left free. Default 0.05. */
  margin?: number | undefined;
  /** No size above this is tried. Default 8192. */
  maxVal?: number | undefined;
  /** A field of the module that is set to the size, if it has it. Default `'batchSize'`. */
  attrName?: string | undefined;
}

const schema = z.strictObject({
  loader: anyThat<LoaderOfSize>(
    'a function of a batch size that returns a loader',
    (value) => typeof value === 'function',
  ),
  mode: oneOf('power', 'binsearch').default('power'),
  stepsPerTrial: wholeNumber(1).default(3),
  initVal: wholeNumber(1).default(2),
  maxTrials: wholeNumber(1).default(25),
  margin: numberBetween(0, 1).default(0.05),
  maxVal: wholeNumber(1).default(8192),
  attrName: text('the name of a field').default('batchSize'),
});

/**
 * Finds the largest batch size with which a few training steps do not run out of memory, and trains with it: the loader
 * given to `fit` is replaced by `loader(size)`. Weights, optimizer and random stream are put back after each trial. The
 * search also ends when one batch holds all samples.
 *
 * `configureOptimizers` comes before it: schedules that need the number of steps should be given by hand.
 *
 * It does nothing when a run is resumed or goes on, except to use the loader of the size that was found.
 *
 * @throws ConfigError for wrong options; `no-batch-size` when not even the smallest size fits
 *
 * @example
 * ```ts
 * const finder = new BatchSizeFinder({ loader: (batchSize) => new DataLoader(data, { batchSize, shuffle: true }) });
 * await new Trainer({ callbacks: finder }).fit(module, new DataLoader(data));
 * finder.batchSize;
 * ```
 */
export class BatchSizeFinder implements Callback {
  readonly #options: z.output<typeof schema>;
  #batchSize: number | undefined;
  #resumed = false;

  constructor(options: BatchSizeFinderOptions) {
    this.#options = parseOptions('BatchSizeFinder', schema, options);
  }

  /** The size that was found. */
  get batchSize(): number | undefined {
    return this.#batchSize;
  }

  setup(): void {
    this.#resumed = false;
  }

  onLoadCheckpoint(
    trainer: TrainerView,
    _module: ModuleView,
    { state }: { state: Readonly<Record<string, unknown>> },
  ): void {
    if (trainer.stage !== 'fit') return;
    const callbacks = state.callbacks as Readonly<Record<string, { batchSize?: number | null }>> | undefined;
    this.#resumed = true;
    this.#batchSize = callbacks?.[BatchSizeFinder.name]?.batchSize ?? undefined;
  }

  async onFitStart(trainer: TrainerView, module: ModuleView): Promise<void> {
    if (trainer.fastDevRun) return;
    if (!this.#resumed && trainer.globalBatch === 0) {
      // loaders draw their seeds from the stream: how many were tried must not matter
      this.#batchSize = await withIsolatedRandom(() => this.#search(trainer));
    }
    if (this.#batchSize === undefined) return;
    trainer.tools.useTrainLoader(this.#options.loader(this.#batchSize));
    const { attrName } = this.#options;
    if (attrName in module) (module as unknown as Record<string, unknown>)[attrName] = this.#batchSize;
  }

  stateDict(): { batchSize: number | null } {
    return { batchSize: this.#batchSize ?? null };
  }

  loadStateDict(): void {
    // read in onLoadCheckpoint, before the loader is needed
  }

  async #search(trainer: TrainerView): Promise<number> {
    const { mode, margin } = this.#options;
    let cause: unknown;
    const found = await searchBatchSize(this.#options, async (size) => {
      try {
        return await this.#try(trainer, size);
      } catch (error) {
        if (!isOutOfMemory(error)) throw error;
        cause = error;
        return 'too large';
      }
    });
    if (found === undefined) throw noBatchSize(cause);
    return mode === 'power' ? found : Math.max(1, Math.floor(found * (1 - margin) + 1e-9));
  }

  async #try(trainer: TrainerView, size: number): Promise<BatchSizeVerdict> {
    const loader = this.#options.loader(size);
    await trainer.tools.tryTraining({ steps: this.#options.stepsPerTrial, loader });
    const { length } = loader as { length?: number };
    return length === 1 ? 'last' : 'fits';
  }
}

function noBatchSize(cause: unknown): ConfigError {
  return new ConfigError('BatchSizeFinder', {
    code: 'no-batch-size',
    expected: 'a batch size that fits into memory',
    got: 'none, not even the smallest',
    help: 'use a smaller model, or another engine',
    cause,
  });
}
