/**
 * Loads native TensorFlow, which tfjs-node and tfjs-node-gpu bring: both are optional, so a package or a native
 * library that is missing is a reason to go on without, remembered and reported, never a crash.
 */
import util from 'node:util';
import { messageOf } from '../core/errors.ts';
import * as tf from '../core/tf.ts';
import { registerBernoulli } from './compile/tensorflow/random.ts';
import type { LoadResult } from './types.ts';

/** The two engines that run on native TensorFlow. */
export type TensorFlowEngine = 'tensorflow-gpu' | 'tensorflow';

const PACKAGES = { 'tensorflow-gpu': '@tensorflow/tfjs-node-gpu', tensorflow: '@tensorflow/tfjs-node' } as const;

const remembered = new Map<TensorFlowEngine, LoadResult>();

/**
 * Imports the engine's package, once: later calls get the remembered answer.
 *
 * @param load imports the package in Kelvin's place, as when only the caller can resolve it
 */
export async function loadTensorFlow(name: TensorFlowEngine, load?: () => Promise<unknown>): Promise<LoadResult> {
  const known = remembered.get(name);
  if (known && (known.loaded || !load)) return known;
  const result = await tryToLoad(name, load ?? (() => importPackage(PACKAGES[name])));
  if (result.loaded || !load) remembered.set(name, result);
  return result;
}

async function tryToLoad(name: TensorFlowEngine, load: () => Promise<unknown>): Promise<LoadResult> {
  const occupied = occupant();
  if (occupied === name) return { loaded: true, version: undefined };
  if (occupied)
    return failure(`${occupied} is loaded already, and a process holds only one`, 'start a process of its own');
  prepareProcess();
  try {
    const imported = (await quietly(load)) as { default?: unknown };
    const module = (imported?.default ?? imported) as TfjsNode;
    if (module?.Tensor !== tf.Tensor || !tf.engine().backendNames().includes('tensorflow')) return twoCopies(name);
    registerBernoulli();
    return { loaded: true, version: module.version?.['tfjs-node'] };
  } catch (error) {
    return explain(name, error);
  }
}

interface TfjsNode {
  readonly Tensor?: unknown;
  readonly version?: Record<string, string>;
}

/** Which of the two packages this process holds already, imported here or by the caller. */
function occupant(): TensorFlowEngine | undefined {
  if (!tf.engine().backendNames().includes('tensorflow')) return undefined;
  const backend = tf.findBackend('tensorflow') as { isGPUPackage?: boolean } | null;
  return backend?.isGPUPackage === true ? 'tensorflow-gpu' : 'tensorflow';
}

/** A name that only the run time resolves: the packages are optional, so the compiler must not look for them. */
function importPackage(specifier: string): Promise<unknown> {
  return import(/* @vite-ignore */ specifier);
}

/** tfjs-node calls two functions that Node 23 took away, and TensorFlow greets on stderr unless told not to. */
function prepareProcess(): void {
  const legacy = util as unknown as Record<string, unknown>;
  legacy.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
  legacy.isArray ??= Array.isArray;
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
}

/** Runs `body` while tfjs keeps its advice and warnings to itself. */
export async function quietly<T>(body: () => Promise<T>): Promise<T> {
  const before = tf.env().getBool('PROD');
  tf.env().set('PROD', true);
  try {
    return await body();
  } finally {
    tf.env().set('PROD', before);
  }
}

function explain(name: TensorFlowEngine, error: unknown): LoadResult {
  const specifier = PACKAGES[name];
  const message = messageOf(error);
  const code = (error as { code?: unknown } | null)?.code;
  const absent = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND';
  if (absent && message.includes(`'${specifier}'`))
    return failure(`${specifier} is not installed`, `npm install ${specifier}@${tf.version_core}`, error);
  if (message.includes('tfjs_binding.node'))
    return failure(`the native library of ${specifier} is missing`, `npm rebuild ${specifier}`, error);
  return failure(
    `${specifier} could not be loaded (${firstLine(message)})`,
    'mend what the message names, or run without this engine',
    error,
  );
}

function twoCopies(name: TensorFlowEngine): LoadResult {
  return failure(
    `${PACKAGES[name]} brought a second copy of tfjs-core, and its engine is not the one that Kelvin uses`,
    `install version ${tf.version_core} of every @tensorflow package, then npm dedupe`,
  );
}

function failure(reason: string, remedy: string, cause?: unknown): LoadResult {
  return { loaded: false, reason, remedy, cause };
}

const firstLine = (text: string): string => text.split('\n', 1)[0] ?? '';
