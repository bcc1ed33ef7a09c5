/** Loggers: the public names of this folder, which are also the subpath `kelvin/loggers`. */
export { CSVLogger, type CSVLoggerOptions } from './csv-logger.ts';
export { type LoggedRow, MemoryLogger } from './memory-logger.ts';
export type { RunDirectoryOptions } from './run-directory.ts';
export { TensorBoardLogger, type TensorBoardLoggerOptions } from './tensorboard-logger.ts';
