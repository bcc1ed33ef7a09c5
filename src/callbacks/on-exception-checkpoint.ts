/** Saves everything when training breaks off, and clears it away once a run has gone through. */
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { Callback, ModuleView, RunStage, TrainerView } from '../core/contracts.ts';
import { parseOptions, text } from '../core/options.ts';

/** Options of {@link OnExceptionCheckpoint}. */
export interface OnExceptionCheckpointOptions {
  /** Where to save. Default: `checkpoints` in the run's log directory. */
  dirPath?: string | undefined;
  /** Name of the file, without `.ckpt`. Default `'on_exception'`. */
  filename?: string | undefined;
}

const schema = z.strictObject({ dirPath: text().optional(), filename: text().default('on_exception') });

/**
 * Writes one checkpoint when training throws or is interrupted, always under the same name, and removes it when a fit has
 * gone through: start the program with that file if it is there, and it goes on where it broke; `ckptPath: 'last'` finds
 * it, too, when it is the newest. The trainer's default ModelCheckpoint saves then as well, among its other checkpoints.
 *
 * @throws ConfigError for wrong options
 *
 * @example
 * ```ts
 * const backup = new OnExceptionCheckpoint({ dirPath: 'backup' });
 * const ckptPath = existsSync('backup/on_exception.ckpt') ? 'backup/on_exception.ckpt' : undefined;
 * await new Trainer({ callbacks: backup }).fit(module, { train, val, ckptPath });
 * ```
 */
export class OnExceptionCheckpoint implements Callback {
  readonly #options: z.output<typeof schema>;
  #path: string | undefined;
  #interrupted = false;

  constructor(options: OnExceptionCheckpointOptions = {}) {
    this.#options = parseOptions('OnExceptionCheckpoint', schema, options);
  }

  /** The directory of the file: the one that was given, or, once training has begun, the run's own. */
  get dirPath(): string | undefined {
    return this.#path === undefined ? this.#options.dirPath : dirname(this.#path);
  }

  /** The file, known once training has begun. */
  get path(): string | undefined {
    return this.#path;
  }

  onFitStart(trainer: TrainerView): void {
    this.#interrupted = false;
    const { dirPath = join(trainer.logDir, 'checkpoints'), filename } = this.#options;
    this.#path = join(dirPath, `${filename}.ckpt`);
  }

  async onInterrupt(trainer: TrainerView): Promise<void> {
    this.#interrupted = true;
    await this.#save(trainer);
  }

  async onException(trainer: TrainerView): Promise<void> {
    await this.#save(trainer);
  }

  async teardown(_trainer: TrainerView, _module: ModuleView, stage: RunStage): Promise<void> {
    if (stage === 'fit' && this.#path !== undefined && !this.#interrupted) await rm(this.#path, { force: true });
  }

  async #save(trainer: TrainerView): Promise<void> {
    if (this.#path === undefined || trainer.stage !== 'fit' || trainer.fastDevRun || trainer.globalBatch === 0) return;
    await trainer.saveCheckpoint(this.#path);
  }
}
