/**
 * One walk through the batches of an epoch. Batches that need waiting for are prepared ahead, as host data only:
 * tensors are made at the moment of handing over, so that breaking off early leaves none behind.
 */

/** A batch that has been read but is not made of tensors yet. */
export interface Prepared<B> {
  /** Makes the batch; from then on it is the consumer's. */
  make(): B;
  /** Called instead of `make` when nobody wants the batch any more. */
  drop?(): void;
}

/** What an iteration needs to know. */
export interface IterationPlan<B> {
  /** The first batch to hand over. */
  readonly from: number;
  /** The batch to stop before. */
  readonly to: number;
  /** How many batches may be in preparation while the consumer works. */
  readonly prefetch: number;
  /** Reads a batch; may throw or reject. */
  readonly prepare: (batch: number) => Prepared<B> | Promise<Prepared<B>>;
}

const DONE = { done: true, value: undefined } as const;

/** Iterates over batches, asynchronously or, while nothing has to be waited for, synchronously. */
export class Iteration<B> implements AsyncIterableIterator<B, undefined> {
  readonly #plan: IterationPlan<B>;
  readonly #queue: (Prepared<B> | Promise<Prepared<B>>)[] = [];
  #ahead: number;
  #position: number;
  #completed = false;
  #closed = false;

  constructor(plan: IterationPlan<B>) {
    this.#plan = plan;
    this.#ahead = plan.from;
    this.#position = plan.from;
  }

  /** The batch that comes next: all before it have been handed over. */
  get position(): number {
    return this.#position;
  }

  /** Whether the consumer has been told that there are no more batches. */
  get completed(): boolean {
    return this.#completed;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<B, undefined>> {
    try {
      const taken = this.#take();
      if (taken === undefined) return Promise.resolve(DONE);
      if (taken instanceof Promise) return this.#handLater(taken);
      return Promise.resolve({ done: false, value: this.#hand(taken) });
    } catch (error) {
      this.close();
      return Promise.reject(error);
    }
  }

  /** Like {@link next}, without a promise. `onAsync` makes the error for a batch that has to be waited for. */
  nextSync(onAsync: () => Error): IteratorResult<B, undefined> {
    try {
      const taken = this.#take();
      if (taken === undefined) return DONE;
      if (!(taken instanceof Promise)) return { done: false, value: this.#hand(taken) };
      discard(taken);
      throw onAsync();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  return(): Promise<IteratorResult<B, undefined>> {
    this.close();
    return Promise.resolve(DONE);
  }

  /** Ends the iteration; what is in preparation is discarded. */
  close(): void {
    this.#closed = true;
    for (const waiting of this.#queue.splice(0)) discard(waiting);
  }

  #take(): Prepared<B> | Promise<Prepared<B>> | undefined {
    const { to, prepare, prefetch } = this.#plan;
    if (this.#closed) return undefined;
    if (this.#queue.length === 0 && this.#ahead >= to) {
      this.#completed = true;
      this.#closed = true;
      return undefined;
    }
    const taken = this.#queue.shift() ?? prepare(this.#ahead++);
    // A batch that is there at once is a sign that preparing ahead would only hold memory.
    if (taken instanceof Promise) {
      while (this.#queue.length < prefetch && this.#ahead < to) this.#queue.push(this.#start(this.#ahead++));
    }
    return taken;
  }

  /** Prepares a batch ahead of its turn: an error waits until the batch is asked for. */
  #start(batch: number): Prepared<B> | Promise<Prepared<B>> {
    try {
      const prepared = this.#plan.prepare(batch);
      if (prepared instanceof Promise) prepared.catch(() => {});
      return prepared;
    } catch (error) {
      const failed = Promise.reject(error);
      failed.catch(() => {});
      return failed;
    }
  }

  async #handLater(taken: Promise<Prepared<B>>): Promise<IteratorResult<B, undefined>> {
    try {
      const prepared = await taken;
      if (!this.#closed) return { done: false, value: this.#hand(prepared) };
      prepared.drop?.();
      return DONE;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #hand(prepared: Prepared<B>): B {
    const batch = prepared.make();
    this.#position += 1;
    return batch;
  }
}

function discard<B>(waiting: Prepared<B> | Promise<Prepared<B>>): void {
  if (waiting instanceof Promise) {
    waiting.then(
      (prepared) => prepared.drop?.(),
      () => {},
    );
  } else waiting.drop?.();
}
