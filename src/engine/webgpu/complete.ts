/**
 * Completes tfjs's WebGPU backend for training: the gradients that tfjs-core lacks, the kernels that the backend has wrong,
 * and reads that need no browser.
 */
import * as tf from '../../core/tf.ts';
import { completeGradients } from '../wasm/gradients.ts';
import { reportFaults } from './faults.ts';
import { completeFunctions } from './functions.ts';
import { completeMatMul } from './mat-mul.ts';
import type { WebGPUBackend } from './packages.ts';
import { completePooling } from './pooling.ts';
import { completeReductions } from './reductions.ts';
import { completeSegments } from './segments.ts';
import { addSyncReads } from './sync-reads.ts';

let done = false;
const mended = new WeakSet<object>();

/** Registers all of it, and mends the backend that is the current one; a second call does nothing. */
export function completeWebGPU(): void {
  const backend = tf.backend() as WebGPUBackend;
  if (!mended.has(backend)) {
    mended.add(backend);
    addSyncReads(backend);
    reportFaults(backend);
  }
  if (done) return;
  done = true;
  // What is small and has not been used yet would be computed on the CPU, which rounds in another way: a run would then not
  // be the same when it is resumed.
  tf.env().set('WEBGPU_CPU_FORWARD', false);
  completeFunctions();
  completeReductions();
  completeMatMul();
  completePooling();
  completeSegments();
  completeGradients();
}
