/**
 * The operations that Kelvin's build of the addon adds to TensorFlow (`native/operations`). Addons that an earlier Kelvin built, and
 * those from npm, lack them; and they run on the CPU only.
 */
import * as tf from '../../core/tf.ts';
import type { TensorFlowBackend } from './ops.ts';

const known = new WeakMap<object, boolean>();

/** Whether the addon has them and the CPU computes: asked of TensorFlow itself, once. */
export function hasOwnKernels(backend: Pick<TensorFlowBackend, 'binding' | 'isUsingGpuDevice'>): boolean {
  const { binding, isUsingGpuDevice } = backend;
  const found = known.get(binding) ?? (isUsingGpuDevice !== true && tries(binding));
  known.set(binding, found);
  return found;
}

/** The attributes of KelvinMaxPoolGrad for a pool of images of a shape: height before width; `before` is the padding above and left. */
export function poolWindow(
  shape: readonly number[],
  { filterSize, strides, pad, dimRoundingMode }: tf.MaxPoolGradAttrs,
): Record<'ksize' | 'strides' | 'before', [number, number]> & { readonly outShape: readonly number[] } {
  const images = shape as [number, number, number, number];
  const info = tf.backend_util.computePool2DInfo(images, filterSize, strides, 1, pad, dimRoundingMode);
  return {
    ksize: [info.filterHeight, info.filterWidth],
    strides: [info.strideHeight, info.strideWidth],
    before: [info.padInfo.top, info.padInfo.left],
    outShape: info.outShape,
  };
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
