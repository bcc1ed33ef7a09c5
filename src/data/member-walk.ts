/** One member of a combined loader as it is walked through: pass after pass, from any batch on. */
import { DataError } from '../core/errors.ts';
import { disposeTensors } from '../core/tensors.ts';
import { type Loader, lengthOf } from './loader.ts';
import type { TreeMember } from './loader-tree.ts';

/** What comes out when a member has no further batch. */
export const OVER = Symbol('over');

type AnyIterator = Iterator<unknown> | AsyncIterator<unknown>;

export class MemberWalk {
  readonly length: number;
  /** It has been walked through at least once. */
  exhausted = false;
  readonly #loader: Loader<unknown>;
  readonly #name: string;
  readonly #firstPass: number;
  #pass = 0;
  #taken = 0;
  #iterator: AnyIterator | undefined;

  /**
   * @param firstPass the number of the first pass, which is the member's epoch; the next ones follow it
   */
  constructor({ loader, path }: TreeMember, firstPass: number) {
    this.#loader = loader;
    this.#name = path;
    this.length = lengthOf(loader);
    this.#firstPass = firstPass;
    loader.setEpoch?.(firstPass);
  }

  /** The next batch of this pass, or {@link OVER}. */
  async next(): Promise<unknown> {
    this.#iterator ??= iteratorOf(this.#loader);
    const result = await this.#iterator.next();
    if (result.done !== true) {
      this.#taken++;
      return result.value;
    }
    this.exhausted = true;
    return OVER;
  }

  /**
   * The first batch of the next pass.
   *
   * @throws DataError `empty-loader` or `exhausted-loader` when a pass gives nothing
   */
  async restart(): Promise<unknown> {
    if (this.#taken === 0) throw nothing(this.#name, this.#pass);
    await this.#begin(this.#pass + 1, 0);
    const batch = await this.next();
    if (batch === OVER) throw nothing(this.#name, this.#pass);
    return batch;
  }

  /** Goes to where the member is after `count` batches, in several passes if it is to `cycle`. Returns what is left over. */
  async skip(count: number, { cycle }: { cycle: boolean }): Promise<number> {
    const { length } = this;
    if (length === 0 && cycle) throw nothing(this.#name, 0);
    if (length !== Number.POSITIVE_INFINITY) {
      this.exhausted = count >= length;
      if (!cycle && count >= length) {
        this.#iterator = [].values();
        return count - length;
      }
      await this.#begin(cycle ? Math.floor(count / length) : 0, cycle ? count % length : count);
      return 0;
    }
    for (let left = count; left > 0; left--) {
      let batch = await this.next();
      if (batch === OVER && cycle) batch = await this.restart();
      if (batch === OVER) return left;
      this.release(batch);
    }
    return 0;
  }

  /** Disposes of a batch, unless it is one of a ready array, which is used again. */
  release(batch: unknown): void {
    disposeTensors(ownedPart(this.#loader, batch));
  }

  /** Ends the iteration. */
  async close(): Promise<void> {
    const iterator = this.#iterator;
    this.#iterator = undefined;
    await iterator?.return?.();
  }

  /** Begins a pass at a batch of it. */
  async #begin(pass: number, batch: number): Promise<void> {
    await this.close();
    const loader = this.#loader;
    this.#pass = pass;
    this.#taken = batch;
    loader.setEpoch?.(this.#firstPass + pass);
    if (batch > 0 && loader.loadState !== undefined && loader.state !== undefined) {
      loader.loadState({ ...loader.state(), batch } as never);
      this.#iterator = iteratorOf(loader);
      return;
    }
    this.#iterator = iteratorOf(loader);
    for (let i = 0; i < batch; i++) {
      const { value } = await this.#iterator.next();
      this.release(value);
    }
  }
}

/** What of a loader's batch is the consumer's: everything, unless the loader says otherwise or is a ready array. */
export function ownedPart(loader: Loader<unknown>, batch: unknown): unknown {
  if (loader.owned !== undefined) return loader.owned(batch);
  return Array.isArray(loader) ? undefined : batch;
}

function iteratorOf(loader: Loader<unknown>): AnyIterator {
  return Symbol.asyncIterator in loader ? loader[Symbol.asyncIterator]() : loader[Symbol.iterator]();
}

function nothing(name: string, pass: number): DataError {
  const again = pass > 0;
  return new DataError(`The member \`${name}\` of a combined loader`, {
    code: again ? 'exhausted-loader' : 'empty-loader',
    expected: 'at least one batch each time it is walked through',
    got: again ? `none the ${pass === 1 ? 'second' : `${pass + 1}th`} time` : 'none',
    help: again
      ? 'a generator object can be iterated only once: give an object whose [Symbol.iterator] starts anew'
      : 'check that the dataset is not empty and, with `dropLast`, not smaller than one batch',
  });
}
