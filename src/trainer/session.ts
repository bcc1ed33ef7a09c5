/**
 * One call of `fit`, `validate`, `test` or `predict`: everything that its loop works with. Made by the trainer, handed to
 * the loops, gone afterwards; what outlives it (counters, optimizer, metrics) belongs to the trainer.
 */
import type { JsonObject, RunStage } from '../core/contracts.ts';
import type { RandomState } from '../core/random.ts';
import type { AnomalyWatch } from '../engine/anomalies.ts';
import type { LightningModule } from '../module/lightning-module.ts';
import type { LogBookState } from '../module/log-book.ts';
import { AccumulationWindow } from './accumulation.ts';
import { type BatchTransfer, batchTransfer } from './batch-transfer.ts';
import type { CompiledState, CompiledTraining } from './compile/compiled-training.ts';
import type { LoaderRequest } from './data-request.ts';
import type { Dispatcher } from './dispatch.ts';
import type { ResolvedData } from './inputs.ts';
import type { Instruments } from './instruments.ts';
import type { BatchSource } from './loaders.ts';
import type { LogDesk, RowPlace } from './log-desk.ts';
import type { Optimization } from './optimization.ts';
import type { ResolvedTrainerOptions } from './options.ts';
import type { Pause } from './pause.ts';
import type { ProgressState } from './progress.ts';

/** What a session is made of. */
export interface SessionParts {
  readonly stage: RunStage;
  readonly options: ResolvedTrainerOptions;
  readonly module: LightningModule<never>;
  readonly hooks: Dispatcher;
  readonly desk: LogDesk;
  readonly progress: ProgressState;
  readonly data: ResolvedData;
  readonly instruments: Instruments;
}

/** A batch that has been trained on, but perhaps not validated after. */
export interface UnsettledBatch {
  /** Whether the optimizer took a step. */
  readonly stepped: boolean;
}

/** What a validation within fit is to be begun anew from, until it is over. */
export interface UndoneValidation {
  readonly progress: Pick<ProgressState, 'validationBatches' | 'validations' | 'validatedBatch' | 'validatedTime'>;
  readonly loggers: readonly (JsonObject | null)[];
}

/** A place in training to go on from. */
export interface ResumePoint {
  readonly progress: ProgressState;
  /** What the epoch has logged so far. */
  readonly book: LogBookState;
}

export class Session {
  readonly stage: RunStage;
  readonly options: ResolvedTrainerOptions;
  readonly module: LightningModule<never>;
  readonly hooks: Dispatcher;
  readonly desk: LogDesk;
  readonly progress: ProgressState;
  readonly data: ResolvedData;
  /** What the transfer hooks make of a batch; `undefined` when there are none. */
  readonly transfer: BatchTransfer | undefined;
  readonly instruments: Instruments;
  window: AccumulationWindow = new AccumulationWindow();
  /** Looks for the first NaN, with the flag `detectAnomaly`. */
  anomalies: AnomalyWatch | undefined;
  /** Compiled training steps, where there are any. */
  compiled: CompiledTraining | undefined;
  /** Those of the run that is resumed. */
  restoredSteps: CompiledState = {};
  /** Batches of the open accumulation window, those included whose step returned nothing. */
  windowBatch = 0;
  /** Steps that the module's optimizers have taken in the running batch, with manual optimization. */
  handSteps = 0;
  /** Batches of a whole window; callbacks may change it. */
  accumulateGradBatches: number;
  train: BatchSource | undefined;
  val: readonly BatchSource[] = [];
  evaluation: readonly BatchSource[] = [];
  /** When and how the loaders of a fit were asked for. */
  loaderRequest: LoaderRequest | undefined;
  sanityChecking = false;
  validating = false;
  isLastBatch = false;
  shouldStop = false;
  interrupted = false;
  /** Set between `trainBatchEnd` and the end of the validation after it: what of the batch is still to be done. */
  unsettled: UnsettledBatch | undefined;
  /** The row of that batch has not been written. */
  owesRow = false;
  /** Set from the start of a validation within fit to its last hook: a checkpoint made then does it again. */
  undoneValidation: UndoneValidation | undefined;
  /** The random stream of training, while a validation draws from the same one. */
  trainingRandom: RandomState | undefined;
  /** The row of the epoch that ends has been written. */
  epochRowWritten = true;
  /** Where a checkpoint made now goes on, when that is not where training stands. */
  resumePoint: ResumePoint | undefined;
  /** Where the last fit of this module was stopped within an epoch; at the end of this one, where it was. */
  pause: Pause | undefined;
  #optimization: Optimization | undefined;
  #started: number | undefined;
  #lastBreath = performance.now();

