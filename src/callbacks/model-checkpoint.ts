/**
 * Saves checkpoints while training: the best by a metric, the last, one every so often. What is on disk is always whole,
 * and `last.ckpt` is the last state there was.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Callback, JsonObject, Metrics, TrainerView } from '../core/contracts.ts';
import { ConfigError } from '../core/errors.ts';
import { flag, oneOf, parseOptions, text, wholeNumber } from '../core/options.ts';
import { checkpointName, freePath } from './checkpoint-name.ts';
import { isBetterScore, missingMonitor } from './monitor.ts';

/** Options of {@link ModelCheckpoint}. */
export interface ModelCheckpointOptions<W extends string = string> {
  /** Where to save. Default: `checkpoints` in the run's log directory. */
  dirPath?: string | undefined;
  /** Name of the files, with metrics in braces: `'{epoch:02d}-{val_loss:.2f}'`. Default `'{epoch}-{step}'`. */
  filename?: string | undefined;
  /** The metric to judge by. Without one the newest checkpoint counts as the best. */
  monitor?: W | undefined;
  /** Whether a smaller (`'min'`, default) or larger metric is better. */
  mode?: 'min' | 'max' | undefined;
  /** How many of the best to keep; `-1` for all, `0` for none. Default 1. */
  saveTopK?: number | undefined;
  /** Also keep `last.ckpt`, the state at the end of every interval, whether or not it was among the best. Default `false`. */
  saveLast?: boolean | undefined;
  /** Leave out optimizer and loop state: smaller, but not to be resumed from. Default `false`. */
  saveWeightsOnly?: boolean | undefined;
  /** Save when training throws, so that nothing trained is lost. Default `true`. */
  saveOnException?: boolean | undefined;
  /** Save every n optimizer steps instead of at epoch ends. */
  everyNTrainSteps?: number | undefined;
  /** Save every n epochs. Default 1. */
  everyNEpochs?: number | undefined;
  /** Put the metric's name into the file name: `val_loss=0.50`. Default `true`. */
  autoInsertMetricName?: boolean | undefined;
  /** Tells two ModelCheckpoints of one trainer apart in a checkpoint. Default: made of `monitor` and the trigger. */
  stateKey?: string | undefined;
}

const schema = z.strictObject({
  dirPath: text().optional(),
  filename: text().optional(),
  monitor: text().optional(),
  mode: oneOf('min', 'max').default('min'),
  saveTopK: wholeNumber(-1).default(1),
  saveLast: flag().default(false),
  saveWeightsOnly: flag().default(false),
  saveOnException: flag().default(true),
  everyNTrainSteps: wholeNumber(1).optional(),
  everyNEpochs: wholeNumber(1).optional(),
  autoInsertMetricName: flag().default(true),
  stateKey: text().optional(),
});

/**
 * Saves checkpoints. Add it to the trainer's callbacks; without one the trainer adds a plain one.
 *
 * At the end of an epoch, after the module has logged; after validation where that runs at other times. With
 * `everyNTrainSteps` after those steps. Ctrl-C saves `last.ckpt`, an exception saves where it happened.
 *
 * @throws ConfigError `conflicting-options`, `missing-monitor`
 *
 * @example
 * ```ts
 * new ModelCheckpoint({ monitor: 'val_acc', mode: 'max', saveTopK: 3, filename: '{epoch:02d}-{val_acc:.3f}' })
 * ```
 */
export class ModelCheckpoint<W extends string = string> implements Callback {
  readonly role = 'checkpoint';
  readonly stateKey: string;
  readonly #options: z.output<typeof schema>;
  #dirPath: string | undefined;
  #kept = new Map<string, number>();
  #bestPath = '';
  #lastPath = '';
  #savedAtStep = -1;
  /** What the newest checkpoint replaces: removed after it, unless the process ends in between. */
  #dropped = '';

  constructor(options: ModelCheckpointOptions<W> = {}) {
    this.#options = parseOptions('ModelCheckpoint', schema, options);
    const { monitor, saveTopK, everyNTrainSteps, everyNEpochs, stateKey } = this.#options;
    if (monitor === undefined && saveTopK > 1) {
      throw conflict('saveTopK', '-1, 0 or 1, since there is no `monitor` to judge by', String(saveTopK));
    }
    if (everyNTrainSteps !== undefined && everyNEpochs !== undefined) {
      throw conflict('everyNEpochs', 'one trigger', 'two: `everyNTrainSteps` is given as well');
    }
    this.stateKey =
      stateKey ?? `ModelCheckpoint(${monitor ?? ''}${everyNTrainSteps ? `,every ${everyNTrainSteps} steps` : ''})`;
  }

  /** The metric that it watches. */
  get monitor(): W | undefined {
    return this.#options.monitor as W | undefined;
  }

  /** The directory of the checkpoints, known once training has begun. */
  get dirPath(): string | undefined {
    return this.#dirPath ?? this.#options.dirPath;
  }

  /** The best checkpoint so far, or `''`. */
  get bestModelPath(): string {
    return this.#bestPath;
  }

  /** The monitored metric of the best checkpoint. */
  get bestModelScore(): number | undefined {
    return this.#kept.get(this.#bestPath);
  }

  /** The newest checkpoint, or `''`. */
  get lastModelPath(): string {
    return this.#lastPath;
  }

  onFitStart(trainer: TrainerView): void {
    this.#dirPath = this.#options.dirPath ?? join(trainer.logDir, 'checkpoints');
  }

