/**
 * The state of a trainer and the view of it that callbacks get: what runs, how far it is, what has been measured.
 * `Trainer` adds the methods that start something.
 */
import { join } from 'node:path';
import { GradientAccumulationScheduler } from '../callbacks/gradient-accumulation-scheduler.ts';
import { writeCheckpoint } from '../checkpoint/store.ts';
import type {
  Callback,
  LoggerLike,
  Metrics,
  OptimizerLike,
  RunStage,
  RunStatus,
  TrainerView,
} from '../core/contracts.ts';
import { ConfigError } from '../core/errors.ts';
import type { ProfilerLike } from '../core/profiling.ts';
import type { TrainerTools } from '../core/tools.ts';
import { collectCheckpoint } from './checkpoint-state.ts';
import type { TensorLeak } from './leaks.ts';
import type { LogDesk } from './log-desk.ts';
import type { Observers } from './observers.ts';
import { type ResolvedTrainerOptions, resolveLimit } from './options.ts';
import type { ProgressState } from './progress.ts';
import type { Session } from './session.ts';
import { toolsOf } from './tools.ts';
import { validatesAtEpochEnd } from './validation-schedule.ts';

/** What a trainer consists of; the runs that it starts share it. */
export interface TrainerCore {
  options: ResolvedTrainerOptions;
  readonly loggers: readonly LoggerLike[];
  readonly progress: ProgressState;
  readonly observers: Observers;
  readonly desk: LogDesk;
  readonly profiler: ProfilerLike;
  /** What `detectLeaks` has found, in all runs. */
  readonly leaks: TensorLeak[];
  /** The trainer's callbacks; while a module runs, with its own. */
  callbacks: readonly Callback[];
  session: Session | undefined;
  /** The last fit, for a next one with the same module, and for a checkpoint after it. */
  lastFit: Session | undefined;
  status: RunStatus;
  /** A dry run: the module's own callbacks are left out. */
  dry: boolean;
}

export abstract class TrainerState implements TrainerView {
  /** @internal */
  protected readonly core: TrainerCore;

  protected constructor(core: TrainerCore) {
    this.core = core;
  }

  /** The flags, with all defaults filled in. */
  get options(): ResolvedTrainerOptions {
    return this.core.options;
  }
  get callbacks(): readonly Callback[] {
    return this.core.callbacks;
  }
  get loggers(): readonly LoggerLike[] {
    return this.core.loggers;
  }
  get profiler(): ProfilerLike {
    return this.core.profiler;
  }
  /** Who has left tensors behind, as far as the flag `detectLeaks` has found out. */
  get tensorLeaks(): readonly TensorLeak[] {
    return this.core.leaks;
  }

  /** Writes a checkpoint of everything, whole or not at all. Possible while a fit goes on, and after it. */
  async saveCheckpoint(
    path: string,
    { weightsOnly = false }: { weightsOnly?: boolean | undefined } = {},
  ): Promise<void> {
    const { session: running, lastFit } = this.core;
    const session = running ?? lastFit;
    if (session === undefined) throw notRunning();
    const partial = weightsOnly || session.stage !== 'fit';
    if (!partial && !session.hasOptimization) throw tooEarly();
    if (running === undefined) session.unpark();
    try {
      await session.instruments.measure('saveCheckpoint', 'checkpoint', async () =>
        writeCheckpoint(path, await collectCheckpoint(session, this.core.callbacks, { weightsOnly: partial })),
      );
    } finally {
      if (running === undefined) session.park();
    }
  }

  logMetrics(metrics: Metrics, step: number): void {
    this.core.desk.writeAtStep(metrics, step);
    this.core.desk.offer(metrics);
  }

