/**
 * The two npm packages that the WebGPU engine stands on, as far as it uses them. Both are optional peers, so the compiler
 * must not look for them: they are imported by a name that only the run time resolves.
 */
import { createRequire } from 'node:module';
import type * as tf from '../../core/tf.ts';

/** Dawn for Node: an implementation of WebGPU. */
export const DAWN = 'webgpu';
/** tfjs's backend for it. */
export const BACKEND = '@tensorflow/tfjs-backend-webgpu';

/** What WebGPU says of an adapter. */
export interface AdapterInfo {
  readonly vendor?: string;
  readonly architecture?: string;
  readonly device?: string;
  readonly description?: string;
  readonly isFallbackAdapter?: boolean;
}

/** A buffer on the device, or one that is read from it. */
export interface GPUBuffer {
  readonly size: number;
  readonly mapState: 'unmapped' | 'pending' | 'mapped';
  mapAsync(mode: number): Promise<void>;
  getMappedRange(): ArrayBuffer;
  unmap(): void;
}

/** An open device. */
export interface Device {
  readonly lost: Promise<{ readonly message: string; readonly reason: string }>;
  addEventListener(type: 'uncapturederror', listener: (event: UncapturedError) => void): void;
}

/** What a device says of a call that was wrong or could not be done. */
export interface UncapturedError {
  readonly error: { readonly message: string; readonly constructor: { readonly name: string } };
  preventDefault?(): void;
}

/** A driver with the hardware behind it. */
export interface Adapter {
  readonly info: AdapterInfo;
  readonly features: ReadonlySet<string>;
  readonly limits: Readonly<Record<string, number>>;
  requestDevice(description: object): Promise<Device>;
}

/** The entry point of WebGPU, in browsers `navigator.gpu`. */
export interface GPU {
  requestAdapter(options?: object): Promise<Adapter | null>;
}

/** tfjs's backend, with what of it is private there and used here. */
export interface WebGPUBackend extends tf.KernelBackend {
  readonly device: Device;
  readonly tensorMap: tf.DataStorage<TensorData>;
  readonly bufferManager: {
    acquireBuffer(size: number, usage: number): GPUBuffer;
    releaseBuffer(buffer: GPUBuffer): void;
  };
  readonly commandEncoder: {
    copyBufferToBuffer(from: GPUBuffer, at: number, to: GPUBuffer, toAt: number, size: number): void;
  };
  ensureCommandEncoderReady(): void;
  endComputePassEncoder(): void;
  submitQueue(): void;
  runWebGPUProgram(
    program: Program,
    inputs: readonly tf.TensorInfo[],
    dtype: tf.DataType,
    uniforms?: readonly Uniform[],
    output?: tf.TensorInfo,
  ): tf.TensorInfo;
  makeTensorInfo(shape: number[], dtype: tf.DataType, values?: ArrayLike<number>): tf.TensorInfo;
}

/** A kernel as that backend runs it. */
export interface Program {
  readonly variableNames: readonly string[];
  readonly uniforms: string;
  readonly workgroupSize: readonly [number, number, number];
  readonly size: boolean;
  readonly outputShape: readonly number[];
  readonly dispatchLayout: { readonly x: readonly number[] };
  readonly dispatch: readonly [number, number, number];
  readonly shaderKey: string;
  getUserCode(): string;
}

/** A value that a program is given beside its tensors. */
export interface Uniform {
  readonly type: 'int32' | 'float32';
  readonly data: number[];
}

/** What that backend knows of one tensor: its values on the host, or its buffer on the device, or both. */
export interface TensorData {
  readonly dtype: tf.DataType;
  values: tf.backend_util.TypedArray | null | undefined;
  readonly resource: GPUBuffer | null | undefined;
}

/** What of both packages is used. */
export interface Packages {
  create(flags: readonly string[]): GPU;
  readonly globals: Readonly<Record<string, unknown>>;
  readonly WebGPUBackend: new (device: Device, info: AdapterInfo) => WebGPUBackend;
}

/** Imports them. */
export async function importPackages(): Promise<Packages> {
  const [backend, dawn] = await Promise.all([BACKEND, DAWN].map((name) => import(/* @vite-ignore */ name)));
  return { ...(backend as Packages), ...(dawn as Packages) };
}

/** The version of Dawn for Node. */
export function versionOfDawn(): string | undefined {
  try {
    return (createRequire(import.meta.url)(`${DAWN}/package.json`) as { version?: string }).version;
  } catch {
    return undefined; // only the caller can resolve it
  }
}
