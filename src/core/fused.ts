/**
 * Fused kernels: one pass of an engine in place of many operations, where the engine that runs has such a kernel.
 * Whoever computes with them has the operations written out beside, for the other engines.
 */
import * as tf from './tf.ts';

/** The kernels that an engine may add. */
export type FusedKernel =
  | 'KelvinAdam'
  | 'KelvinSGD'
  | 'KelvinClippedGrad'
  | 'KelvinCentredSums'
  | 'KelvinCrossEntropy'
  | 'KelvinSparseCrossEntropy'
  | 'KelvinKLDivergence'
  | 'KelvinBatchNorm'
  | 'KelvinBiasRelu'
  | 'KelvinReluBiasGrad'
  | 'KelvinLayerNorm';

/** Attributes of KelvinAdam; `rate` and `eps` hold both bias corrections. */
export interface AdamAttrs {
  readonly beta1: number;
  readonly beta2: number;
  readonly rate: number;
  readonly eps: number;
  /** What the parameter is multiplied by first: 1 less the decoupled weight decay. */
  readonly keep: number;
  /** The L2 penalty: this much of the parameter is added to its gradient. */
  readonly decay: number;
}

/** Attributes of KelvinSGD; `decay` as above. */
export interface SgdAttrs {
  readonly momentum: number;
  /** What later gradients enter the buffer with: 1 less the dampening. */
  readonly damp: number;
  readonly rate: number;
  readonly nesterov: boolean;
  readonly decay: number;
}

const conditions = new Map<string, () => boolean>();
let held = 0;

/**
 * Makes everything be computed in tfjs's own operations until what it returns is called, as for whoever takes down the
 * operations of a step.
 */
export function holdFused(): () => void {
  held++;
  let over = false;
  return () => {
    if (!over) held--;
    over = true;
  };
}

/** Says under which condition a kernel that a backend has registered can run. Without one it always can. */
export function offerFused(kernel: FusedKernel, when: () => boolean, backend = 'wasm'): void {
  conditions.set(`${backend} ${kernel}`, when);
}

/** Whether the current engine has a fused kernel, now. */
export function hasFused(kernel: FusedKernel): boolean {
  const backend = tf.getBackend();
  return held === 0 && Boolean(tf.getKernel(kernel, backend)) && conditions.get(`${backend} ${kernel}`)?.() !== false;
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
  if (engine.isTapeOn() || !hasFused(kernel)) return undefined;
  const outputs = engine.runKernel(kernel, inputs as tf.NamedTensorMap, attrs as tf.NamedAttrMap);
  return Array.isArray(outputs) ? outputs : [outputs as tf.Tensor];
}
