/**
 * Says what the current tfjs backend is in Kelvin's terms: engine name, what it runs on, and whether reading
 * from it is cheap.
 */
import * as tf from '../core/tf.ts';
import type { EngineInfo } from './types.ts';
import { levelHere } from './wasm/companion/companion.ts';

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

/** What the embedded engine runs on; valid once the SIMD flag has been looked up. */
export function wasmDetail(): string {
  if (!tf.env().getBool('WASM_HAS_SIMD_SUPPORT')) return 'no SIMD, 1 thread';
  const words = { composed: 'SIMD without the companion module', simd: 'SIMD', relaxed: 'relaxed SIMD' };
  return `${words[levelHere()]}, 1 thread`;
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
