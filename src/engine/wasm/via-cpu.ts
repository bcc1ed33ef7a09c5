/**
 * Runs the pure-JavaScript kernel on the wasm backend's data: for kernels that are right there and rarely hot.
 */
import type { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import * as tf from '../../core/tf.ts';
import { complete, type Info, type Workspace } from './kernels.ts';

/** Registers the cpu backend's kernel of that name on the wasm backend. */
export function completeViaCpu(kernelName: string): void {
  complete<object>(kernelName, (inputs, attrs, work) => computeOnCpu(kernelName, inputs, attrs, work));
}

/** Computes one output with a kernel of the cpu backend: the inputs are copied out, the result is copied in. */
export function computeOnCpu(kernelName: string, inputs: Record<string, Info>, attrs: object, work: Workspace): Info {
  const cpu = tf.findBackend('cpu') as MathBackendCPU;
  const copies: Record<string, Info> = Array.isArray(inputs) ? ([] as unknown as Record<string, Info>) : {};
  for (const [name, input] of Object.entries(inputs))
    if (input) copies[name] = cpu.makeTensorInfo(input.shape, input.dtype, work.backend.readSync(input.dataId));
  try {
    const kernel = tf.getKernel(kernelName, 'cpu');
    const output = kernel.kernelFunc({ inputs: copies, attrs: attrs as tf.NamedAttrMap, backend: cpu }) as Info;
    try {
      const values = cpu.readSync(output.dataId) as tf.TypedArray;
      return work.adopt(work.backend.makeOutput(output.shape, output.dtype, undefined, values));
    } finally {
      cpu.disposeData(output.dataId);
    }
  } finally {
    for (const { dataId } of Object.values(copies)) cpu.disposeData(dataId);
  }
}
