export { BackendError, CheckpointError, ConfigError, DataError, KelvinError, NonFiniteError } from './core/errors.ts';
export { Random, type RandomState } from './core/random.ts';
export { globalRandom, seedEverything } from './core/seed.ts';
export * as tf from './core/tf.ts';
