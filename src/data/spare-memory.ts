/**
 * Memory that is used again. Every large array that becomes garbage brings the next full garbage collection nearer, and
 * that costs more than filling it; so workers get the memory of batches that are over back for the ones to come.
 */

/** Smaller pieces are not worth the trouble. In bytes. */
export const SPARE_BYTES = 64 * 1024;

let spare: ArrayBuffer[] = [];

/** Takes memory over for the next batch, in place of what is left over from before. */
export function keepSpare(pieces: readonly ArrayBuffer[]): void {
  spare = [...pieces];
}

/** Memory of this size. What is in it is left over from before: the caller writes all of it. */
export function memoryOf(bytes: number): ArrayBuffer {
  const at = bytes < SPARE_BYTES ? -1 : spare.findIndex(({ byteLength }) => byteLength === bytes);
  return at < 0 ? new ArrayBuffer(bytes) : (spare.splice(at, 1)[0] as ArrayBuffer);
}
