/**
 * How the WebGPU backend is completed: kernels as WGSL programs over flat arrays, run by the backend's own machinery, and as
 * compositions of the kernels that it has, with a workspace that frees what was made on the way.
 */
import * as tf from '../../core/tf.ts';
import type { Program, Uniform, WebGPUBackend } from './packages.ts';

/** A tensor as kernels see it: where its data lies, its shape and its type. */
export type Info = tf.TensorInfo;

/** A computation of which every thread does the part with its number, `index`. */
export interface Computation {
  /** Its name: the same for the same code. */
  readonly name: string;
  /** The inputs by the names that they have in the code, each a flat array. */
  readonly inputs: Readonly<Record<string, Info>>;
  readonly shape: readonly number[];
  readonly dtype: tf.DataType;
  /** Whole numbers that the code knows as `uniforms.name`. */
  readonly integers?: Readonly<Record<string, number>>;
  /** Floats, likewise. */
  readonly floats?: Readonly<Record<string, number>>;
  /** What a thread does, in WGSL; it writes to the flat array `result`. */
  readonly code: string;
  /** Functions that the code calls. */
  readonly functions?: string;
  /** How many threads there are. Default: one per value of the result. */
  readonly threads?: number;
}

const THREADS_PER_GROUP = 64;

/** What one call of a kernel works with. Everything made here is freed when the call ends, but for its result. */
export class Workspace {
  readonly backend: WebGPUBackend;
  readonly #native: tf.KernelConfig | undefined;
  readonly #made: Info[] = [];

  constructor(backend: WebGPUBackend, native: tf.KernelConfig | undefined) {
    this.backend = backend;
    this.#native = native;
  }

  /** Runs a kernel of the backend that has one output. */
  run(kernelName: string, inputs: Record<string, Info>, attrs: object = {}): Info {
    return this.#call(tf.getKernel(kernelName, 'webgpu'), inputs, attrs);
  }

  /** Runs the kernel that the backend had before this one took its place. */
  native(inputs: Record<string, Info>, attrs: object): Info {
    if (!this.#native) throw new Error('this kernel completes none that the backend has');
    return this.#call(this.#native, inputs, attrs);
  }

  /** The same data under another shape, without a copy. */
  view(x: Info, shape: readonly number[]): Info {
    return this.run(tf.Reshape, { x }, { shape });
  }

  /** A tensor of that shape with one value everywhere. */
  filled(shape: readonly number[], value: number, dtype: tf.DataType = 'float32'): Info {
    return this.run(tf.Fill, {}, { shape, value, dtype });
  }

  /** Runs a program; its result has no place for a thread where it is empty. */
  compute({ name, inputs, shape, dtype, integers = {}, floats = {}, ...rest }: Computation): Info {
    const output = this.#adopt(this.backend.makeTensorInfo([...shape], dtype));
    const size = tf.util.sizeFromShape(output.shape);
    const threads = rest.threads ?? size;
    const program: Program = {
      variableNames: Object.keys(inputs),
      uniforms: `${declare(integers, 'i32')}${declare(floats, 'f32')}`,
      workgroupSize: [THREADS_PER_GROUP, 1, 1],
      size: true,
      outputShape: [threads],
      dispatchLayout: { x: [0] },
      dispatch: [Math.ceil(threads / THREADS_PER_GROUP), 1, 1],
      shaderKey: `Kelvin${name}`,
      getUserCode: () =>
        `${rest.functions ?? ''}\nfn main(index : i32) { if (index < uniforms.size) { ${rest.code} } }`,
    };
    const uniforms: Uniform[] = [
      ...Object.values(integers).map((value) => ({ type: 'int32' as const, data: [value] })),
      ...Object.values(floats).map((value) => ({ type: 'float32' as const, data: [value] })),
    ];
    const flat = (x: Info): Info => ({ ...x, shape: [tf.util.sizeFromShape(x.shape)] });
    const tensors = Object.values(inputs).map(flat);
    this.backend.runWebGPUProgram(program, tensors, dtype, uniforms, { ...output, shape: [size] });
    return output;
  }

  /** Frees all that was made but the result. */
  close(result: Info | undefined): void {
    for (const tensor of this.#made) if (tensor !== result) this.backend.disposeData(tensor.dataId);
  }

  #adopt(tensor: Info): Info {
    this.#made.push(tensor);
    return tensor;
  }

  #call(kernel: tf.KernelConfig, inputs: Record<string, Info>, attrs: object): Info {
    const output = kernel.kernelFunc({ inputs, attrs: attrs as tf.NamedAttrMap, backend: this.backend });
    return this.#adopt(output as Info);
  }
}

const declare = (names: Readonly<Record<string, number>>, type: 'i32' | 'f32'): string =>
  Object.keys(names)
    .map((name) => `${name} : ${type}, `)
    .join('');

/** Computes a kernel's output, which its workspace must have made. */
export type Compute<A extends object> = (inputs: Record<string, Info>, attrs: A, work: Workspace) => Info;

/** Registers a kernel on the WebGPU backend, in place of the one that it has by that name. */
export function complete<A extends object>(kernelName: string, compute: Compute<A>): void {
  const native = (tf.getKernel(kernelName, 'webgpu') ?? undefined) as tf.KernelConfig | undefined;
  if (native) tf.unregisterKernel(kernelName, 'webgpu');
  tf.registerKernel({
    kernelName,
    backendName: 'webgpu',
    kernelFunc: ({ inputs, attrs, backend }) => {
      const work = new Workspace(backend as WebGPUBackend, native);
      let result: Info | undefined;
      try {
        result = compute(inputs as Record<string, Info>, attrs as unknown as A, work);
        return result;
      } finally {
        work.close(result);
      }
    },
  });
}

/** Whether a tensor holds no values. The GPU binds no empty buffers. */
export const isEmpty = (x: Info): boolean => tf.util.sizeFromShape(x.shape) === 0;
