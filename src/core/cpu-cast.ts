/**
 * Mends one kernel of the pure-JavaScript engine: its cast from integers to floats relabels the integers and lets two
 * tensors of different types share one buffer. An engine that is started later would take over the wrong bytes.
 */
import {
  Cast,
  type CastAttrs,
  getKernel,
  type KernelBackend,
  type KernelConfig,
  type KernelFunc,
  registerKernel,
  type TensorInfo,
  type TypedArray,
  unregisterKernel,
} from '@tensorflow/tfjs-core';

/** The parts of the backend that kernels use. */
interface CpuBackend extends KernelBackend {
  readonly data: { get(dataId: object): { readonly values: TypedArray } };
  makeTensorInfo(shape: number[], dtype: 'float32', values: TypedArray): TensorInfo;
}

/** Has the cast to float32 copy. */
export function mendCpuCast(): void {
  const original = getKernel(Cast, 'cpu') as KernelConfig;
  const kernelFunc: KernelFunc = (params) => {
    const x = params.inputs.x as TensorInfo;
    const { dtype } = params.attrs as unknown as CastAttrs;
    const relabelled = dtype === 'float32' && (x.dtype === 'int32' || x.dtype === 'bool');
    if (!relabelled) return original.kernelFunc(params);
    const backend = params.backend as CpuBackend;
    return backend.makeTensorInfo(x.shape, 'float32', Float32Array.from(backend.data.get(x.dataId).values));
  };
  unregisterKernel(Cast, 'cpu');
  registerKernel({ ...original, kernelFunc });
}
