/** The types of the commands' settings, made from the options. */
import type { DISTILLATION } from './distillation-options.ts';
import type { SettingsOf } from './option.ts';
import type {
  DATA,
  EVALUATION,
  GENERAL,
  MODEL,
  MODULE,
  OUTPUT,
  PREDICTIONS,
  PROFILING,
  RESUME,
  RESUME_DISTILLATION,
  SUMMARY,
  TRAINER,
} from './options.ts';
import type { BOARD, NATIVE } from './tool-options.ts';
import type { LEARNING, METRICS } from './uneven-options.ts';

export type BoardSettings = SettingsOf<readonly [typeof BOARD]>;
export type NativeSettings = SettingsOf<readonly [typeof NATIVE]>;
export type GeneralSettings = SettingsOf<readonly [typeof GENERAL]>;
export type DataSettings = SettingsOf<readonly [typeof DATA]>;
export type ModelSettings = SettingsOf<readonly [typeof MODEL]>;
export type LearningSettings = SettingsOf<readonly [typeof LEARNING]>;
export type MetricSettings = SettingsOf<readonly [typeof METRICS]>;
/** `hparams` is a list of `key=value`. */
export type ModuleSettings = SettingsOf<readonly [typeof MODULE]>;
export type TrainerSettings = SettingsOf<readonly [typeof TRAINER]>;
export type ProfilingSettings = SettingsOf<readonly [typeof PROFILING]>;
export type OutputSettings = SettingsOf<readonly [typeof OUTPUT]>;
export type ResumeSettings = SettingsOf<readonly [typeof RESUME]>;
export type EvaluationSettings = SettingsOf<readonly [typeof EVALUATION]>;
export type PredictionSettings = SettingsOf<readonly [typeof PREDICTIONS]>;
export type DistillationSettings = SettingsOf<readonly [typeof DISTILLATION, typeof RESUME_DISTILLATION]>;
export type SummarySettings = SettingsOf<readonly [typeof SUMMARY]>;

/** What decides how something is trained: of `fit`, and of its dry run. */
export type TrainingSettings = DataSettings &
  ModelSettings &
  LearningSettings &
  MetricSettings &
  ModuleSettings &
  TrainerSettings &
  OutputSettings &
  GeneralSettings;
