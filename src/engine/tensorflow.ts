/**
 * Loads native TensorFlow: what `kelvin native install` has built, else what the npm packages tfjs-node and
 * tfjs-node-gpu bring. All of it is optional, so what is missing is a reason to go on without, remembered and reported,
 * never a crash.
 */
import { messageOf } from '../core/errors.ts';
import * as tf from '../core/tf.ts';
import { registerBernoulli } from './compile/tensorflow/random.ts';
import { engineFolder, installedIn } from './native/layout.ts';
import { loadNative } from './native/load.ts';
import { prepareProcess, quietly } from './process.ts';
import type { LoadResult } from './types.ts';

/** The two engines that run on native TensorFlow. */
export type TensorFlowEngine = 'tensorflow-gpu' | 'tensorflow';

/** How the engines are built here. */
const INSTALL = { 'tensorflow-gpu': 'kelvin native install --gpu', tensorflow: 'kelvin native install' } as const;

const PACKAGES = { 'tensorflow-gpu': '@tensorflow/tfjs-node-gpu', tensorflow: '@tensorflow/tfjs-node' } as const;

const remembered = new Map<TensorFlowEngine, LoadResult>();

/**
 * Loads the engine, once: later calls get the remembered answer.
 *
 * @param load imports the package in Kelvin's place, as when only the caller can resolve it
 */
export async function loadTensorFlow(name: TensorFlowEngine, load?: () => Promise<unknown>): Promise<LoadResult> {
  const known = remembered.get(name);
  if (known && (known.loaded || !load)) return known;
  const result = load ? await tryToLoad(name, load) : await loadInstalled(name);
  if (result.loaded || !load) remembered.set(name, result);
  return result;
}

/** What was built here, else the package from npm; where neither loads, the reason of the one that is installed. */
async function loadInstalled(name: TensorFlowEngine): Promise<LoadResult> {
  const folder = engineFolder(name);
  const found = installedIn(folder, tf.version_core);
  if (found !== undefined && typeof found !== 'string') {
    const result = await tryToLoad(name, async () => loadNative(folder, found), `the engine in ${folder}`);
    if (result.loaded) return result;
    const packaged = await tryToLoad(name, () => importPackage(PACKAGES[name]));
    return packaged.loaded ? packaged : result;
  }
  const result = await tryToLoad(name, () => importPackage(PACKAGES[name]));
  return result.loaded || found === undefined ? result : failure(found, INSTALL[name], result.cause);
}

async function tryToLoad(
  name: TensorFlowEngine,
  load: () => Promise<unknown>,
  what: string = PACKAGES[name],
): Promise<LoadResult> {
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
    return explain(name, what, error);
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

function explain(name: TensorFlowEngine, what: string, error: unknown): LoadResult {
  const specifier = PACKAGES[name];
  const built = what !== specifier;
  const message = messageOf(error);
  const code = (error as { code?: unknown } | null)?.code;
  const absent = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND';
  if (absent && message.includes(`'${specifier}'`))
    return failure(
      `${specifier} is not installed`,
      `${INSTALL[name]}, or npm install ${specifier}@${tf.version_core}`,
      error,
    );
  if (!built && message.includes('tfjs_binding.node'))
    return failure(
      `the native library of ${specifier} is missing`,
      `${INSTALL[name]}, or npm rebuild ${specifier}`,
      error,
    );
  return failure(
    `${what} could not be loaded (${firstLine(message)})`,
    built ? INSTALL[name] : 'mend what the message names, or run without this engine',
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
