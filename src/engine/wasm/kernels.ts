/**
 * How the wasm backend is completed: a kernel written here is a function that computes one output from other
 * kernels and from typed views of the backend's memory, with a workspace that frees whatever it made on the way.
 */
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '../../core/tf.ts';

/** A tensor as kernels see it: where its data lies, its shape and its type. */
export type Info = tf.TensorInfo;

type Attributes = object;

/** Computes a kernel's output or outputs; whatever it returns must have been made by its workspace. */
export type Compute<A extends Attributes> = (inputs: Record<string, Info>, attrs: A, work: Workspace) => Info | Info[];

/** The allocator of the backend's memory. */
export interface Allocator {
  _malloc(bytes: number): number;
  _free(address: number): void;
  /** The whole memory. These are other arrays after the memory has grown. */
  readonly HEAP32: Int32Array;
  readonly HEAPF64: Float64Array;
}

/** The allocator, which the backend's types leave out. */
export const allocatorOf = (backend: BackendWasm): Allocator => backend.wasm as unknown as Allocator;

/** What one call of a kernel works with. Everything made here is freed when the call ends, but for its result. */
export class Workspace {
  readonly backend: BackendWasm;
  readonly #native: tf.KernelConfig | undefined;
  readonly #made: Info[] = [];
  readonly #reserved: number[] = [];

  constructor(backend: BackendWasm, native: tf.KernelConfig | undefined) {
    this.backend = backend;
    this.#native = native;
  }

  /** Runs a kernel of the backend that has one output. */
  run(kernelName: string, inputs: Record<string, Info>, attrs: Attributes = {}): Info {
    return this.#call(tf.getKernel(kernelName, 'wasm'), inputs, attrs);
  }

  /** Runs the kernel that the backend had before this one took its place. */
  native(inputs: Record<string, Info>, attrs: Attributes): Info {
    if (!this.#native) throw new Error('this kernel completes none that the backend has');
    return this.#call(this.#native, inputs, attrs);
  }

  /** The same data under another shape, without a copy. */
  view(tensor: Info, shape: number[]): Info {
    this.backend.incRef(tensor.dataId);
    return this.adopt({ dataId: tensor.dataId, shape, dtype: tensor.dtype });
  }

  /** A new tensor; what it holds is undefined until it is written. */
  allocate(shape: number[], dtype: tf.DataType = 'float32'): Info {
    return this.adopt(this.backend.makeOutput(shape, dtype));
  }

  /** Takes over a tensor that was made elsewhere for this call. */
  adopt(tensor: Info): Info {
    this.#made.push(tensor);
    return tensor;
  }

  /** A float32 tensor's values in place. Fetch it after the last allocation: growing memory invalidates it. */
  floats(tensor: Info): Float32Array {
    return this.values(tensor) as Float32Array;
  }

  /** Any tensor's values in place; the same warning holds. */
  values(tensor: Info): Float32Array | Int32Array | Uint8Array {
    this.settle(tensor);
    return this.backend.typedArrayFromHeap(tensor) as Float32Array | Int32Array | Uint8Array;
  }

  /** Brings data here that still lies in another backend, which may grow the memory. */
  settle(tensor: Info): void {
    this.backend.dataIdMap.get(tensor.dataId);
  }

  /** Where a tensor's data lies, in bytes. Memory that grows leaves addresses as they are. */
  address(tensor: Info): number {
    this.settle(tensor);
    return this.backend.dataIdMap.get(tensor.dataId).memoryOffset >>> 0;
  }

  /** Room for intermediate results, freed when the call ends; its address. */
  reserve(bytes: number): number {
    const address = allocatorOf(this.backend)._malloc(bytes) >>> 0;
    this.#reserved.push(address);
    return address;
  }

  /** Frees what `body` makes as soon as it is done: for the body of a loop. */
  scoped(body: () => void): void {
    const before = this.#made.length;
    body();
    for (const tensor of this.#made.splice(before)) this.backend.disposeData(tensor.dataId);
  }

  /** Frees all that was made but the results. */
  close(results: readonly Info[]): void {
    for (const tensor of this.#made) if (!results.includes(tensor)) this.backend.disposeData(tensor.dataId);
    for (const address of this.#reserved) allocatorOf(this.backend)._free(address);
  }

  #call(kernel: tf.KernelConfig, inputs: Record<string, Info>, attrs: Attributes): Info {
    const output = kernel.kernelFunc({ inputs, attrs: attrs as tf.NamedAttrMap, backend: this.backend });
    return this.adopt(output as Info);
  }
}

/**
 * Registers a kernel on the wasm backend, in place of the one that it has by that name, if any. That one's set-up
 * is still called, so that {@link Workspace.native} works.
 */
export function complete<A extends Attributes>(kernelName: string, compute: Compute<A>): void {
  const native = (tf.getKernel(kernelName, 'wasm') ?? undefined) as tf.KernelConfig | undefined;
  if (native) tf.unregisterKernel(kernelName, 'wasm');
  tf.registerKernel({
    ...native,
    kernelName,
    backendName: 'wasm',
    kernelFunc: ({ inputs, attrs, backend }) => {
      const work = new Workspace(backend as BackendWasm, native);
      const given = inputs as Record<string, Info>;
      let results: readonly Info[] = [];
      try {
        for (const name in given) if (given[name]) work.settle(given[name]);
        const result = compute(given, attrs as unknown as A, work);
        results = Array.isArray(result) ? result : [result];
        return result;
      } finally {
        work.close(results);
      }
    },
  });
}
