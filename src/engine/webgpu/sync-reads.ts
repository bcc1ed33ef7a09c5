/**
 * Synchronous reads of data that lies on the GPU. WebGPU knows only asynchronous ones, which end when Dawn looks after its
 * events, for which it asks Node with `setImmediate`. Whoever calls the function that it passes there makes it look at once,
 * so that a buffer that is waited for becomes readable without a return to the event loop.
 */
import { setImmediate } from 'node:timers';
import { BackendError } from '../../core/errors.ts';
import * as tf from '../../core/tf.ts';
import type { GPUBuffer, TensorData, WebGPUBackend } from './packages.ts';

/** WebGPU's constants, the same in every implementation. */
const MAP_READ = 1;
const COPY_DESTINATION = 8;
const MODE_READ = 1;

/** So often Dawn is asked before the thread sleeps between two questions, and so long it sleeps then, in ms. */
const BUSY_TURNS = 200;
const NAP = 0.05;
const nobody = new Int32Array(new SharedArrayBuffer(4));

/** What makes Dawn look after its events: undefined before it has asked for that, or where it asks in another way. */
let processEvents: (() => void) | undefined;

/** Runs `body`, which starts something that Dawn will end, and learns from it how Dawn is made to look after its events. */
export function learning<T>(body: () => T): T {
  return catching(body, (callback) => {
    processEvents ??= callback;
    setImmediate(callback);
  });
}

/** Runs `body`; what native code passes to `setImmediate` meanwhile goes to `caught`. */
function catching<T>(body: () => T, caught: (callback: () => void) => void): T {
  const before = globalThis.setImmediate;
  const replaced = (callback: () => void, ...args: []): unknown =>
    String(callback).includes('[native code]') ? caught(callback) : before(callback, ...args);
  globalThis.setImmediate = replaced as typeof before;
  try {
    return body();
  } finally {
    globalThis.setImmediate = before;
  }
}

/** Gives a backend reads that wait for the GPU, in place of its own, which need a browser's canvas. */
export function addSyncReads(backend: WebGPUBackend): void {
  const own = backend.readSync.bind(backend);
  backend.readSync = (dataId) => {
    const data = backend.tensorMap.get(dataId as tf.DataId);
    if (data.values || !data.resource || data.dtype === 'complex64' || data.dtype === 'string') return own(dataId);
    const bytes = download(backend, data.resource);
    data.values = tf.util.convertBackendValuesAndArrayBuffer(bytes, data.dtype) as TensorData['values'];
    return data.values as tf.backend_util.TypedArray;
  };
}

/** A copy of what a buffer on the device holds. */
function download(backend: WebGPUBackend, from: GPUBuffer): ArrayBuffer {
  const staging = backend.bufferManager.acquireBuffer(from.size, MAP_READ | COPY_DESTINATION);
  try {
    backend.ensureCommandEncoderReady();
    backend.endComputePassEncoder();
    backend.commandEncoder.copyBufferToBuffer(from, 0, staging, 0, from.size);
    backend.submitQueue();
    waitFor(staging);
    const bytes = staging.getMappedRange().slice(0);
    staging.unmap();
    return bytes;
  } finally {
    backend.bufferManager.releaseBuffer(staging);
  }
}

/** Returns when the buffer can be read; everything that was submitted before has then been computed. */
function waitFor(staging: GPUBuffer): void {
  let failure: unknown;
  learning(() => staging.mapAsync(MODE_READ)).catch((error: unknown) => {
    failure = error;
  });
  const look = processEvents;
  if (!look)
    throw new BackendError('a tensor on the GPU cannot be read synchronously with this version of `webgpu`', {
      code: 'no-synchronous-read',
      help: 'use `await tensor.data()`, or webgpu 0.6.2',
    });
  for (let turn = 0; staging.mapState === 'pending'; turn++) {
    if (turn > BUSY_TURNS) Atomics.wait(nobody, 0, 0, NAP);
    // What it would come back to later is done already.
    catching(look, () => undefined);
  }
  if (staging.mapState === 'mapped') return;
  throw new BackendError('a tensor could not be read from the GPU', {
    code: 'device-lost',
    help: 'the device is lost or out of memory: start the program again, with smaller batches',
    cause: failure,
  });
}
