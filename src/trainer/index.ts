/** The trainer: the public names of this folder, which are also the subpath `kelvin/trainer`. */
export type { CheckedLoader, CheckProblem, CheckReport } from './check-report.ts';
export type { EvaluationData, EvaluationOptions, FitData, FitOptions } from './inputs.ts';
export type { TensorLeak } from './leaks.ts';
export { type LoadOptions, loadFromCheckpoint } from './load-from-checkpoint.ts';
export type { Loaders } from './loaders.ts';
export type { TrainerEvents } from './observers.ts';
export type { TrainerOptions } from './options.ts';
export type { FitResult } from './run-fit.ts';
export { Trainer } from './trainer.ts';
export { findBatchSize, lrFind } from './tuning.ts';
