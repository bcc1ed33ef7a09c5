/** Callbacks: the public names of this folder, which are also the subpath `kelvin/callbacks`. */
export { ConfusionMatrixLogger, type ConfusionMatrixLoggerOptions } from './confusion-matrix-logger.ts';
export { EarlyStopping, type EarlyStoppingOptions } from './early-stopping.ts';
export { HistogramMonitor, type HistogramMonitorOptions } from './histogram-monitor.ts';
export { ImagePredictionLogger, type ImagePredictionLoggerOptions } from './image-prediction-logger.ts';
export { LambdaCallback, type LambdaHooks } from './lambda-callback.ts';
export { LearningRateMonitor, type LearningRateMonitorOptions } from './learning-rate-monitor.ts';
export { ModelCheckpoint, type ModelCheckpointOptions } from './model-checkpoint.ts';
export { ModelSummary, type ModelSummaryOptions } from './model-summary.ts';
export type { Output } from './output.ts';
export { ProgressBar, type ProgressBarOptions } from './progress-bar.ts';
export { summarize } from './summary-table.ts';
export { TeacherAgreement } from './teacher-agreement.ts';
