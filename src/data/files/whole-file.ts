/**
 * Reads small files whole. In a worker nobody waits for anything but the batch that it reads, and there a plain read costs
 * a tenth of a trip through Node's thread pool, which is busy decoding.
 */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

let waits = false;

/** Called by workers: from now on reading blocks. */
export function readWhileWaiting(): void {
  waits = true;
}

/** The content of a file. @throws what `fs` throws */
export function contentOf(file: string): Uint8Array | Promise<Uint8Array> {
  return waits ? readFileSync(file) : readFile(file);
}
