/**
 * Loads the embedded engine, tfjs's WebAssembly backend, and completes it for training.
 */
import { messageOf } from '../../core/errors.ts';
import * as tf from '../../core/tf.ts';
import type { LoadResult } from '../types.ts';
import { checkEnvironment } from './companion/level.ts';
import { completeWasm } from './complete.ts';
import { replaceStart } from './shared-memory.ts';

let remembered: Promise<LoadResult> | undefined;

/** Imports the backend, once, and registers the kernels that it lacks; does not start it. */
export async function loadWasm(): Promise<LoadResult> {
  checkEnvironment();
  remembered ??= load();
  return remembered;
}

async function load(): Promise<LoadResult> {
  try {
    const { BackendWasm, version_wasm: version } = await import('@tensorflow/tfjs-backend-wasm');
    await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT');
    completeWasm();
    replaceStart(BackendWasm as never);
    return { loaded: true, version };
  } catch (cause) {
    const reason = `the embedded engine could not be loaded (${messageOf(cause)})`;
    return { loaded: false, reason, remedy: 'reinstall kelvin: @tensorflow/tfjs-backend-wasm belongs to it', cause };
  }
}
