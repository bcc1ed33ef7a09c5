/**
 * Picks an engine and starts it: what the caller brought, then native TensorFlow, then the embedded engine.
 */
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { z } from 'zod';
import { BackendError, ConfigError, show } from '../core/errors.ts';
import { anyThat, oneOf, parseOptions, wholeNumber } from '../core/options.ts';
import * as tf from '../core/tf.ts';
import { activate, inTurn, isTensorFlow, keepingBackend, loadEngine } from './backends.ts';
import { describeBackend } from './info.ts';
import { quietly } from './process.ts';
import { completeTensorFlow } from './tensorflow/complete.ts';
import { loadTensorFlow } from './tensorflow.ts';
import { ENGINE_NAMES, type EngineInfo, type EngineName } from './types.ts';
import { limitThreads } from './wasm/companion/level.ts';
import { loadWasm } from './wasm/load.ts';
import { guardMemory } from './wasm/memory.ts';
import { completeWebGPU } from './webgpu/complete.ts';
import { offerWebGPU } from './webgpu/load.ts';

/** Which engine to start. */
export interface StartEngineOptions {
  /**
   * An engine by name, or `'auto'`: the backend that the program has set up itself, else the best that starts.
   * Default: the environment variable `KELVIN_ENGINE`, else `'auto'`.
   */
  engine?: EngineName | 'auto' | undefined;
  /**
   * Imports tfjs-node in Kelvin's place, for a program whose copy only it can resolve; for engine `'webgpu'` what `webgpu`
   * and `@tensorflow/tfjs-backend-webgpu` export, as one object. Only with these engines.
   */
  load?: (() => Promise<unknown>) | undefined;
  /**
   * On how many threads the embedded engine computes what is large enough to be shared out; results are the same for any
   * number. More than one only where it has been started with more: {@link EngineInfo.detail} says what came of it. Default:
   * the environment variable `KELVIN_THREADS`, else the number of cores, at most 8.
   */
  threads?: number | undefined;
}

type Wish = EngineName | 'auto';
type Load = () => Promise<unknown>;

const schema = z.strictObject({
  engine: oneOf('auto', ...ENGINE_NAMES).optional(),
  threads: wholeNumber(1, 99).optional(),
  load: anyThat<() => Promise<unknown>>(
    'a function that imports the engine',
    (v) => typeof v === 'function',
  ).optional(),
});

let running: EngineInfo | undefined;
let starting: { readonly wish: Wish; readonly promise: Promise<EngineInfo> } | undefined;

/**
 * Starts an engine and makes it tfjs's current backend. Tensors that exist already move to it when they are next
 * used. An engine that runs is kept unless another is named; calls at the same time share one start.
 *
 * @throws BackendError `engine-not-started` when the engine named cannot run here; says why and what to do
 * @throws ConfigError `unknown-option`, `invalid-option`, also for a wrong `KELVIN_ENGINE`
 *
 * @example
 * ```ts
 * const { name, detail } = await startEngine();   // { name: 'wasm', detail: 'SIMD, 1 thread', … }
 * ```
 */
export async function startEngine(options?: StartEngineOptions): Promise<EngineInfo> {
  const { engine, load, threads } = parseOptions('startEngine', schema, options);
  const wish = engine ?? wishOfEnvironment();
  if (load && !isTensorFlow(wish) && wish !== 'webgpu')
    throw new ConfigError('startEngine: option `load`', {
      code: 'invalid-option',
      expected: "engine 'tensorflow', 'tensorflow-gpu' or 'webgpu' beside it",
      got: show(engine),
    });
  if (starting?.wish === wish && !load && threads === undefined) return starting.promise;
  const promise = inTurn(() => startUnlessRunning(wish, engine === undefined, load, threads));
  const mine = { wish, promise };
  starting = mine;
  try {
    return await promise;
  } finally {
    if (starting === mine) starting = undefined;
  }
}

/** The engine that runs, or undefined before the first {@link startEngine}. */
export function currentEngine(): EngineInfo | undefined {
  if (!running) return undefined;
  const backend = tf.getBackend();
  if (running.backend !== backend) running = describeBackend(backend);
  return running;
}

async function startUnlessRunning(
  wish: Wish,
  anyWillDo: boolean,
  load: Load | undefined,
  threads: number | undefined,
): Promise<EngineInfo> {
  if (threads !== undefined) {
    limitThreads(threads);
    if (running) running = describeBackend(tf.getBackend());
  }
  const current = currentEngine();
  if (current && (anyWillDo || wish === 'auto' || current.name === wish)) return current;
  running = wish === 'auto' ? await startBest() : await startNamed(wish, load);
  return running;
}

async function startBest(): Promise<EngineInfo> {
  // Importing a backend is a choice too: tfjs starts it at the first need, and this is it.
  const imported = tf
    .engine()
    .backendNames()
    .some((name) => name !== 'cpu');
  if (imported && !tf.getBackend()) {
    if (tf.engine().backendNames().includes('wasm')) await loadWasm();
    await quietly(() => tf.ready());
  }
  const injected = tf.getBackend();
  if (injected && injected !== 'cpu') return adopt(injected);
  for (const name of ['tensorflow-gpu', 'tensorflow'] as const) {
    const { loaded } = await keepingBackend(() => loadTensorFlow(name));
    if (loaded && (await activate('tensorflow'))) return ready('tensorflow');
  }
  return startNamed('wasm', undefined);
}

/** Takes the backend that the program has set up itself. */
async function adopt(backend: string): Promise<EngineInfo> {
  if (backend === 'wasm') await loadWasm();
  await tf.ready();
  return ready(tf.getBackend());
}

async function startNamed(name: EngineName, load: Load | undefined): Promise<EngineInfo> {
  const result = await keepingBackend(() => loadEngine(name, load));
  if (!result.loaded) throw notStarted(name, result.reason, result.remedy, result.cause);
  if (name === 'webgpu') offerWebGPU();
  const backend = isTensorFlow(name) ? 'tensorflow' : name;
  if (!(await activate(backend)))
    throw notStarted(name, 'its backend did not initialise', 'set another engine, or none, to use what runs here');
  return ready(backend);
}

/** What is left to do once a backend is the current one. */
function ready(backend: string): EngineInfo {
  if (backend === 'wasm') guardMemory(tf.backend() as unknown as BackendWasm);
  if (backend === 'tensorflow') completeTensorFlow();
  if (backend === 'webgpu') completeWebGPU();
  return describeBackend(backend);
}

function wishOfEnvironment(): Wish {
  const named = process.env.KELVIN_ENGINE;
  if (!named) return 'auto';
  const known: readonly string[] = ['auto', ...ENGINE_NAMES];
  if (known.includes(named)) return named as Wish;
  throw new ConfigError('environment variable KELVIN_ENGINE', {
    code: 'invalid-option',
    expected: known.map((name) => `'${name}'`).join(' or '),
    got: show(named),
  });
}

function notStarted(name: EngineName, reason: string, remedy: string, cause?: unknown): BackendError {
  return new BackendError(`engine '${name}' cannot be started: ${reason}`, {
    code: 'engine-not-started',
    help: remedy,
    cause,
  });
}
