/**
 * Saves checkpoints while training: the best by a metric, the last, one every so often. What is on disk is always whole,
 * and `last.ckpt` is the last state there was.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Callback, JsonObject, Metrics, TrainerView } from '../core/contracts.ts';
import { milliseconds } from '../core/duration.ts';
import { BestCheckpoints } from './best-checkpoints.ts';
import { checkpointName, freePath } from './checkpoint-name.ts';
import { type CheckpointPlan, checkpointPlan, type ModelCheckpointOptions } from './model-checkpoint-options.ts';
import { missingMonitor } from './monitor.ts';

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
  readonly #options: CheckpointPlan;
  readonly #best: BestCheckpoints;
  #dirPath: string | undefined;
  #lastPath = '';
  #savedAtStep = -1;
  /** When, by the clock. */
  #savedAt = 0;
  /** What the newest checkpoint replaces: removed after it, unless the process ends in between. */
  #dropped = '';

  constructor(options: ModelCheckpointOptions<W> = {}) {
    this.#options = checkpointPlan(options);
    this.#best = new BestCheckpoints(this.#options);
    this.stateKey = this.#options.stateKey ?? `ModelCheckpoint(${this.#options.monitor ?? ''}${this.#trigger()})`;
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
    return this.#best.bestPath;
  }

  /** The monitored metric of the best checkpoint. */
  get bestModelScore(): number | undefined {
    return this.#best.bestScore;
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
    this.#savedAt = this.#now();
    if (this.#dropped !== '') await rm(this.#dropped, { force: true });
  }

  /** Returns no promise where nothing is due: a step is not to wait for one. */
  onTrainBatchEnd(trainer: TrainerView): Promise<void> | undefined {
    return this.#isDueAfter(trainer) ? this.#saveOnce(trainer) : undefined;
  }

  async onValidationEnd(trainer: TrainerView): Promise<void> {
    if (trainer.stage !== 'fit' || trainer.sanityChecking || this.#savesAtEpochEnd(trainer)) return;
    if (this.#atEpoch(trainer)) await this.#saveOnce(trainer);
  }

  async onTrainEpochEnd(trainer: TrainerView): Promise<void> {
    if (this.#savesAtEpochEnd(trainer) && this.#atEpoch(trainer)) await this.#saveOnce(trainer);
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
      ...this.#best.stateDict(),
      lastPath: this.#lastPath,
      savedAtStep: this.#savedAtStep,
      dirPath: this.#dirPath ?? '',
      dropped: this.#dropped,
    };
  }

  loadStateDict(state: JsonObject): void {
    const sameDirectory = state.dirPath === this.#dirPath;
    this.#best.loadStateDict(state, { sameDirectory });
    if (!sameDirectory) return;
    this.#lastPath = state.lastPath as string;
    this.#savedAtStep = state.savedAtStep as number;
    this.#dropped = (state.dropped as string | undefined) ?? '';
  }

  #trigger(): string {
    const { everyNTrainSteps, trainTimeInterval } = this.#options;
    if (trainTimeInterval !== undefined) return `,every ${trainTimeInterval}`;
    return everyNTrainSteps === undefined ? '' : `,every ${everyNTrainSteps} steps`;
  }

  #now(): number {
    return this.#options.clock?.() ?? performance.now();
  }

  #isDueAfter({ globalStep }: TrainerView): boolean {
    const { everyNTrainSteps, trainTimeInterval } = this.#options;
    if (trainTimeInterval !== undefined) return this.#now() - this.#savedAt >= milliseconds(trainTimeInterval);
    return everyNTrainSteps !== undefined && globalStep > 0 && globalStep % everyNTrainSteps === 0;
  }

  #savesAtEpochEnd({ validatesAtEpochEnd, numValBatches }: TrainerView): boolean {
    const validates = numValBatches.some((count) => count > 0);
    return this.#options.saveOnTrainEpochEnd ?? (validatesAtEpochEnd || !validates);
  }

  #atEpoch(trainer: TrainerView): boolean {
    const { everyNTrainSteps, trainTimeInterval, everyNEpochs = 1 } = this.#options;
    if (everyNTrainSteps !== undefined || trainTimeInterval !== undefined) return false;
    return (trainer.currentEpoch + 1) % everyNEpochs === 0;
  }

  /** Saves what is due, but never twice at one step. */
  async #saveOnce(trainer: TrainerView): Promise<void> {
    if (trainer.fastDevRun || this.#savedAtStep === trainer.globalStep) return;
    this.#savedAtStep = trainer.globalStep;
    this.#savedAt = this.#now();
    const metrics = trainer.callbackMetrics;
    const score = this.#score(metrics);
    if (this.#best.admits(score)) await this.#keep(trainer, metrics, score);
    if (this.#options.saveLast) await this.#saveLast(trainer);
  }

  async #keep(trainer: TrainerView, metrics: Metrics, score: number): Promise<void> {
    const path = await this.#freePath(trainer, metrics);
    const dropped = this.#best.add(path, score);
    this.#dropped = dropped === path ? '' : (dropped ?? '');
    await this.#saveAs(trainer, path);
    if (dropped !== undefined && dropped !== path) await rm(dropped, { force: true });
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

  async #freePath(trainer: TrainerView, metrics: Metrics): Promise<string> {
    const { filename = '{epoch}-{step}', autoInsertMetricName } = this.#options;
    const values = { ...metrics, epoch: trainer.currentEpoch, step: trainer.globalStep };
    const name = checkpointName(filename, values, { insertNames: autoInsertMetricName });
    const path = join(this.#directory(trainer), name);
    return this.#options.enableVersionCounter ? freePath(path) : path;
  }

  #directory(trainer: TrainerView): string {
    return this.#dirPath ?? join(trainer.logDir, 'checkpoints');
  }
}
