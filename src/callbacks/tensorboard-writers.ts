/** How callbacks that draw reach TensorBoard: through the loggers of the trainer that have a writer. */
import type { SummaryWriter } from 'tensorboard-logger-ts';
import type { LoggerLike, TrainerView } from '../core/contracts.ts';
import { ConfigError } from '../core/errors.ts';

/** A logger that writes TensorBoard files: TensorBoardLogger. */
interface HasWriter {
  useWriter(use: (writer: SummaryWriter) => void): void;
}

/** Calls `use` with the writer of each TensorBoard logger. A disk that takes nothing is the logger's affair. */
export function writeToTensorBoard(trainer: TrainerView, use: (writer: SummaryWriter) => void): void {
  for (const logger of trainer.loggers) if (hasWriter(logger)) logger.useWriter(use);
}

/** @throws ConfigError `no-logger` when no logger writes TensorBoard files; a dev run has none and needs none. */
export function requireTensorBoard(owner: string, trainer: TrainerView): void {
  if (trainer.fastDevRun || trainer.loggers.some(hasWriter)) return;
  throw new ConfigError(owner, {
    code: 'no-logger',
    expected: 'a trainer with a TensorBoardLogger',
    got: trainer.loggers.length === 0 ? 'one without logger' : 'other loggers',
    help: `give the trainer \`logger: new TensorBoardLogger('runs')\`, or leave out the callback`,
  });
}

function hasWriter(logger: LoggerLike): logger is LoggerLike & HasWriter {
  return 'useWriter' in logger && typeof logger.useWriter === 'function';
}
