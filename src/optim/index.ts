/** The public names of this folder; `src/index.ts` passes them on. */
export { Adadelta, type AdadeltaOptions } from './adadelta.ts';
export { Adagrad, type AdagradOptions } from './adagrad.ts';
export { Adam, type AdamOptions, AdamW } from './adam.ts';
export { Adamax, type AdamaxOptions } from './adamax.ts';
export { type ClipGradNormOptions, type ClippedGradients, clipGradNorm, clipGradValue, totalGradNorm } from './clip.ts';
export { Lion, type LionOptions } from './lion.ts';
export type { ConstraintOptions } from './max-norm.ts';
export { NAdam, type NAdamOptions } from './nadam.ts';
export {
  type GradientsByName,
  type GroupOption,
  type GroupState,
  type NameOf,
  Optimizer,
  type OptimizerState,
} from './optimizer.ts';
export type { OptimizerParams, ParamGroup, ParamGroupOptions } from './param-groups.ts';
export { RAdam, type RAdamOptions } from './radam.ts';
export { RMSprop, type RMSpropOptions } from './rmsprop.ts';
export {
  ChainedScheduler,
  type CosineWithWarmupOptions,
  cosineWithWarmup,
  SequentialLR,
  type SequentialLROptions,
} from './schedulers/combine.ts';
export {
  CosineAnnealingLR,
  type CosineAnnealingLROptions,
  CosineAnnealingWarmRestarts,
  type CosineAnnealingWarmRestartsOptions,
} from './schedulers/cosine.ts';
export { CyclicLR, type CyclicLROptions } from './schedulers/cyclic.ts';
export { OneCycleLR, type OneCycleLROptions } from './schedulers/one-cycle.ts';
export {
  ReduceLROnPlateau,
  type ReduceLROnPlateauOptions,
  type ReduceLROnPlateauState,
} from './schedulers/plateau.ts';
export {
  ConstantLR,
  type ConstantLROptions,
  LambdaLR,
  type LambdaLROptions,
  LinearLR,
  type LinearLROptions,
  type LRLambda,
  PolynomialLR,
  type PolynomialLROptions,
} from './schedulers/ramps.ts';
export { LRScheduler, type LRSchedulerState, type ScheduledSettings } from './schedulers/scheduler.ts';
export { ExponentialLR, MultiStepLR, type MultiStepLROptions, StepLR, type StepLROptions } from './schedulers/step.ts';
export { SGD, type SGDOptions } from './sgd.ts';
export { fromTfOptimizer } from './tf-optimizer.ts';
