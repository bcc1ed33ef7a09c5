/** The loggers of a trainer: those it was given, or TensorBoard below the root directory. */
import { join } from 'node:path';
import type { LoggerLike } from '../core/contracts.ts';
import { TensorBoardLogger } from '../loggers/tensorboard-logger.ts';
import type { ResolvedTrainerOptions } from './options.ts';

/** The loggers that the options ask for. */
export function defaultLogger({ logger, defaultRootDir }: ResolvedTrainerOptions): readonly LoggerLike[] {
  if (logger === true) return [new TensorBoardLogger(join(defaultRootDir, 'runs'))];
  if (logger === false) return [];
  return Array.isArray(logger) ? logger : [logger as LoggerLike];
}
