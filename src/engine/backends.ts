/**
 * Loading and switching tfjs backends without surprises: one at a time, and with the former one put back where
 * the new one fails.
 */
import * as tf from '../core/tf.ts';
import { quietly } from './process.ts';
import { loadTensorFlow } from './tensorflow.ts';
import type { EngineName, LoadResult } from './types.ts';
import { loadWasm } from './wasm/load.ts';
import { loadWebGPU } from './webgpu/load.ts';

let last: Promise<unknown> = Promise.resolve();

/** Runs `task` when all that was asked for before is done: tfjs has one current backend for the whole process. */
export function inTurn<T>(task: () => Promise<T>): Promise<T> {
  const turn = last.then(task, task);
  last = turn.catch(() => undefined);
  return turn;
}

/** Loads what an engine needs, without making it the current one. */
export async function loadEngine(name: EngineName, load?: () => Promise<unknown>): Promise<LoadResult> {
  if (name === 'wasm') return loadWasm();
  if (name === 'webgpu') return loadWebGPU(load);
  if (name === 'cpu') return { loaded: true, version: tf.version_core };
  return loadTensorFlow(name, load);
}

/** Runs `body`, then puts the backend back that was current: importing tfjs-node makes its own the current one. */
export async function keepingBackend<T>(body: () => Promise<T>): Promise<T> {
  const before = tf.getBackend() || 'cpu';
  try {
    return await body();
  } finally {
    if (tf.getBackend() !== before) await tf.setBackend(before);
  }
}

/** Makes a backend the current one; false, with the former one in place again, when it does not initialise. */
export async function activate(backend: string): Promise<boolean> {
  const before = tf.getBackend();
  if (await quietly(() => tf.setBackend(backend))) return true;
  if (before) await tf.setBackend(before);
  return false;
}

/** The engines that run on native TensorFlow, of which a process holds one. */
export const isTensorFlow = (name: string): name is 'tensorflow-gpu' | 'tensorflow' =>
  name === 'tensorflow-gpu' || name === 'tensorflow';
