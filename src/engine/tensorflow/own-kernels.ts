/**
 * The operations that Kelvin's build of the addon adds to TensorFlow (`native/kernels`). Addons that an earlier Kelvin built, and
 * those from npm, lack them; and they run on the CPU only.
 */
import type { TensorFlowBackend } from './ops.ts';

const known = new WeakMap<object, boolean>();

/** Whether the addon has them and the CPU computes: asked of TensorFlow itself, once. */
export function hasOwnKernels(backend: Pick<TensorFlowBackend, 'binding' | 'isUsingGpuDevice'>): boolean {
  const { binding, isUsingGpuDevice } = backend;
  const found = known.get(binding) ?? (isUsingGpuDevice !== true && tries(binding));
  known.set(binding, found);
  return found;
}

/** The operation that came last: an addon that has it has them all. */
function tries(binding: TensorFlowBackend['binding']): boolean {
  const x = binding.createTensor([1, 1], binding.TF_FLOAT, Float32Array.of(1));
  try {
    for (const { id } of binding.executeOp('KelvinReluBiasGrad', [], [x, x], 2)) binding.deleteTensor(id);
    return true;
  } catch {
    return false;
  } finally {
    binding.deleteTensor(x);
  }
}
