/**
 * The memory that workers' batches came in, until it can be given back: when the tensors made of it are disposed, on an
 * engine that has copied it.
 */
import * as tf from '../core/tf.ts';
import type { HostTree } from './host.ts';
import { isHostTensor } from './host.ts';
import { SPARE_BYTES } from './spare-memory.ts';

/** Whether the engine copies what tensors are made of. Others may go on reading from the array. */
export const copiesBatches = (): boolean => tf.getBackend() === 'wasm';

/** A batch that was handed over. */
interface Loan {
  readonly tensors: readonly tf.Tensor[];
  readonly pieces: readonly ArrayBufferLike[];
}

/** Batches that are held by somebody for longer than this many others are left to the garbage collector. */
const MOST_LOANS = 8;

const givenAway = new WeakSet<ArrayBufferLike>();

/** Whether what lies there may belong to another batch by now. */
export const isGivenAway = (memory: ArrayBufferLike): boolean => memory.byteLength === 0 || givenAway.has(memory);

/** Remembers batches until they are over. */
export class LentMemory {
  #loans: Loan[] = [];

  /** Notes that `batch` was made of `tree`. */
  lend(batch: unknown, tree: HostTree): void {
    if (!copiesBatches()) return;
    const pieces = piecesIn(tree);
    if (pieces.length > 0) this.#loans.push({ tensors: tensorsIn(batch), pieces });
    if (this.#loans.length > MOST_LOANS) this.#loans.shift();
  }

  /** The memory of each batch that is over by now. */
  collect(): (readonly ArrayBufferLike[])[] {
    if (this.#loans.length === 0) return [];
    const over = this.#loans.filter(({ tensors }) => tensors.every(({ isDisposed }) => isDisposed));
    if (over.length > 0) this.#loans = this.#loans.filter((loan) => !over.includes(loan));
    for (const { pieces } of over) for (const piece of pieces) givenAway.add(piece);
    return over.map(({ pieces }) => pieces);
  }
}

function piecesIn(tree: HostTree): ArrayBufferLike[] {
  if (isHostTensor(tree)) {
    const { buffer, byteLength } = tree.data;
    const own = byteLength === buffer.byteLength && byteLength >= SPARE_BYTES;
    return own ? [buffer] : [];
  }
  return typeof tree === 'string' ? [] : (Object.values(tree) as HostTree[]).flatMap(piecesIn);
}

function tensorsIn(batch: unknown): tf.Tensor[] {
  if (batch instanceof tf.Tensor) return [batch];
  return typeof batch === 'object' && batch !== null ? Object.values(batch).flatMap(tensorsIn) : [];
}
