/**
 * Memory that is used again. Every large array that becomes garbage brings the next full garbage collection nearer, and
 * that costs more than filling it; so workers get the memory of batches that are over back for the ones to come.
 */

/** Smaller pieces are not worth the trouble. In bytes. */
export const SPARE_BYTES = 64 * 1024;

let spare: ArrayBufferLike[] = [];
let shares = false;

/** Takes memory over for the next batch, in place of what is left over from before. */
export function keepSpare(pieces: readonly ArrayBufferLike[]): void {
  spare = [...pieces];
}

/** From now on large pieces are such as threads share: V8 does not count these when it decides to collect garbage. */
export function shareMemory(on: boolean): void {
  shares = on;
}

/** Memory of this size. What is in it is left over from before: the caller writes all of it. */
export function memoryOf(bytes: number): ArrayBufferLike {
  if (bytes < SPARE_BYTES) return new ArrayBuffer(bytes);
  const at = spare.findIndex((piece) => piece.byteLength === bytes);
  if (at >= 0) return spare.splice(at, 1)[0] as ArrayBufferLike;
  return shares ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes);
}
