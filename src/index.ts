/**
 * Kelvin: a Lightning-style trainer for TensorFlow.js. This is the whole public package; each folder's `index.ts` lists
 * its own names, which are also to be had by subpath: `kelvin/callbacks`, `kelvin/optim`, and so on.
 */
export * from './callbacks/index.ts';
export * from './checkpoint/index.ts';
export {
  type ChartRange,
  type ChartSeries,
  type LineChart,
  lineChart,
  type RangeChart,
  rangeChart,
  type ScaleOptions,
} from './core/charts/index.ts';
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
  RowAxis,
  RunStage,
  RunStatus,
  SavedTensor,
  StepOutput,
  TrainerView,
  XAxis,
} from './core/contracts.ts';
export type { BatchLimit, TimeSpan } from './core/duration.ts';
export { BackendError, CheckpointError, ConfigError, DataError, KelvinError, NonFiniteError } from './core/errors.ts';
export { HOOK_NAMES, HOOKS, type HookArgs, type HookName, hookMethod, type ModuleHooks } from './core/hooks.ts';
export type { ActionKind, ProfiledRun, ProfilerLike } from './core/profiling.ts';
export { Random, type RandomState } from './core/random.ts';
export { globalRandom, seedEverything, withSeed } from './core/seed.ts';
export { type Alignment, formatTable } from './core/table.ts';
export * as tf from './core/tf.ts';
export type { AddedParamGroup, TrainerTools, TrainingTrial } from './core/tools.ts';
export type { TrainingCount, TrainingTime } from './core/training-time.ts';
export * from './data/index.ts';
export * from './distillation/index.ts';
export * from './engine/index.ts';
export * from './loggers/index.ts';
export * as losses from './losses/index.ts';
export { checkLabels } from './losses/labels.ts';
export * as metrics from './metrics/index.ts';
export * from './module/index.ts';
export * from './optim/index.ts';
export * from './profilers/index.ts';
export * from './trainer/index.ts';
