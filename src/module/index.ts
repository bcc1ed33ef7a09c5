/** Modules: the public names of this folder, which are also the subpath `kelvin/module`. */
export { type ConvNetOptions, convNet, depthwiseSeparableNet, type MlpOptions, mlp } from './architectures.ts';
export { LightningDataModule } from './data-module.ts';
export { Dropout, type DropoutConfig } from './dropout.ts';
export {
  type ImageBatch,
  ImageClassificationModel,
  type ImageClassificationOptions,
} from './image-classification-model.ts';
export { type GradientClipping, LightningModule, type StepResult } from './lightning-module.ts';
export type { ConfiguredOptimizers, LRSchedulerConfig, OptimizerConfig } from './optimizer-config.ts';
