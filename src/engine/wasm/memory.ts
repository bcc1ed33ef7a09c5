/**
 * Makes the wasm backend say when its memory is exhausted: as shipped it takes address 0 for a tensor and overwrites
 * what lies there.
 */
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { BackendError } from '../../core/errors.ts';

interface Allocator {
  _malloc(bytes: number): number;
}

/** What a 32-bit address reaches. */
const LIMIT = 2 ** 32;

const guarded = new WeakSet<Allocator>();

/** Guards the memory of a wasm backend; a second call does nothing. */
export function guardMemory({ wasm }: BackendWasm): void {
  const allocator = wasm as unknown as Allocator;
  if (guarded.has(allocator)) return;
  guarded.add(allocator);
  const allocate = allocator._malloc;
  allocator._malloc = (bytes) => {
    const address = bytes < LIMIT ? allocate(bytes) : 0;
    if (address === 0 && bytes > 0) throw exhausted(bytes);
    return address;
  };
}

function exhausted(bytes: number): BackendError {
  return new BackendError('the wasm engine is out of memory', {
    code: 'out-of-memory',
    expected: 'at most 4 GiB in all',
    got: `a tensor of ${bytes} bytes beside what is there`,
    help: "make the batch or the model smaller, or use engine 'tensorflow'",
  });
}
