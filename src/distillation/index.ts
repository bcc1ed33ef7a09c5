/** Knowledge distillation: the public names of this folder, which are also the subpath `kelvin/distillation`. */
export { DistillationModule, type DistillationOptions } from './distillation-module.ts';
export {
  type CalibrationBin,
  type ComparedModel,
  type ComparedModule,
  type DistillationEvaluationOptions,
  DistillationReport,
  type Estimate,
  type EvaluatedModel,
  evaluateDistillation,
  type TextWriter,
} from './report/index.ts';
export type { Teacher, TeacherModule } from './teacher.ts';
export {
  TemperatureCallback,
  type TemperatureFunction,
  type TemperatureSchedule,
  temperatureFunction,
} from './temperature.ts';
