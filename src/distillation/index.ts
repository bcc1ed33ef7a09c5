/** Knowledge distillation: the public names of this folder, which are also the subpath `kelvin/distillation`. */
export type { LossBalancer, StepLosses, WeighedLoss } from './balancers/balancer.ts';
export {
  DynamicLossBalancer,
  type DynamicLossBalancerOptions,
  GradNormBalancer,
  type GradNormBalancerOptions,
  UncertaintyBalancer,
} from './balancers/dynamic-balancers.ts';
export { StaticLossBalancer, SumLossBalancer, type SumLossBalancerOptions } from './balancers/static-balancer.ts';
export {
  type CacheTeacherLogitsOptions,
  cacheTeacherLogits,
  LogitCache,
  type LogitCacheHeader,
  type LogitFormat,
  type OpenLogitCacheOptions,
  openLogitCache,
} from './cache/index.ts';
export type { ConnectorKind } from './connectors/connector.ts';
export { type ConvertOptions, convert, exportStudent, restoreStudent } from './convert.ts';
export { DistillationModule, type DistillationOptions } from './distillation-module.ts';
export { Distiller, type Student } from './distiller.ts';
export type { KdLossOptions } from './knowledge-transfer.ts';
export {
  LogitsDistillationLoss,
  type LogitsLossKind,
  type LogitsLossOptions,
  MFTLoss,
  type MFTLossOptions,
} from './losses/logits-loss.ts';
export type { DistillationContext, DistillationLoss, DistillationLossFunction } from './losses/loss.ts';
export { MGDLoss, type MGDLossOptions } from './losses/mgd-loss.ts';
export type { ModelStudentOptions } from './model-student.ts';
export type { AnyDistillationLoss, DistillationCriterion, DistillationPair } from './pairs.ts';
export {
  type BornAgainOptions,
  bestClassBias,
  bornAgain,
  type ChainLink,
  type ChainOptions,
  type ChainResult,
  type ClassBiasOptions,
  type ClassErrors,
  type ClassScores,
  type CompressedStudentOptions,
  classErrors,
  compressedStudent,
  distillChain,
  type FitLink,
  type FunctionMatchingOptions,
  functionMatching,
  ModuleReplacement,
  type ModuleReplacementOptions,
  MutualLearning,
  type MutualLearningOptions,
  mixBatch,
  shiftClassBias,
  type TeacherAssistantOptions,
  TeacherFreeModel,
  type TeacherFreeModelOptions,
  teacherAssistants,
  withoutClasses,
} from './recipes/index.ts';
export {
  type CalibrationBin,
  type ComparedModel,
  type ComparedModule,
  type ComputeCost,
  compareAtEqualCompute,
  type DistillationEvaluationOptions,
  DistillationReport,
  type EqualComputeEpochsOptions,
  type EqualComputeOptions,
  type EqualComputeResult,
  type EqualComputeRun,
  type Estimate,
  type EvaluatedModel,
  equalComputeEpochs,
  evaluateDistillation,
  type TextWriter,
} from './report/index.ts';
export { RunLedger } from './run-ledger.ts';
export {
  runSweep,
  type SweepOptions,
  type SweepPoint,
  SweepReport,
  type SweepResult,
  type SweepRow,
  type SweepRun,
} from './sweep/index.ts';
export type { Teacher } from './teachers/as-source.ts';
export { type CheckTeacherOptions, checkTeacher, type TaughtModule } from './teachers/check-teacher.ts';
export { type EnsembleOptions, ensembleTeacher } from './teachers/ensemble.ts';
export type { TeacherGraphModel } from './teachers/graph-teacher.ts';
export {
  type LoadTeacherOptions,
  loadTeacher,
  type TeacherFactory,
  type TeacherSpec,
} from './teachers/load-teacher.ts';
export type { TeacherModule } from './teachers/network-teacher.ts';
export { type OnnxRuntime, type OnnxTeacherOptions, onnxTeacher } from './teachers/onnx-teacher.ts';
export type { TeacherContext, TeacherSource } from './teachers/source.ts';
export { LearnedTemperature, type LearnedTemperatureOptions } from './temperature/learned-temperature.ts';
export type { NamedSchedule, ScheduleFunction, ScheduleProgress } from './temperature/schedule.ts';
export type { ScheduleCallbackOptions } from './temperature/schedule-callback.ts';
export {
  TemperatureCallback,
  type TemperatureFunction,
  type TemperatureSchedule,
  temperatureFunction,
} from './temperature/temperature-callback.ts';
export { WeightCallback } from './temperature/weight-callback.ts';
