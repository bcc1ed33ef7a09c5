/** How the losses of a distillation become one. */
import type * as tf from '../../core/tf.ts';
import type { FoundVariable } from '../../module/variables.ts';

/** One loss of the criterion, within a step. */
export interface WeighedLoss {
  /** `LogitsDistillationLoss_0` */
  readonly name: string;
  /** Whether it compares the networks' outputs, or the features of layers. */
  readonly on: 'output' | 'layer';
  /** A scalar. */
  readonly value: tf.Tensor;
  /** The norm of its gradient with respect to the student's output or layer that it looks at. Costs a backward pass of it. */
  gradientNorm(): tf.Tensor;
}

/** The losses of a step. */
export interface StepLosses {
  readonly kd: readonly WeighedLoss[];
  /** The student's own loss, where there is one. */
  readonly student: tf.Tensor | undefined;
  /** What `WeightCallback` makes of the distillation's weight: 1 as configured, 0 none. */
  readonly kdWeight: number;
}

/** Makes one loss of several. */
export interface LossBalancer {
  /** Whether the student's own loss has any weight; where not, it is not computed. */
  readonly usesStudentLoss: boolean;
  /** Checks that the number of losses fits, and makes variables. Called once. @throws ConfigError */
  build?(names: readonly string[]): void;
  /** A scalar. @throws ConfigError `student-loss-missing` when it has a weight and there is none */
  combine(losses: StepLosses): tf.Tensor;
  foundVariables?(): FoundVariable[];
}
