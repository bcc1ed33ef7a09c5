/**
 * Says what the current tfjs backend is in Kelvin's terms: engine name, what it runs on, and whether reading
 * from it is cheap.
 */
import * as tf from '../core/tf.ts';
import type { EngineInfo } from './types.ts';
import { buildHere, runsHere } from './wasm/companion/companion.ts';
import { isWanted, threadsWanted, whyNotWanted } from './wasm/companion/level.ts';
import { whySingle } from './wasm/shared-memory.ts';
import { webGPUDetail } from './webgpu/load.ts';

/** The parts of tfjs-node's backend that tell what it runs on. */
interface TensorFlowBackend {
  readonly isGPUPackage?: boolean;
  readonly isUsingGpuDevice?: boolean;
  readonly binding?: { readonly TF_Version?: string };
}

/** Describes an initialised backend, known to Kelvin or not. */
export function describeBackend(backend: string): EngineInfo {
  switch (backend) {
    case 'cpu':
      return { name: 'cpu', backend, detail: 'pure JavaScript', cheapReads: true };
    case 'wasm':
      return { name: 'wasm', backend, detail: wasmDetail(), cheapReads: true };
    case 'webgpu':
      return { name: 'webgpu', backend, detail: webGPUDetail(), cheapReads: false };
    case 'tensorflow':
      return describeTensorFlow();
    default:
      return { name: backend, backend, detail: "the caller's own backend", cheapReads: false };
  }
}

/**
 * Whether reading a scalar from the current tfjs backend costs next to nothing, because no device queue stands
 * between the value and the reader.
 */
export function readsAreCheap(): boolean {
  const backend = tf.getBackend();
  return backend === 'wasm' || backend === 'cpu' || (backend === 'tensorflow' && describeTensorFlow().cheapReads);
}

/** What the embedded engine runs on, or would; valid once the SIMD flag has been looked up. */
export function wasmDetail(): string {
  const count = whySingle() === undefined ? threadsWanted() : 1;
  const threads = `${count} ${count === 1 ? 'thread' : 'threads'}`;
  if (!tf.env().getBool('WASM_HAS_SIMD_SUPPORT')) return `no SIMD, ${threads}`;
  const words = { simd: 'SIMD', relaxed: 'relaxed SIMD' };
  const build = buildHere();
  return `${build ? words[build] : 'SIMD without the companion module'}, ${build ? threads : '1 thread'}`;
}

/** What the embedded engine could do and does not, highest level first, each with the reason. */
export function wasmMissing(): string[] {
  if (!tf.env().getBool('WASM_HAS_SIMD_SUPPORT')) return ['SIMD: this machine or this Node has none'];
  const missing: string[] = [];
  const single = whySingle();
  if (single !== undefined) missing.push(`threads: ${single}`);
  for (const [build, name] of [
    ['relaxed', 'relaxed SIMD'],
    ['simd', 'the companion module'],
  ] as const) {
    if (!isWanted(build)) missing.push(`${name}: ${whyNotWanted()}`);
    else if (!runsHere(build)) missing.push(`${name}: this machine or this Node has none`);
  }
  return missing;
}

function describeTensorFlow(): EngineInfo {
  const backend = tf.findBackend('tensorflow') as unknown as TensorFlowBackend | null;
  const gpu = backend?.isUsingGpuDevice === true;
  const version = backend?.binding?.TF_Version;
  return {
    name: backend?.isGPUPackage === true ? 'tensorflow-gpu' : 'tensorflow',
    backend: 'tensorflow',
    detail: `TensorFlow${version === undefined ? '' : ` ${version}`} on ${gpu ? 'a GPU' : 'the CPU'}`,
    cheapReads: !gpu,
  };
}
