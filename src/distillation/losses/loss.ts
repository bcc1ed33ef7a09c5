/** What a criterion is made of: losses between an output of the student and one of the teacher. */
import type * as tf from '../../core/tf.ts';
import type { FoundVariable } from '../../module/variables.ts';

/** What a loss may use beside the two outputs. */
export interface DistillationContext {
  /** The labels of the batch, where it has any. */
  readonly labels: tf.Tensor | undefined;
}

/**
 * A loss as a function, such as `losses.featureMse`: the student's output first, then the teacher's. Returns a scalar, or
 * one value per sample.
 */
export type DistillationLossFunction = (student: tf.Tensor, teacher: tf.Tensor) => tf.Tensor;

/** A loss with settings or variables of its own. */
export interface DistillationLoss {
  /** Under which it is logged, with its place in the criterion: `LogitsDistillationLoss_0`. */
  readonly name: string;
  /** The temperature, for losses that have one; `TemperatureCallback` sets it. */
  temperature?: number | undefined;
  compute(student: tf.Tensor, teacher: tf.Tensor, context: DistillationContext): tf.Tensor;
  /** Makes variables that depend on the shapes, batch first. Called once, before the optimizers are made. */
  build?(student: readonly (number | null)[], teacher: readonly (number | null)[]): void;
  /** Variables that are trained with the student and dropped by `exportStudent`. */
  foundVariables?(): FoundVariable[];
  /** An epoch begins: for what changes with time. */
  startEpoch?(epoch: number): void;
}
