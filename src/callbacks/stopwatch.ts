/** Counts batches and the time they take, without the time in which something else ran. */

/** One loop over batches: an epoch of training, a validation, a test. */
export class BatchClock {
  readonly label: string;
  readonly total: number;
  /** Batches done, those before a resume included. */
  done: number;
  readonly #begun = performance.now();
  readonly #firstBatch: number;
  #paused = 0;
  #pausedAt: number | undefined;

  constructor(label: string, total: number, firstBatch = 0) {
    this.label = label;
    this.total = total;
    this.done = firstBatch;
    this.#firstBatch = firstBatch;
  }

  /** Milliseconds since the beginning. */
  get elapsed(): number {
    return performance.now() - this.#begun;
  }

  /** Batches per second, without pauses. */
  get rate(): number {
    const now = performance.now();
    const pausing = this.#pausedAt === undefined ? 0 : now - this.#pausedAt;
    const running = now - this.#begun - this.#paused - pausing;
    const count = this.done - this.#firstBatch;
    return running > 0 && count > 0 ? (count * 1000) / running : 0;
  }

  /** Something else runs now: validation in the middle of an epoch. */
  pause(): void {
    this.#pausedAt ??= performance.now();
  }

  /** The loop goes on. */
  resume(): void {
    if (this.#pausedAt !== undefined) this.#paused += performance.now() - this.#pausedAt;
    this.#pausedAt = undefined;
  }
}