  constructor(parts: SessionParts) {
    this.stage = parts.stage;
    this.options = parts.options;
    this.accumulateGradBatches = parts.options.accumulateGradBatches;
    this.module = parts.module;
    this.hooks = parts.hooks;
    this.desk = parts.desk;
    this.progress = parts.progress;
    this.data = parts.data;
    this.transfer = batchTransfer(parts.module, parts.data.datamodule);
    this.instruments = parts.instruments;
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

  /** Takes over what the last fit of the same module has left: its optimizers, its open window, its place. */
  follow(last: Session): void {
    this.optimization = last.optimization;
    this.window = last.window;
    this.window.unpark();
    this.pause = last.pause;
  }

  /** Asks for an end after the current batch: Ctrl-C. */
  interrupt(): void {
    this.interrupted = true;
  }

  /** Moves all tensors of the session out of the engine: between two runs it holds nothing there. */
  park(): void {
    this.window.park();
    this.#optimization?.park();
  }

  /** Moves them back. */
  unpark(): void {
    this.window.unpark();
    this.#optimization?.unpark();
  }

  /** Runs a synchronous part of a training step, which may be recorded or watched. */
  within<T>(body: () => T): T {
    const witness = this.compiled ?? this.anomalies;
    return witness === undefined ? body() : witness.within(body);
  }

  /** Starts the clock of `maxTime`: engine, data and sanity check do not count. */
  startClock(): void {
    this.#started = performance.now();
  }

  /** The fit is over. */
  stopClock(): void {
    this.progress.elapsed = this.elapsed;
    this.#started = undefined;
  }

  /** Milliseconds of training, earlier calls of `fit` and resumed runs included. */
  get elapsed(): number {
    return this.progress.elapsed + (this.#started === undefined ? 0 : performance.now() - this.#started);
  }

  /** Milliseconds of training since the last validation, earlier fits and resumed runs included. */
  get sinceValidation(): number {
    return this.elapsed - this.progress.validatedTime;
  }

  /** The x value of training rows: zero-based count of the batches that closed an accumulation window. */
  get rowStep(): number {
    return Math.max(0, this.progress.closedWindows - 1);
  }

  /** One more batch has been trained on. */
  countBatch(batch: UnsettledBatch, samples: number): void {
    this.progress.samples += samples;
    this.progress.epochBatch++;
    this.progress.globalBatch++;
    this.unsettled = batch;
    this.owesRow = true;
  }

  /** Where a row stands that is written now: by default a training or epoch row. */
  rowPlace(step: number = this.rowStep, epoch: number | undefined = this.progress.epoch): RowPlace {
    const axes = { epoch: this.progress.epoch, sample: this.progress.samples, time: Math.round(this.elapsed) };
    return { step, epoch, axes };
  }

  /** Writes the row of the batch that was just trained on, when it is due. */
  writeStepRow(): void {
    this.owesRow = false;
    const { logEveryNSteps } = this.options;
    if (logEveryNSteps === 0 || this.windowBatch !== 0 || this.progress.closedWindows % logEveryNSteps !== 0) return;
    if (this.desk.loggers.length === 0) return;
    this.desk.write(this.desk.books.train.stepRow(this.progress.globalBatch - 1), this.rowPlace());
  }

  /** An epoch begins, or a resumed one goes on. What a broken-off one before it has left in the window is dropped. */
  openEpoch(): void {
    this.resumePoint = undefined;
    if (this.progress.epochBatch > 0) return;
    this.window.clear();
    this.windowBatch = 0;
  }

  /**
   * The batches of the epoch are over: a checkpoint goes on with the next epoch or, when this one was broken off before
   * its last batch, in the middle of it.
   */
  closeEpoch({ complete }: { complete: boolean }): void {
    this.epochRowWritten = false;
    const { epoch } = this.progress;
    this.resumePoint = complete
      ? { progress: { ...this.progress, epoch: epoch + 1, epochBatch: 0 }, book: { entries: [] } }
      : { progress: { ...this.progress }, book: this.desk.books.train.state() };
  }

  /** The epoch's hooks are over. */
  beginNextEpoch({ complete }: { complete: boolean }): void {
    this.progress.epoch++;
    this.progress.epochBatch = 0;
    this.isLastBatch = false;
    if (complete) this.resumePoint = undefined;
  }

  /** Lets signals, timers and files have their turn now and then: engines that compute synchronously never would. */
  async breathe(): Promise<void> {
    const now = performance.now();
    if (now - this.#lastBreath < 50) return;
    await new Promise((resolve) => setImmediate(resolve));
    this.#lastBreath = performance.now();
  }
}
