/**
 * The companion module: SIMD kernels for training that share the memory of tfjs's wasm backend. Which of its builds
 * runs depends on what the machine has; without SIMD there is none, and the composed kernels run instead.
 */
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { BINARIES } from './binaries.ts';

/** What of WebAssembly's interface is used here: Node's types leave it to the browser's. */
interface WebAssemblyInterface {
  readonly Module: new (binary: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
  validate(binary: Uint8Array): boolean;
}

const wasmInterface = (globalThis as unknown as { WebAssembly: WebAssemblyInterface }).WebAssembly;

/** How far the embedded engine goes, lowest first. */
export const LEVELS = ['composed', 'simd', 'relaxed'] as const;

/** `'composed'`: kernels of the backend only; `'simd'`: with the companion; `'relaxed'`: with its build for fused multiply-add. */
export type Level = (typeof LEVELS)[number];

/** What the module exports: addresses are bytes, flags are 0 or 1. See companion/index.ts. */
export interface Companion {
  readonly level: Level;
  readonly run: Readonly<Record<Routine, (...args: number[]) => void>>;
}

type Routine =
  | 'geometry'
  | 'convolution'
  | 'convolutionFilterGradient'
  | 'depthwise'
  | 'depthwiseFilterGradient'
  | 'packColumns'
  | 'matMul'
  | 'clippedGradient'
  | 'clip'
  | 'maximum'
  | 'minimum'
  | 'selectFloats'
  | 'batchNorm'
  | 'centredSums'
  | 'sumRows'
  | 'sumColumns'
  | 'maxRows'
  | 'minRows'
  | 'maxPool'
  | 'maxPoolGradient'
  | 'avgPoolGradient'
  | 'transpose'
  | 'adam'
  | 'sgd';

const modules = new Map<Level, object | undefined>();
const instances = new WeakMap<object, Map<Level, Companion>>();

let wanted: Level = levelOfEnvironment();

/** Holds the engine below a level, or lets it go up to the highest again: for tests and comparisons. */
export function limitLevel(level: Level): void {
  wanted = level;
}

/** The highest level that this machine has, at most the one asked for. */
export function levelHere(): Level {
  for (const level of [...LEVELS].reverse())
    if (LEVELS.indexOf(level) <= LEVELS.indexOf(wanted) && (level === 'composed' || moduleFor(level))) return level;
  return 'composed';
}

/** The companion of a backend, made at its first use; undefined where there is none. */
export function companionOf(backend: BackendWasm): Companion | undefined {
  const level = levelHere();
  if (level === 'composed') return undefined;
  const { wasm } = backend;
  const known = instances.get(wasm) ?? new Map<Level, Companion>();
  instances.set(wasm, known);
  let companion = known.get(level);
  if (!companion) {
    const env = { memory: (wasm as unknown as { asm: { memory: object } }).asm.memory };
    const { exports } = new wasmInterface.Instance(moduleFor(level) as object, { env });
    companion = { level, run: exports as Companion['run'] };
    known.set(level, companion);
  }
  return companion;
}

function moduleFor(level: Exclude<Level, 'composed'>): object | undefined {
  if (!modules.has(level)) {
    const binary = Buffer.from(BINARIES[level], 'base64');
    modules.set(level, wasmInterface.validate(binary) ? new wasmInterface.Module(binary) : undefined);
  }
  return modules.get(level);
}

function levelOfEnvironment(): Level {
  const named = process.env.KELVIN_WASM;
  return LEVELS.find((level) => level === named) ?? 'relaxed';
}
