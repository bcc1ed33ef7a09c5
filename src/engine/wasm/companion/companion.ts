/**
 * The companion module: SIMD kernels for training that share the memory of tfjs's wasm backend. Which of its builds
 * runs depends on what the machine has; without SIMD there is none, and the composed kernels run instead.
 */
import { setFlagsFromString } from 'node:v8';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '../../../core/tf.ts';
import { BINARIES } from './binaries.ts';
import { isWanted } from './level.ts';
import { ThreadPool } from './thread-pool.ts';

/** What of WebAssembly's interface is used here: Node's types leave it to the browser's. */
interface WebAssemblyInterface {
  readonly Module: new (binary: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
  validate(binary: Uint8Array): boolean;
}

const wasmInterface = (globalThis as unknown as { WebAssembly: WebAssemblyInterface }).WebAssembly;

/** The companion's builds: for any SIMD, and for fused multiply-add. */
export const BUILDS = ['simd', 'relaxed'] as const;

export type Build = (typeof BUILDS)[number];

/** The module's routines: addresses are bytes, flags are 0 or 1. See companion/index.ts. */
export interface Companion {
  readonly build: Build;
  readonly run: Readonly<Record<Routine, (...args: number[]) => void>>;
  /** The threads that share the work, where the backend's memory can be shared. */
  readonly pool: ThreadPool | undefined;
}

export type Routine =
  | 'convolution'
  | 'convolutionFilterGradient'
  | 'depthwise'
  | 'depthwiseFilterGradient'
  | 'repeatValues'
  | 'scatterPixels'
  | 'packColumns'
  | 'matMul'
  | 'matMulColumns'
  | 'clippedGradient'
  | 'clip'
  | 'maximum'
  | 'minimum'
  | 'selectFloats'
  | 'add'
  | 'addBias'
  | 'multiply'
  | 'moments'
  | 'batchNorm'
  | 'batchNormGradient'
  | 'centredSums'
  | 'layerNorm'
  | 'layerNormGradient'
  | 'layerNormSums'
  | 'bernoulli'
  | 'sumRows'
  | 'sumColumns'
  | 'maxRows'
  | 'minRows'
  | 'pool'
  | 'maxPoolGradient'
  | 'avgPoolGradient'
  | 'transpose'
  | 'unpack'
  | 'crossEntropy'
  | 'sparseCrossEntropy'
  | 'klDivergence'
  | 'adam'
  | 'sgd';

const modules = new Map<string, object | undefined>();
const instances = new WeakMap<object, Map<Build, Companion>>();

/** The best of the companion's builds that this machine can run and that is asked for. */
export function buildHere(): Build | undefined {
  return BUILDS.findLast((build) => isWanted(build) && moduleFor(build));
}

/** Whether this machine can run a build. */
export const runsHere = (build: Build): boolean => moduleFor(build) !== undefined;

/** The companion of a backend, made at its first use; undefined where there is none. */
export function companionOf({ wasm }: BackendWasm): Companion | undefined {
  const build = buildHere();
  if (!build) return undefined;
  const known = instances.get(wasm) ?? new Map<Build, Companion>();
  instances.set(wasm, known);
  let companion = known.get(build);
  if (!companion) {
    companion = instantiate(build, wasm);
    known.set(build, companion);
  }
  return companion;
}

/** Whether the current backend is the wasm one, with a companion. */
export function hasCompanion(): boolean {
  return tf.getBackend() === 'wasm' && companionOf(tf.backend() as unknown as BackendWasm) !== undefined;
}

/** Whether a backend's memory can be shared by threads. */
export const isShared = (wasm: object): boolean => memoryOf(wasm).buffer instanceof SharedArrayBuffer;

/** Ends the threads of a backend that is done with. */
export function closeThreads(wasm: object): void {
  for (const { pool } of instances.get(wasm)?.values() ?? []) pool?.close();
  instances.delete(wasm);
}

interface Memory {
  readonly buffer: ArrayBufferLike;
}

/** A backend's memory, which the module exports, or brings along where it is shared. */
function memoryOf(wasm: object): Memory {
  const { asm, wasmMemory } = wasm as { asm: { memory?: Memory }; wasmMemory?: Memory };
  return (wasmMemory ?? asm.memory) as Memory;
}

function instantiate(build: Build, wasm: object): Companion {
  const memory = memoryOf(wasm);
  const shared = isShared(wasm);
  const module = moduleFor(shared ? `${build}Shared` : build) as object;
  const { exports } = new wasmInterface.Instance(module, { env: { memory } });
  const run = exports as Companion['run'];
  return { build, run, pool: shared ? new ThreadPool(module, memory, run) : undefined };
}

function moduleFor(build: keyof typeof BINARIES): object | undefined {
  if (!modules.has(build)) {
    const binary = Buffer.from(BINARIES[build], 'base64');
    if (build.startsWith('relaxed')) allowRelaxedSimd();
    modules.set(build, wasmInterface.validate(binary) ? new wasmInterface.Module(binary) : undefined);
  }
  return modules.get(build);
}

/** Node 20 has relaxed SIMD behind a flag of V8, which its WebAssembly decoder looks at whenever it meets a module. */
function allowRelaxedSimd(): void {
  if (process.versions.node.startsWith('20.')) setFlagsFromString('--experimental-wasm-relaxed-simd');
}
