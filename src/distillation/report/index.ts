/** The evaluation of a distillation and its report. */
export type { ComparedModel, ComparedModule } from './contender.ts';
export {
  type ComputeCost,
  compareAtEqualCompute,
  type EqualComputeEpochsOptions,
  type EqualComputeOptions,
  type EqualComputeResult,
  type EqualComputeRun,
  equalComputeEpochs,
} from './equal-compute.ts';
export { type DistillationEvaluationOptions, evaluateDistillation } from './evaluate.ts';
export { DistillationReport, type EvaluatedModel, type TextWriter } from './report.ts';
export type { Estimate } from './statistics.ts';
export type { CalibrationBin } from './tally.ts';
