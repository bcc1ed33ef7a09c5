/**
 * The companion module: SIMD kernels for training that share the memory of tfjs's wasm backend. Which of its builds
 * runs depends on what the machine has; without SIMD there is none, and the composed kernels run instead.
 */
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { ConfigError, show } from '../../../core/errors.ts';
import * as tf from '../../../core/tf.ts';
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
const instances = new WeakMap<object, Map<Level, Companion | undefined>>();

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

/**
 * The companion of a backend, made at its first use; undefined where there is none, as for a threaded backend that the
 * program brings: its memory is shared, which these builds are not for.
 */
export function companionOf({ wasm }: BackendWasm): Companion | undefined {
  const level = levelHere();
  if (level === 'composed') return undefined;
  const known = instances.get(wasm) ?? new Map<Level, Companion | undefined>();
  instances.set(wasm, known);
  if (!known.has(level)) known.set(level, instantiate(level, wasm));
  return known.get(level);
}

/** Whether the current backend is the wasm one, with a companion. */
export function hasCompanion(): boolean {
  return tf.getBackend() === 'wasm' && companionOf(tf.backend() as unknown as BackendWasm) !== undefined;
}

function instantiate(level: Exclude<Level, 'composed'>, wasm: object): Companion | undefined {
  const memory = (wasm as { asm?: { memory?: { buffer: unknown } } }).asm?.memory;
  if (!memory || memory.buffer instanceof SharedArrayBuffer) return undefined;
  const { exports } = new wasmInterface.Instance(moduleFor(level) as object, { env: { memory } });
  return { level, run: exports as Companion['run'] };
}

function moduleFor(level: Exclude<Level, 'composed'>): object | undefined {
  if (!modules.has(level)) {
    const binary = Buffer.from(BINARIES[level], 'base64');
    modules.set(level, wasmInterface.validate(binary) ? new wasmInterface.Module(binary) : undefined);
  }
  return modules.get(level);
}

function levelOfEnvironment(): Level {
  return LEVELS.find((level) => level === process.env.KELVIN_WASM) ?? 'relaxed';
}

/** @throws ConfigError `invalid-option` when the environment variable `KELVIN_WASM` names no level */
export function checkEnvironment(): void {
  const named = process.env.KELVIN_WASM;
  if (!named || LEVELS.some((level) => level === named)) return;
  throw new ConfigError('environment variable KELVIN_WASM', {
    code: 'invalid-option',
    expected: LEVELS.map((level) => `'${level}'`).join(' or '),
    got: show(named),
  });
}
