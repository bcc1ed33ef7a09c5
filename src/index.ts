export { EarlyStopping, type EarlyStoppingOptions } from './callbacks/early-stopping.ts';
export { LambdaCallback, type LambdaHooks } from './callbacks/lambda-callback.ts';
export { LearningRateMonitor, type LearningRateMonitorOptions } from './callbacks/learning-rate-monitor.ts';
export { ModelCheckpoint, type ModelCheckpointOptions } from './callbacks/model-checkpoint.ts';
export { ModelSummary, type ModelSummaryOptions } from './callbacks/model-summary.ts';
export type { Output } from './callbacks/output.ts';
export { ProgressBar, type ProgressBarOptions } from './callbacks/progress-bar.ts';
export { summarize } from './callbacks/summary-table.ts';
export { readCheckpoint } from './checkpoint/store.ts';
export type {
  Callback,
  Checkpoint,
  Gradients,
  HyperParameters,
  Json,
  JsonObject,
  LoggerLike,
  LogOptions,
  LogValue,
  Metrics,
  ModuleView,
  OptimizerLike,
  RunStage,
  RunStatus,
  StepOutput,
  TrainerView,
} from './core/contracts.ts';
export type { BatchLimit, TimeSpan } from './core/duration.ts';
export { BackendError, CheckpointError, ConfigError, DataError, KelvinError, NonFiniteError } from './core/errors.ts';
export { HOOK_NAMES, HOOKS, type HookArgs, type HookName, hookMethod, type ModuleHooks } from './core/hooks.ts';
export { Random, type RandomState } from './core/random.ts';
export { globalRandom, seedEverything } from './core/seed.ts';
export * as tf from './core/tf.ts';
export { ArrayDataset, type BatchOf, fromTensors, type ImageColumns } from './data/array-dataset.ts';
export { collate } from './data/collate.ts';
export type { HostColumn } from './data/columns.ts';
export { DataLoader, type DataLoaderOptions, type DataLoaderState } from './data/data-loader.ts';
export { type Dataset, mapDataset } from './data/dataset.ts';
export { drawnDigits } from './data/drawn-digits.ts';
export { type HostArray, type HostBatch, type HostTensor, type HostTree, int32, toTensors } from './data/host.ts';
export { idxImages, readIdx } from './data/idx.ts';
export { type DownloadProgress, type ImageSplits, type MnistOptions, mnist } from './data/mnist.ts';
export type { SampleTransform } from './data/read-batch.ts';
export { RandomSampler, type Sampler, SequentialSampler, WeightedRandomSampler } from './data/samplers.ts';
export { randomSplit, subset } from './data/subsets.ts';
export { type BatchTransform, randomShift } from './data/transforms.ts';
export { DistillationModule, type DistillationOptions } from './distillation/distillation-module.ts';
export type { Teacher, TeacherModule } from './distillation/teacher.ts';
export {
  TemperatureCallback,
  type TemperatureFunction,
  type TemperatureSchedule,
  temperatureFunction,
} from './distillation/temperature.ts';
export { describeEngines } from './engine/describe.ts';
export { readsAreCheap } from './engine/info.ts';
export { currentEngine, type StartEngineOptions, startEngine } from './engine/start.ts';
export type { EngineInfo, EngineName, EngineReport } from './engine/types.ts';
export { CSVLogger, type CSVLoggerOptions } from './loggers/csv-logger.ts';
export { type LoggedRow, MemoryLogger } from './loggers/memory-logger.ts';
export type { RunDirectoryOptions } from './loggers/run-directory.ts';
export { TensorBoardLogger, type TensorBoardLoggerOptions } from './loggers/tensorboard-logger.ts';
export * as losses from './losses/index.ts';
export { checkLabels } from './losses/labels.ts';
export * as metrics from './metrics/index.ts';
export { type ConvNetOptions, convNet, depthwiseSeparableNet, type MlpOptions, mlp } from './module/architectures.ts';
export { LightningDataModule } from './module/data-module.ts';
export { Dropout, type DropoutConfig } from './module/dropout.ts';
export {
  type ImageBatch,
  ImageClassificationModel,
  type ImageClassificationOptions,
} from './module/image-classification-model.ts';
export { type GradientClipping, LightningModule, type StepResult } from './module/lightning-module.ts';
export type { ConfiguredOptimizers, LRSchedulerConfig, OptimizerConfig } from './module/optimizer-config.ts';
export * from './optim/index.ts';
export type { EvaluationData, EvaluationOptions, FitData, FitOptions } from './trainer/inputs.ts';
export type { Loader, Loaders } from './trainer/loaders.ts';
export type { TrainerEvents } from './trainer/observers.ts';
export type { TrainerOptions } from './trainer/options.ts';
export type { FitResult } from './trainer/run-fit.ts';
export { Trainer } from './trainer/trainer.ts';
