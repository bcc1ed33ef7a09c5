/** The public names of this folder; `src/index.ts` passes them on. */
export { Adam, type AdamOptions, AdamW } from './adam.ts';
export { type ClipGradNormOptions, type ClippedGradients, clipGradNorm, clipGradValue, totalGradNorm } from './clip.ts';
export { type GradientsByName, type GroupState, type NameOf, Optimizer, type OptimizerState } from './optimizer.ts';
export type { OptimizerParams, ParamGroup, ParamGroupOptions } from './param-groups.ts';
export {
  CosineAnnealingLR,
  type CosineAnnealingLROptions,
  CosineAnnealingWarmRestarts,
  type CosineAnnealingWarmRestartsOptions,
} from './schedulers/cosine.ts';
export { LRScheduler, type LRSchedulerState, type ScheduledSettings } from './schedulers/scheduler.ts';
export { SGD, type SGDOptions } from './sgd.ts';
