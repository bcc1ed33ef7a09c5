/** Recipes of distillation beyond one teacher and one student. */
export {
  type BornAgainOptions,
  bornAgain,
  type ChainLink,
  type ChainOptions,
  type ChainResult,
  distillChain,
  type FitLink,
  type TeacherAssistantOptions,
  teacherAssistants,
} from './chain.ts';
export { type CompressedStudentOptions, compressedStudent } from './compressed-student.ts';
export { type FunctionMatchingOptions, functionMatching, mixBatch } from './function-matching.ts';
export { ModuleReplacement, type ModuleReplacementOptions } from './module-replacement.ts';
export { MutualLearning, type MutualLearningOptions } from './mutual-learning.ts';
export {
  bestClassBias,
  type ClassBiasOptions,
  type ClassErrors,
  type ClassScores,
  classErrors,
  shiftClassBias,
  withoutClasses,
} from './omitted-classes.ts';
export { TeacherFreeModel, type TeacherFreeModelOptions } from './teacher-free.ts';
