/** Which views of a cache are compared with what the teacher saw: each when it is first met, later one of a few. */

/**
 * One in so many of the views that are known: four of a batch of 128, of which one is enough to notice rows that are another's.
 * No divisor of usual batch sizes, so that it wanders through the batch.
 */
const EVERY = 31;

/** Remembers for each data set which records have been found to be of its samples. */
export class SpotCheck {
  readonly #records: number;
  readonly #found = new WeakMap<object, Uint8Array>();
  #met = 0;

  /** @param records how many the cache has */
  constructor(records: number) {
    this.#records = records;
  }

  /** The records that are known to be of this data set's samples: 1 where they are. */
  of(dataset: object): Uint8Array {
    const known = this.#found.get(dataset) ?? new Uint8Array(this.#records);
    this.#found.set(dataset, known);
    return known;
  }

  /** Whether a known one's turn has come to be compared again. */
  isDue(): boolean {
    this.#met = (this.#met + 1) % EVERY;
    return this.#met === 0;
  }
}
