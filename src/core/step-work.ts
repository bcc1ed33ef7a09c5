/** Work on tensors that follows an optimizer step although a callback does it, so that it can be compiled with the step. */
import type * as tf from './tf.ts';

/** The key under which a callback offers its work to the trainer. */
export const STEP_WORK = Symbol('kelvin.stepWork');

/** A tensor that the work keeps from step to step. */
export interface KeptTensor {
  /** The same in every process. */
  readonly name: string;
  read(): tf.Tensor;
  /** Puts another in its place, which is disposed of. Takes the tensor over. */
  write(tensor: tf.Tensor): void;
}

/** Such work. A compiled step has its kernels; a trainer that compiles nothing leaves it to the callback's own hook. */
export interface StepWork {
  /** Whether it follows the step that makes `globalStep` this number, and has all its tensors by now. */
  isDue(step: number, epoch: number): boolean;
  /** Does it, and counts it. */
  run(step: number): void;
  /** Counts what a compiled step has done. */
  count(step: number): void;
  kept(): readonly KeptTensor[];
  /** Notes how things are; what it returns puts them back. Call that once. */
  remember(): () => void;
}

/** The work that a callback offers, if any. */
export function stepWorkOf(callback: object): StepWork | undefined {
  return (callback as { readonly [STEP_WORK]?: StepWork | undefined })[STEP_WORK];
}
