export { BackendError, CheckpointError, ConfigError, DataError, KelvinError, NonFiniteError } from './core/errors.ts';
export { Random, type RandomState } from './core/random.ts';
export { globalRandom, seedEverything } from './core/seed.ts';
export * as tf from './core/tf.ts';
export { describeEngines } from './engine/describe.ts';
export { readsAreCheap } from './engine/info.ts';
export { currentEngine, type StartEngineOptions, startEngine } from './engine/start.ts';
export type { EngineInfo, EngineName, EngineReport } from './engine/types.ts';