  /** Removes what a killed run could no longer remove. */
  async onTrainStart(): Promise<void> {
    if (this.#dropped !== '') await rm(this.#dropped, { force: true });
  }

  async onTrainBatchEnd(trainer: TrainerView): Promise<void> {
    const { everyNTrainSteps } = this.#options;
    if (everyNTrainSteps === undefined || trainer.globalStep === 0) return;
    if (trainer.globalStep % everyNTrainSteps === 0) await this.#saveOnce(trainer);
  }

  async onValidationEnd(trainer: TrainerView): Promise<void> {
    if (trainer.stage !== 'fit' || trainer.sanityChecking || trainer.validatesAtEpochEnd) return;
    if (this.#atEpoch(trainer)) await this.#saveOnce(trainer);
  }

  async onTrainEpochEnd(trainer: TrainerView): Promise<void> {
    const validates = trainer.numValBatches.some((count) => count > 0);
    if (!trainer.validatesAtEpochEnd && validates) return;
    if (this.#atEpoch(trainer)) await this.#saveOnce(trainer);
  }

  async onTrainEnd(trainer: TrainerView): Promise<void> {
    if (this.#options.saveLast) await this.#saveLast(trainer);
  }

  async onInterrupt(trainer: TrainerView): Promise<void> {
    await this.#saveLast(trainer);
  }

  async onException(trainer: TrainerView): Promise<void> {
    if (!this.#options.saveOnException || trainer.stage !== 'fit' || trainer.globalStep === 0) return;
    if (trainer.fastDevRun || this.#savedAtStep === trainer.globalStep) return;
    await this.#saveAs(trainer, await this.#freePath(trainer, trainer.callbackMetrics));
  }

  stateDict(): JsonObject {
    return {
      kept: [...this.#kept],
      bestPath: this.#bestPath,
      lastPath: this.#lastPath,
      savedAtStep: this.#savedAtStep,
      dirPath: this.#dirPath ?? '',
      dropped: this.#dropped,
    };
  }

  loadStateDict(state: JsonObject): void {
    this.#bestPath = state.bestPath as string;
    if (state.dirPath !== this.#dirPath) return; // the table of another directory is of no use here
    this.#kept = new Map(state.kept as [string, number][]);
    this.#lastPath = state.lastPath as string;
    this.#savedAtStep = state.savedAtStep as number;
    this.#dropped = (state.dropped as string | undefined) ?? '';
  }

  #atEpoch(trainer: TrainerView): boolean {
    const { everyNTrainSteps, everyNEpochs = 1 } = this.#options;
    return everyNTrainSteps === undefined && (trainer.currentEpoch + 1) % everyNEpochs === 0;
  }

  /** Saves what is due, but never twice at one step. */
  async #saveOnce(trainer: TrainerView): Promise<void> {
    if (trainer.fastDevRun || this.#savedAtStep === trainer.globalStep) return;
    this.#savedAtStep = trainer.globalStep;
    const metrics = trainer.callbackMetrics;
    const score = this.#score(metrics);
    if (this.#isAmongBest(score)) await this.#keep(trainer, metrics, score);
    if (this.#options.saveLast) await this.#saveLast(trainer);
  }

  async #keep(trainer: TrainerView, metrics: Metrics, score: number): Promise<void> {
    const path = await this.#freePath(trainer, metrics);
    const dropped = this.#worstToDrop();
    if (dropped !== undefined) this.#kept.delete(dropped);
    this.#kept.set(path, score);
    if (this.#bestPath === '' || !this.#kept.has(this.#bestPath) || this.#better(score, this.bestModelScore))
      this.#bestPath = path;
    this.#dropped = dropped ?? '';
    await this.#saveAs(trainer, path);
    if (dropped !== undefined) await rm(dropped, { force: true });
    this.#dropped = '';
  }

  async #saveLast(trainer: TrainerView): Promise<void> {
    if (!trainer.fastDevRun) await this.#saveAs(trainer, join(this.#directory(trainer), 'last.ckpt'));
  }

  async #saveAs(trainer: TrainerView, path: string): Promise<void> {
    this.#lastPath = path;
    await trainer.saveCheckpoint(path, { weightsOnly: this.#options.saveWeightsOnly });
  }

  #score(metrics: Metrics): number {
    const { monitor } = this.#options;
    if (monitor === undefined) return 0;
    const score = metrics[monitor];
    if (score === undefined) throw missingMonitor('ModelCheckpoint', monitor, metrics);
    return score;
  }

  #isAmongBest(score: number): boolean {
    const { saveTopK, monitor } = this.#options;
    if (saveTopK === 0) return false;
    if (saveTopK === -1 || monitor === undefined || this.#kept.size < saveTopK) return true;
    return this.#better(score, this.#kept.get(this.#worst()));
  }

  #worstToDrop(): string | undefined {
    const { saveTopK } = this.#options;
    return saveTopK === -1 || this.#kept.size < saveTopK ? undefined : this.#worst();
  }

  /** The kept checkpoint with the worst score; of equals the newest, so that ties keep the earliest. */
  #worst(): string {
    const entries = [...this.#kept];
    return entries.reduce((a, b) => (this.#better(a[1], b[1]) || a[1] === b[1] ? b : a))[0];
  }

  #better(score: number, than: number | undefined): boolean {
    return isBetterScore(this.#options.mode, score, than);
  }

  #freePath(trainer: TrainerView, metrics: Metrics): Promise<string> {
    const { filename = '{epoch}-{step}', autoInsertMetricName } = this.#options;
    const values = { ...metrics, epoch: trainer.currentEpoch, step: trainer.globalStep };
    const name = checkpointName(filename, values, { insertNames: autoInsertMetricName });
    return freePath(join(this.#directory(trainer), name));
  }

  #directory(trainer: TrainerView): string {
    return this.#dirPath ?? join(trainer.logDir, 'checkpoints');
  }
}

const conflict = (option: string, expected: string, got: string): ConfigError =>
  new ConfigError(`ModelCheckpoint: option \`${option}\``, { code: 'conflicting-options', expected, got });
