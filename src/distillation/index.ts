/** Knowledge distillation: the public names of this folder, which are also the subpath `kelvin/distillation`. */
export type { ComparedModel, ComparedModule } from './compared-model.ts';
export { comparisonTable } from './comparison-table.ts';
export { DistillationModule, type DistillationOptions } from './distillation-module.ts';
export { type ComparisonOptions, compareModels, type ModelComparison } from './evaluation.ts';
export type { Teacher, TeacherModule } from './teacher.ts';
export {
  TemperatureCallback,
  type TemperatureFunction,
  type TemperatureSchedule,
  temperatureFunction,
} from './temperature.ts';
