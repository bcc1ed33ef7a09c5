/**
 * TensorFlow's operations by name, as tfjs-node's backend runs them: the parts of that backend that its types leave out,
 * attributes, and registering a kernel in place of the one there is.
 */
import * as tf from '../../core/tf.ts';

/** A tensor as kernels see it. */
export type Info = tf.TensorInfo;

/** An attribute of an operation. */
export interface Attr {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

/** What TensorFlow gives back for an output: its number, which the binding knows it by. */
export interface OutputMetadata {
  readonly id: number;
  readonly shape: number[];
  readonly dtype: number;
}

/** The addon: C functions of TensorFlow. Tensors are numbers here, which have to be deleted. */
export interface Binding {
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  readonly TF_BOOL: number;
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_TYPE: number;
  readonly TF_ATTR_SHAPE: number;
  createTensor(shape: readonly number[], dtype: number, values: Float32Array | Int32Array): number;
  deleteTensor(id: number): void;
  executeOp(name: string, attrs: readonly Attr[], inputs: readonly number[], outputs: number): OutputMetadata[];
}

/** tfjs-node's backend. */
export interface TensorFlowBackend {
  readonly binding: Binding;
  readonly isUsingGpuDevice?: boolean;
  readonly tensorMap: { set(dataId: object, data: object): void };
  executeSingleOutput(name: string, attrs: readonly Attr[], inputs: readonly Info[]): tf.Tensor;
  executeMultipleOutputs(name: string, attrs: readonly Attr[], inputs: readonly Info[], outputs: number): tf.Tensor[];
  getInputTensorIds(tensors: readonly Info[]): number[];
  createOutputTensor(metadata: OutputMetadata): tf.Tensor;
  disposeData: (dataId: object, force?: boolean) => boolean;
}

/** The backend; registered when this is called. */
export const tensorFlow = (): TensorFlowBackend => tf.findBackend('tensorflow') as unknown as TensorFlowBackend;

/** Makes attributes. Kinds that are not named by a function are types: `attributes().T`, float32. */
export function attributes({ binding }: TensorFlowBackend) {
  const type = (name: string, value: number): Attr => ({ name, type: binding.TF_ATTR_TYPE, value });
  return {
    T: type('T', binding.TF_FLOAT),
    type,
    bool: (name: string, value: boolean): Attr => ({ name, type: binding.TF_ATTR_BOOL, value }),
    ints: (name: string, value: readonly number[]): Attr => ({ name, type: binding.TF_ATTR_INT, value }),
    float: (name: string, value: number): Attr => ({ name, type: binding.TF_ATTR_FLOAT, value }),
    text: (name: string, value: string): Attr => ({ name, type: binding.TF_ATTR_STRING, value }),
    shape: (name: string, value: readonly number[]): Attr => ({ name, type: binding.TF_ATTR_SHAPE, value }),
  };
}

/**
 * Computes a kernel's output or outputs; `undefined` leaves it to the kernel that there was. Intermediate tensors are the
 * function's own to dispose of.
 */
export type Direct<A> = (inputs: Record<string, Info>, attrs: A) => tf.Tensor | tf.Tensor[] | undefined;

/** Registers a kernel of the backend, before the one that it has by that name. */
export function direct<A extends object>(kernelName: string, compute: Direct<A>): void {
  const stock = (tf.getKernel(kernelName, 'tensorflow') ?? undefined) as tf.KernelConfig | undefined;
  if (stock) tf.unregisterKernel(kernelName, 'tensorflow');
  tf.registerKernel({
    ...stock,
    kernelName,
    backendName: 'tensorflow',
    kernelFunc: (call) => {
      const made = compute(call.inputs as Record<string, Info>, call.attrs as unknown as A);
      if (made !== undefined) return made;
      if (!stock) throw new Error(`${kernelName} cannot be computed from what it was given`);
      return stock.kernelFunc(call);
    },
  });
}

/** The same for a function whose intermediate tensors are disposed of when it returns. */
export function tidied<A extends object>(kernelName: string, compute: (...call: Parameters<Direct<A>>) => tf.Tensor[]) {
  direct<A>(kernelName, (inputs, attrs) => tf.tidy(() => compute(inputs, attrs)));
}
