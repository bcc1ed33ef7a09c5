/**
 * Where a loader's batches come from: read on the main thread or in workers, made into tensors on the main thread, and
 * what was wrong with them counted.
 */
import { hasUnpack } from '../core/unpack.ts';
import { rememberViews } from './batch-views.ts';
import type { Dataset } from './dataset.ts';
import type { Prepared } from './iteration.ts';
import { LentMemory } from './lent-memory.ts';
import { notForWorkers, tooManyBad } from './loader-options.ts';
import {
  type BadSample,
  type BatchRequest,
  disposeSample,
  type ReadBatch,
  type Reader,
  readBatch,
} from './read-batch.ts';
import { toTensors } from './to-tensors.ts';
import type { WorkerRuntime } from './workers/handle.ts';
import { WorkerPool } from './workers/pool.ts';
import { hasRecipe, recipeOf } from './workers/recipe.ts';

/** What a {@link BatchMaker} needs to know. */
export interface BatchPlan<S, B> {
  /** Whose batches these are, for errors. */
  readonly owner: string;
  readonly dataset: Dataset<S, B>;
  readonly transform: Reader<S>['transform'];
  readonly collate: ((samples: S[]) => B) | undefined;
  readonly workers: number;
  readonly runtime: WorkerRuntime;
  readonly skipBad: boolean;
  readonly maxBad: number;
  /** The name of what `transform` does. */
  readonly augmentation: string;
}

/** Prepares batches. */
export class BatchMaker<S, B> {
  readonly #plan: BatchPlan<S, B>;
  readonly #reader: Reader<S>;
  readonly #lent = new LentMemory();
  readonly #bad = new Map<BadSample['id'], BadSample>();
  #pool: WorkerPool | undefined;

  /** @throws ConfigError `not-for-workers` */
  constructor(plan: BatchPlan<S, B>) {
    this.#plan = plan;
    const { owner, dataset, transform, skipBad } = plan;
    this.#reader = { dataset, transform, skipBad, asSamples: plan.collate !== undefined };
    if (plan.workers === 0) return;
    if (!hasRecipe(dataset)) throw notForWorkers(owner, 'dataset');
    if (transform && !hasRecipe(transform)) throw notForWorkers(owner, 'transform');
  }

  /** The samples that were left out so far, each once. */
  get bad(): readonly BadSample[] {
    return [...this.#bad.values()];
  }

  /** The workers' process or thread ids. */
  get workerIds(): number[] {
    return this.#pool?.ids ?? [];
  }

  /** Reads a batch; tensors are made of it when it is wanted. */
  prepare(wanted: BatchRequest): Prepared<B> | Promise<Prepared<B>> {
    const request = { ...wanted, packed: hasUnpack() };
    const read = this.#plan.workers === 0 ? readBatch(this.#reader, request) : this.#workers().read(request);
    return read instanceof Promise
      ? read.then((batch) => this.#prepared(request, batch as ReadBatch<S>))
      : this.#prepared(request, read);
  }

  /** Ends the workers; the next batch starts new ones. */
  async close(): Promise<void> {
    const pool = this.#pool;
    this.#pool = undefined;
    await pool?.close();
  }

  #workers(): WorkerPool {
    const { dataset, transform, workers, runtime } = this.#plan;
    const { asSamples, skipBad } = this.#reader;
    this.#pool ??= new WorkerPool(workers, runtime, {
      dataset: recipeOf(dataset) as NonNullable<ReturnType<typeof recipeOf>>,
      transform: transform && recipeOf(transform),
      asSamples,
      skipBad,
    });
    return this.#pool;
  }

  #prepared(request: BatchRequest, { tree, samples, bad }: ReadBatch<S>): Prepared<B> {
    const { collate, dataset, augmentation } = this.#plan;
    return {
      make: () => {
        this.#count(bad);
        if (collate && samples) return collate([...samples]);
        const whole = tree as NonNullable<typeof tree>;
        const batch = toTensors(whole) as B;
        this.#pool?.giveBack(this.#lent.collect());
        if (this.#pool) this.#lent.lend(batch, whole);
        if (!request.samples) rememberViews(batch, { dataset, request, tree: whole, bad, augmentation });
        return batch;
      },
      drop: () => samples?.forEach(disposeSample),
    };
  }

  /** Counted when a batch is handed over, so that prefetching and workers change nothing about when the limit is met. */
  #count(bad: readonly BadSample[]): void {
    for (const sample of bad) this.#bad.set(sample.id, sample);
    if (this.#bad.size > this.#plan.maxBad) throw tooManyBad(this.bad, this.#plan.maxBad);
  }
}
