/**
 * Starts tfjs's wasm backend in Node on memory that threads can share. That memory comes with the package's threaded build,
 * which by itself starts eight workers for XNNPACK's threads. Here it gets none: what is worth sharing runs on the companion,
 * whose own threads start when there is work for them.
 */
import { createRequire } from 'node:module';
import path from 'node:path';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { messageOf } from '../../core/errors.ts';
import * as tf from '../../core/tf.ts';
import { closeThreads, isShared } from './companion/companion.ts';
import { threadsWanted, whyOneThread } from './companion/level.ts';
import { guardMemory } from './memory.ts';

type Wrapped = (...args: number[]) => number;
type Wrap = (name: string, returns: string | null, takes: readonly string[]) => Wrapped;
type Glue = (options: object) => Promise<{ readonly cwrap: Wrap; tfjs?: Record<string, Wrapped> }>;
type Backend = new (wasm: object) => BackendWasm;

let failure: string | undefined;

/**
 * Puts a start of our own in place of the backend's, which still runs where memory cannot be shared or one thread is to
 * compute. A backend that runs already stays as it is.
 */
export function replaceStart(Backend: Backend): void {
  const shipped = tf.findBackendFactory('wasm');
  if (!shipped || tf.engine().registry.wasm) return;
  tf.removeBackend('wasm');
  const startEither = async (): Promise<BackendWasm> => {
    const asShipped = async () => (await shipped()) as unknown as BackendWasm;
    // Asked anew for every start: resetting tfjs forgets its flags.
    if (!(await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT')) || threadsWanted() === 1) return asShipped();
    try {
      return await startShared(Backend);
    } catch (error) {
      failure = messageOf(error);
      return asShipped();
    }
  };
  const start = async (): Promise<tf.KernelBackend> => {
    const backend = await startEither();
    guardMemory(backend);
    return backend as unknown as tf.KernelBackend;
  };
  tf.registerBackend('wasm', start, PRIORITY);
}

/** tfjs's own, above the cpu backend's. */
const PRIORITY = 2;

/** Why the backend that runs, if any, or the one that would be started computes on one thread; undefined when it does not. */
export function whySingle(): string | undefined {
  if (threadsWanted() === 1) return whyOneThread();
  if (failure !== undefined) return `memory cannot be shared here (${failure})`;
  const backend = tf.engine().registry.wasm as BackendWasm | undefined;
  return backend && !isShared(backend.wasm) ? 'the backend was started without them' : undefined;
}

async function startShared(Backend: Backend): Promise<BackendWasm> {
  const require = createRequire(import.meta.url);
  const file = require.resolve('@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-threaded-simd.js');
  const start = require(file) as Glue;
  const undo = noteTraces();
  try {
    const wasm = await start({
      locateFile: (name: string) => {
        // Asked for just before it makes a worker, of the class that it has put among the globals.
        if (name.endsWith('.worker.js')) (globalThis as { Worker?: unknown }).Worker = NoWorker;
        return path.join(path.dirname(file), name);
      },
    });
    wasm.tfjs = functionsOf(wasm.cwrap);
    return closingThreads(new Backend(wasm), wasm);
  } finally {
    undo();
  }
}

/** What the backend calls, by the names that it knows; XNNPACK is told to stay on one thread. */
function functionsOf(wrap: Wrap): Record<string, Wrapped> {
  const initWithThreadsCount = wrap('init_with_threads_count', null, ['number']);
  return {
    init: wrap('init', null, []),
    initWithThreadsCount: () => initWithThreadsCount(1),
    getThreadsCount: wrap('get_threads_count', 'number', []),
    registerTensor: wrap('register_tensor', null, ['number', 'number', 'number']),
    disposeData: wrap('dispose_data', null, ['number']),
    dispose: wrap('dispose', null, []),
  };
}

function closingThreads(backend: BackendWasm, wasm: object): BackendWasm {
  const dispose = backend.dispose.bind(backend);
  backend.dispose = () => {
    closeThreads(wasm);
    dispose();
  };
  return backend;
}

/** Takes back what the build's start leaves behind: listeners that end the process, and a global. */
function noteTraces(): () => void {
  const events = ['uncaughtException', 'unhandledRejection'] as const;
  const before = events.map((event) => process.listeners(event as 'uncaughtException'));
  const had = Object.getOwnPropertyDescriptor(globalThis, 'Worker');
  return () => {
    events.forEach((event, i) => {
      for (const listener of process.listeners(event as 'uncaughtException'))
        if (!before[i]?.includes(listener)) process.removeListener(event, listener);
    });
    if (had) Object.defineProperty(globalThis, 'Worker', had);
    else delete (globalThis as { Worker?: unknown }).Worker;
  };
}

/** Stands for a worker that the build waits for and never uses. */
class NoWorker {
  onmessage: ((event: { data: { cmd: string } }) => void) | undefined;
  on(): void {}
  unref(): void {}
  terminate(): void {}
  postMessage(): void {
    this.onmessage?.({ data: { cmd: 'loaded' } });
  }
}
