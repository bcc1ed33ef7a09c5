/** The losses, as the `losses` namespace of the package. */
export { balancedClassWeights } from './class-weights.ts';
export { type CrossEntropyOptions, crossEntropy } from './cross-entropy.ts';
export { centeredKernelAlignment } from './distillation/alignment.ts';
export {
  type CorrelationOptions,
  correlationDistillation,
  standardizedKLDivergence,
  standardizeLogits,
} from './distillation/correlation.ts';
export { type DecoupledOptions, decoupledDistillation } from './distillation/decoupled.ts';
export {
  type JensenShannonOptions,
  jensenShannonDivergence,
  type LogitMseOptions,
  logitMse,
  reverseKLDivergence,
  softCrossEntropy,
} from './distillation/divergences.ts';
export { type AttentionOptions, attentionTransfer, featureCosine, featureMse } from './distillation/features.ts';
export { type OverhaulOptions, overhaulDistillation, overhaulMargins } from './distillation/overhaul.ts';
export {
  type ContrastiveOptions,
  contrastiveDistillation,
  probabilisticTransfer,
  type RelationalAngleOptions,
  relationalAngle,
  relationalDistance,
  similarityPreserving,
} from './distillation/relations.ts';
export type { SoftLossOptions } from './distillation/soft.ts';
export {
  type MinifinetuningOptions,
  minifinetuning,
  type TeacherFreeOptions,
  teacherFreeRegularization,
} from './distillation/targets.ts';
export { type FocalLossOptions, focalLoss } from './focal.ts';
export { type KLDivergenceOptions, type KLReduction, klDivergence } from './kl-divergence.ts';
export { checkLabels } from './labels.ts';
export { type OrdinalOptions, ordinalTargets } from './ordinal.ts';
export type { LossReduction } from './reduce.ts';
export { binaryCrossEntropy, type ElementwiseLossOptions, mse } from './regression.ts';
