/**
 * Fused kernels: one pass of an engine in place of many operations, where the engine that runs has such a kernel.
 * Whoever computes with them has the operations written out beside, for the other engines.
 */
import * as tf from './tf.ts';

/** The kernels that an engine may add. */
export type FusedKernel = 'KelvinAdam' | 'KelvinSGD' | 'KelvinClippedGrad' | 'KelvinCentredSums' | 'KelvinCrossEntropy';

const conditions = new Map<FusedKernel, () => boolean>();

/** Says under which condition a kernel that is registered with tfjs can run. */
export function offerFused(kernel: FusedKernel, when: () => boolean): void {
  conditions.set(kernel, when);
}

/**
 * Runs a fused kernel; undefined where the current engine has none. These kernels have no gradients, so nothing is
 * run while a gradient of what is computed may be asked for.
 */
export function runFused(
  kernel: FusedKernel,
  inputs: Readonly<Record<string, tf.Tensor>>,
  attrs: Readonly<Record<string, number | boolean>>,
): tf.Tensor[] | undefined {
  const engine = tf.engine();
  if (engine.isTapeOn() || !tf.getKernel(kernel, tf.getBackend()) || conditions.get(kernel)?.() === false)
    return undefined;
  const outputs = engine.runKernel(kernel, inputs as tf.NamedTensorMap, attrs as tf.NamedAttrMap);
  return Array.isArray(outputs) ? outputs : [outputs as tf.Tensor];
}
