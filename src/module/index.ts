/** Modules: the public names of this folder, which are also the subpath `kelvin/module`. */
export {
  type ConvNetOptions,
  convNet,
  type DepthwiseSeparableOptions,
  depthwiseSeparableNet,
  type MlpOptions,
  mlp,
} from './architectures.ts';
export { LightningDataModule } from './data-module.ts';
export { Dropout, type DropoutConfig } from './dropout.ts';
export {
  type ClassifierMetric,
  type ImageBatch,
  ImageClassificationModel,
  type ImageClassificationOptions,
} from './image-classification-model.ts';
export { LightningModule } from './lightning-module.ts';
export { countMacs, type SampleShape } from './macs.ts';
export type { MetricsOf, MonitorOf } from './metric-names.ts';
export type { GradientClipping, ManualOptimizer, StepResult } from './module-host.ts';
export type { ConfiguredOptimizers, LRSchedulerConfig, OptimizerConfig, ScheduleInterval } from './optimizer-config.ts';
export { type ImageView, testTimeAugmentation } from './test-time-augmentation.ts';
export type { ViewKind } from './view-kinds.ts';