  get stage(): RunStage | undefined {
    return this.core.session?.stage;
  }
  get status(): RunStatus {
    return this.core.status;
  }
  get sanityChecking(): boolean {
    return this.core.session?.sanityChecking ?? false;
  }
  get validating(): boolean {
    return this.core.session?.validating ?? false;
  }
  get currentEpoch(): number {
    return this.core.progress.epoch;
  }
  get globalStep(): number {
    return this.core.progress.optimizerStep;
  }
  get globalBatch(): number {
    return this.core.progress.globalBatch;
  }
  get loggedStep(): number {
    return Math.max(0, this.core.progress.closedWindows - 1);
  }
  /** Can be raised between two fits: the second goes on from where the first has ended. */
  get maxEpochs(): number {
    return this.options.maxEpochs;
  }
  set maxEpochs(epochs: number) {
    this.core.options = { ...this.options, ...resolveLimit('maxEpochs', epochs) };
  }
  get maxSteps(): number {
    return this.options.maxSteps;
  }
  set maxSteps(steps: number) {
    this.core.options = { ...this.options, ...resolveLimit('maxSteps', steps) };
  }
  get numTrainingBatches(): number {
    return this.core.session?.train?.count ?? 0;
  }
  get numValBatches(): readonly number[] {
    return this.#counts('validate');
  }
  get numTestBatches(): readonly number[] {
    return this.#counts('test');
  }
  get numPredictBatches(): readonly number[] {
    return this.#counts('predict');
  }
  get estimatedSteppingBatches(): number {
    const { maxEpochs, maxSteps } = this.options;
    const steps = maxSteps === -1 ? Number.POSITIVE_INFINITY : maxSteps;
    if (maxEpochs === -1) return steps;
    if (maxEpochs === 0) return 0;
    const schedule = this.callbacks.find((callback) => callback instanceof GradientAccumulationScheduler);
    const stepsWith = (batches: number): number => Math.ceil(this.numTrainingBatches / batches);
    if (schedule === undefined) return Math.min(steps, stepsWith(this.accumulateGradBatches) * maxEpochs);
    const perEpoch = Array.from({ length: maxEpochs }, (_, epoch) => stepsWith(schedule.batchesAt(epoch, maxEpochs)));
    return Math.min(
      steps,
      perEpoch.reduce((sum, count) => sum + count, 0),
    );
  }
  get accumulateGradBatches(): number {
    return this.core.session?.accumulateGradBatches ?? this.options.accumulateGradBatches;
  }
  set accumulateGradBatches(count: number) {
    if (this.core.session !== undefined) this.core.session.accumulateGradBatches = count;
  }
  get validations(): number {
    return this.core.progress.validations;
  }
  get tools(): TrainerTools {
    return toolsOf(this.core.session);
  }
  get logEveryNSteps(): number {
    return this.options.logEveryNSteps;
  }
  get fastDevRun(): boolean {
    return this.options.fastDevRun;
  }
  get isLastBatch(): boolean {
    return this.core.session?.isLastBatch ?? false;
  }
  get validatesAtEpochEnd(): boolean {
    return validatesAtEpochEnd(this.options);
  }
  get shouldStop(): boolean {
    return this.core.session?.shouldStop ?? false;
  }
  set shouldStop(stop: boolean) {
    if (this.core.session !== undefined) this.core.session.shouldStop = stop;
  }
  get callbackMetrics(): Metrics {
    return this.core.desk.callbackMetrics;
  }
  get loggedMetrics(): Metrics {
    return this.core.desk.loggedMetrics;
  }
  get progressBarMetrics(): Metrics {
    return this.core.desk.progressBarMetrics;
  }
  get optimizers(): readonly OptimizerLike[] {
    return this.core.session?.hasOptimization ? this.core.session.optimization.all.map((each) => each.optimizer) : [];
  }
  get learningRates(): Metrics {
    return this.core.session?.hasOptimization ? this.core.session.optimization.learningRates : {};
  }
  get defaultRootDir(): string {
    return this.options.defaultRootDir;
  }
  get logDir(): string {
    return (
      this.loggers.find((logger) => logger.logDir !== undefined)?.logDir ?? join(this.options.defaultRootDir, 'runs')
    );
  }

  #counts(stage: RunStage): readonly number[] {
    const session = this.core.session;
    if (session === undefined) return [];
    const sources = session.stage === stage ? session.evaluation : stage === 'validate' ? session.val : [];
    return sources.map((source) => source.count);
  }
}

function notRunning(): ConfigError {
  return new ConfigError('trainer.saveCheckpoint', {
    code: 'not-running',
    expected: 'a fit that goes on or has been',
    got: 'a trainer that has not trained anything',
    help: 'call it in a hook or after `fit`, or use ModelCheckpoint',
  });
}

function tooEarly(): ConfigError {
  return new ConfigError('trainer.saveCheckpoint', {
    code: 'too-early',
    expected: 'to be called after `configureOptimizers`',
    got: 'called before',
    help: 'call it from `onFitStart` on, or with `weightsOnly: true`',
  });
}
