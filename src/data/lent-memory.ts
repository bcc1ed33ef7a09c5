/**
 * The memory that workers' batches came in, until it can be given back: when the tensors made of it are disposed, on an
 * engine that has copied it.
 */
import * as tf from '../core/tf.ts';
import type { HostTree } from './host.ts';
import { isHostTensor } from './host.ts';
import { SPARE_BYTES } from './spare-memory.ts';

/** A batch that was handed over. */
interface Loan {
  readonly tensors: readonly tf.Tensor[];
  readonly pieces: readonly ArrayBuffer[];
}

/** Batches that are held by somebody for longer than this many others are left to the garbage collector. */
const MOST_LOANS = 8;

/** Remembers batches until they are over. */
export class LentMemory {
  #loans: Loan[] = [];

  /** Notes that `batch` was made of `tree`. */
  lend(batch: unknown, tree: HostTree): void {
    // Other engines may go on reading from the array that a tensor was made of.
    if (tf.getBackend() !== 'wasm') return;
    const pieces = piecesIn(tree);
    if (pieces.length > 0) this.#loans.push({ tensors: tensorsIn(batch), pieces });
    if (this.#loans.length > MOST_LOANS) this.#loans.shift();
  }

  /** The memory of each batch that is over by now. */
  collect(): (readonly ArrayBuffer[])[] {
    if (this.#loans.length === 0) return [];
    const over = this.#loans.filter(({ tensors }) => tensors.every(({ isDisposed }) => isDisposed));
    if (over.length > 0) this.#loans = this.#loans.filter((loan) => !over.includes(loan));
    return over.map(({ pieces }) => pieces);
  }
}

function piecesIn(tree: HostTree): ArrayBuffer[] {
  if (isHostTensor(tree)) {
    const { buffer, byteLength } = tree.data;
    const own = buffer instanceof ArrayBuffer && byteLength === buffer.byteLength && byteLength >= SPARE_BYTES;
    return own ? [buffer] : [];
  }
  return typeof tree === 'string' ? [] : (Object.values(tree) as HostTree[]).flatMap(piecesIn);
}

function tensorsIn(batch: unknown): tf.Tensor[] {
  if (batch instanceof tf.Tensor) return [batch];
  return typeof batch === 'object' && batch !== null ? Object.values(batch).flatMap(tensorsIn) : [];
}
