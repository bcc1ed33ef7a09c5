/**
 * One call of `fit`, `validate`, `test` or `predict`: everything that its loop works with. Made by the trainer, handed to
 * the loops, gone afterwards; what outlives it (counters, optimizer, metrics) belongs to the trainer.
 */
import type { RunStage } from '../core/contracts.ts';
import { milliseconds } from '../core/duration.ts';
import type { LightningModule } from '../module/lightning-module.ts';
import { AccumulationWindow } from './accumulation.ts';
import type { Dispatcher } from './dispatch.ts';
import type { BatchSource } from './loaders.ts';
import type { LogDesk } from './log-desk.ts';
import type { Optimization } from './optimization.ts';
import type { ResolvedTrainerOptions } from './options.ts';
import type { ProgressState } from './progress.ts';

/** What a session is made of. */
export interface SessionParts {
  readonly stage: RunStage;
  readonly options: ResolvedTrainerOptions;
  readonly module: LightningModule<never>;
  readonly hooks: Dispatcher;
  readonly desk: LogDesk;
  readonly progress: ProgressState;
}

export class Session {
  readonly stage: RunStage;
  readonly options: ResolvedTrainerOptions;
  readonly module: LightningModule<never>;
  readonly hooks: Dispatcher;
  readonly desk: LogDesk;
  readonly progress: ProgressState;
  readonly window: AccumulationWindow = new AccumulationWindow();
  /** Batches of the open accumulation window, those included whose step returned nothing. */
  windowBatch = 0;
  /** Batches of a whole window; callbacks may change it. */
  accumulateGradBatches: number;
  train: BatchSource | undefined;
  val: readonly BatchSource[] = [];
  evaluation: readonly BatchSource[] = [];
  sanityChecking = false;
  validating = false;
  isLastBatch = false;
  shouldStop = false;
  interrupted = false;
  /** Set while the hooks at the end of an epoch run: a checkpoint made there continues with the next. */
  epochEnded = false;
  #optimization: Optimization | undefined;
  readonly #started = performance.now();
  #lastBreath = this.#started;

  constructor(parts: SessionParts) {
    this.stage = parts.stage;
    this.options = parts.options;
    this.accumulateGradBatches = parts.options.accumulateGradBatches;
    this.module = parts.module;
    this.hooks = parts.hooks;
    this.desk = parts.desk;
    this.progress = parts.progress;
  }

  get hasOptimization(): boolean {
    return this.#optimization !== undefined;
  }

  get optimization(): Optimization {
    return this.#optimization as Optimization;
  }

  set optimization(optimization: Optimization) {
    this.#optimization = optimization;
    optimization.unpark();
  }

  /** Asks for an end after the current batch: Ctrl-C. */
  interrupt(): void {
    this.interrupted = true;
  }

  /** A callback or the module asked for the end, and it came before the limits were reached. */
  get stoppedEarly(): boolean {
    return this.shouldStop && this.stage === 'fit' && !this.limitReached;
  }

  /** Disposes of what an unfinished epoch has left. */
  dispose(): void {
    this.window.clear();
    this.#optimization?.park();
  }

  /** Nothing more is to be trained. */
  get isDone(): boolean {
    return this.interrupted || this.limitReached || (this.shouldStop && this.minimumsMet);
  }

  /** No further batch of this epoch is to be trained. */
  get leavesEpoch(): boolean {
    const { options, progress } = this;
    const stepsDone = options.maxSteps !== -1 && progress.optimizerStep >= options.maxSteps;
    return this.interrupted || stepsDone || this.timeIsUp || (this.shouldStop && this.minimumsMet);
  }

  get limitReached(): boolean {
    const { maxEpochs, maxSteps } = this.options;
    if (this.train?.count === 0) return true;
    if (maxEpochs !== -1 && this.progress.epoch >= maxEpochs) return true;
    return (maxSteps !== -1 && this.progress.optimizerStep >= maxSteps) || this.timeIsUp;
  }

  get minimumsMet(): boolean {
    const { minEpochs, minSteps } = this.options;
    const epochs = this.progress.epoch + (this.isLastBatch && this.progress.epochBatch > 0 ? 1 : 0);
    return epochs >= minEpochs && this.progress.optimizerStep >= minSteps;
  }

  get timeIsUp(): boolean {
    const { maxTime } = this.options;
    if (maxTime === undefined) return false;
    return this.elapsed >= milliseconds(maxTime) && this.minimumsMet;
  }

  /** Milliseconds of training, earlier calls of `fit` and resumed runs included. */
  get elapsed(): number {
    return this.progress.elapsed + performance.now() - this.#started;
  }

  /** The x value of training rows: zero-based count of the batches that closed an accumulation window. */
  get rowStep(): number {
    return Math.max(0, this.progress.closedWindows - 1);
  }

  /** One more batch has been trained on. */
  countBatch(): void {
    this.progress.epochBatch++;
    this.progress.globalBatch++;
  }

  /** Writes the row of the batch that was just trained on, when it is due. */
  writeStepRow(): void {
    const { logEveryNSteps } = this.options;
    if (logEveryNSteps === 0 || this.windowBatch !== 0 || this.progress.closedWindows % logEveryNSteps !== 0) return;
    if (this.desk.loggers.length === 0) return;
    this.desk.write(this.desk.books.train.stepRow(this.progress.globalBatch - 1), this.rowStep, this.progress.epoch);
  }

  /** The counters that a checkpoint made now must resume from: at the end of an epoch, those of the next. */
  get progressAtResume(): ProgressState {
    return this.epochEnded ? { ...this.progress, epoch: this.progress.epoch + 1, epochBatch: 0 } : this.progress;
  }

  beginNextEpoch(): void {
    Object.assign(this.progress, this.progressAtResume);
    this.isLastBatch = false;
    this.epochEnded = false;
  }

  /** Lets signals, timers and files have their turn now and then: engines that compute synchronously never would. */
  async breathe(): Promise<void> {
    const now = performance.now();
    if (now - this.#lastBreath < 50) return;
    await new Promise((resolve) => setImmediate(resolve));
    this.#lastBreath = performance.now();
  }
}
