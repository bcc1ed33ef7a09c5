/**
 * The trainer: takes a module and loaders and runs them. What happens within a run is told in fit-loop.ts and
 * evaluation-loop.ts; here is what users call, and what callbacks may look at.
 */
import { join } from 'node:path';
import { writeCheckpoint } from '../checkpoint/store.ts';
import type {
  Callback,
  LoggerLike,
  Metrics,
  ModuleView,
  OptimizerLike,
  RunStage,
  RunStatus,
  TrainerView,
} from '../core/contracts.ts';
import { ConfigError } from '../core/errors.ts';
import { startEngine } from '../engine/start.ts';
import { attachHost, type LightningModule } from '../module/lightning-module.ts';
import { addDefaultCallbacks, arrangeCallbacks } from './attach-callbacks.ts';
import { collectCheckpoint } from './checkpoint-state.ts';
import { defaultLogger } from './default-logger.ts';
import { Dispatcher } from './dispatch.ts';
import { evaluationLoop } from './evaluation-loop.ts';
import {
  type EvaluationData,
  type EvaluationOptions,
  type FitData,
  type FitOptions,
  type ResolvedData,
  resolveEvaluationData,
  resolveFitData,
} from './inputs.ts';
import type { Loaders } from './loaders.ts';
import { LogDesk } from './log-desk.ts';
import { Observers, type TrainerEvents } from './observers.ts';
import type { Optimization } from './optimization.ts';
import { type ResolvedTrainerOptions, resolveTrainerOptions, type TrainerOptions } from './options.ts';
import { predictLoop } from './predict-loop.ts';
import { newProgress } from './progress.ts';
import { loadWeights } from './resume.ts';
import { type FitResult, runFit } from './run-fit.ts';
import { Session } from './session.ts';
import { validatesAtEpochEnd } from './validation-schedule.ts';

/**
 * Runs modules: `fit` trains, `validate` and `test` measure, `predict` predicts.
 *
 * @throws ConfigError from the constructor when an option is unknown or wrong
 *
 * @example
 * ```ts
 * const trainer = new Trainer({ maxEpochs: 20, gradientClipVal: 1, logger: new TensorBoardLogger('runs') });
 * await trainer.fit(new Net(), { train, val });
 * const [metrics] = await trainer.test(net, test);
 * ```
 */
export class Trainer implements TrainerView {
  readonly options: ResolvedTrainerOptions;
  readonly callbacks: readonly Callback[];
  readonly loggers: readonly LoggerLike[];
  readonly #progress = newProgress();
  readonly #observers = new Observers();
  readonly #desk: LogDesk;
  #session: Session | undefined;
  #optimization: Optimization | undefined;
  #callbacksNow: readonly Callback[];
  #status: RunStatus = 'idle';

  constructor(options: TrainerOptions = {}) {
    this.options = resolveTrainerOptions(options);
    this.callbacks = addDefaultCallbacks(this.options);
    this.#callbacksNow = this.callbacks;
    this.loggers = defaultLogger(this.options);
    this.#desk = new LogDesk(this.loggers);
  }

  /**
   * Trains a module.
   *
   * @param data the training loader, or `{ train, val }`, or `{ datamodule }`
   * @param val the validation loader, when `data` is a loader
   * @param options `ckptPath`: a checkpoint to resume from
   * @returns how the run ended. Ctrl-C ends it with status `'interrupted'`; what throws is thrown again, after the callbacks
   * have heard of it
   * @throws ConfigError when module, loaders and flags do not fit together; DataError, NonFiniteError, CheckpointError
   */
  fit<B>(module: LightningModule<B>, data: FitData<B>, options?: FitOptions): Promise<FitResult>;
  fit<B>(module: LightningModule<B>, train: Loaders<B>, val?: Loaders<B>, options?: FitOptions): Promise<FitResult>;
  async fit<B>(
    module: LightningModule<B>,
    data: FitData<B> | Loaders<B>,
    second?: Loaders<B> | FitOptions,
    third?: FitOptions,
  ): Promise<FitResult> {
    const resolved = resolveFitData(data, second, third);
    const result = await this.#run('fit', module, resolved, async (session) => {
      if (this.#optimization?.module === session.module) session.optimization = this.#optimization;
      const outcome = await runFit(this, session, this.#callbacksNow, resolved);
      this.#optimization = session.optimization;
      return outcome;
    });
    return { ...result, status: this.#status };
  }

  /** Runs the validation loop and returns its metrics, one record per loader. */
  validate<B>(module: LightningModule<B>, data: EvaluationData<B>, options?: EvaluationOptions): Promise<Metrics[]> {
    return this.#evaluate('validate', module, data, options);
  }

  /** Runs the test loop and returns its metrics, one record per loader. */
  test<B>(module: LightningModule<B>, data: EvaluationData<B>, options?: EvaluationOptions): Promise<Metrics[]> {
    return this.#evaluate('test', module, data, options);
  }

  /**
   * Runs `predictStep` over all batches.
   *
   * @returns what it returned, per batch; with several loaders, a list per loader. Tensors are the caller's to dispose of.
   * Empty with `returnPredictions: false`
   */
  async predict<B>(
    module: LightningModule<B>,
    data: EvaluationData<B>,
    options: EvaluationOptions & { returnPredictions?: boolean | undefined } = {},
  ): Promise<unknown[]> {
    const { returnPredictions = true, ...rest } = options;
    const resolved = resolveEvaluationData('predict', data, rest);
    const results = await this.#run('predict', module, resolved, async (session) => {
      await this.#prepareEvaluation(session, resolved);
      return predictLoop(session, session.evaluation, { keep: returnPredictions });
    });
    return results.length === 1 ? (results[0] as unknown[]) : results;
  }

  /** Watches an event: every hook is one, under its plain name. Listeners cannot interfere; see `Callback` for that. */
  on<E extends keyof TrainerEvents>(event: E, listener: TrainerEvents[E]): this {
    this.#observers.on(event, listener as never);
    return this;
  }

  /** Watches an event once. */
  once<E extends keyof TrainerEvents>(event: E, listener: TrainerEvents[E]): this {
    this.#observers.on(event, listener as never, { once: true });
    return this;
  }

  /** Stops watching. */
  off<E extends keyof TrainerEvents>(event: E, listener: TrainerEvents[E]): this {
    this.#observers.off(event, listener as never);
    return this;
  }

  /** Writes a checkpoint of everything, whole or not at all. Possible while a run goes on. */
  async saveCheckpoint(
    path: string,
    { weightsOnly = false }: { weightsOnly?: boolean | undefined } = {},
  ): Promise<void> {
    const session = this.#session;
    if (session === undefined) throw notRunning('saveCheckpoint');
    const partial = weightsOnly || session.stage !== 'fit';
    await writeCheckpoint(path, await collectCheckpoint(session, this.#callbacksNow, { weightsOnly: partial }));
  }

  logMetrics(metrics: Metrics, step: number): void {
    this.#desk.write({ ...metrics }, step, undefined);
  }

  get stage(): RunStage | undefined {
    return this.#session?.stage;
  }
  get status(): RunStatus {
    return this.#status;
  }
  get sanityChecking(): boolean {
    return this.#session?.sanityChecking ?? false;
  }
  get validating(): boolean {
    return this.#session?.validating ?? false;
  }
  get currentEpoch(): number {
    return this.#progress.epoch;
  }
  get globalStep(): number {
    return this.#progress.optimizerStep;
  }
  get globalBatch(): number {
    return this.#progress.globalBatch;
  }
  get loggedStep(): number {
    return Math.max(0, this.#progress.closedWindows - 1);
  }
  get maxEpochs(): number {
    return this.options.maxEpochs;
  }
  get maxSteps(): number {
    return this.options.maxSteps;
  }
  get numTrainingBatches(): number {
    return this.#session?.train?.count ?? 0;
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
    const { maxEpochs, maxSteps, accumulateGradBatches } = this.options;
    const steps = maxSteps === -1 ? Number.POSITIVE_INFINITY : maxSteps;
    if (maxEpochs === -1) return steps;
    return Math.min(steps, Math.ceil(this.numTrainingBatches / accumulateGradBatches) * maxEpochs);
  }
  get logEveryNSteps(): number {
    return this.options.logEveryNSteps;
  }
  get fastDevRun(): boolean {
    return this.options.fastDevRun;
  }
  get isLastBatch(): boolean {
    return this.#session?.isLastBatch ?? false;
  }
  get validatesAtEpochEnd(): boolean {
    return validatesAtEpochEnd(this.options);
  }
  get shouldStop(): boolean {
    return this.#session?.shouldStop ?? false;
  }
  set shouldStop(stop: boolean) {
    if (this.#session !== undefined) this.#session.shouldStop = stop;
  }
  get callbackMetrics(): Metrics {
    return this.#desk.callbackMetrics;
  }
  get loggedMetrics(): Metrics {
    return this.#desk.loggedMetrics;
  }
  get progressBarMetrics(): Metrics {
    return this.#desk.progressBarMetrics;
  }
  get optimizers(): readonly OptimizerLike[] {
    return this.#session?.hasOptimization ? [this.#session.optimization.optimizer] : [];
  }
  get learningRates(): Metrics {
    return this.#session?.hasOptimization ? this.#session.optimization.learningRates : {};
  }
  get defaultRootDir(): string {
    return this.options.defaultRootDir;
  }
  get logDir(): string {
    return (
      this.loggers.find((logger) => logger.logDir !== undefined)?.logDir ?? join(this.options.defaultRootDir, 'runs')
    );
  }

  async #evaluate<B>(
    stage: 'validate' | 'test',
    module: LightningModule<B>,
    data: EvaluationData<B>,
    options: EvaluationOptions = {},
  ): Promise<Metrics[]> {
    const resolved = resolveEvaluationData(stage, data, options);
    return this.#run(stage, module, resolved, async (session) => {
      const step = stage === 'validate' ? 'validationStep' : 'testStep';
      if (module[step] === undefined) throw withoutStep(module, stage, step);
      await this.#prepareEvaluation(session, resolved);
      return evaluationLoop(session, stage === 'validate' ? 'validation' : 'test', session.evaluation);
    });
  }

  async #prepareEvaluation(session: Session, data: ResolvedData): Promise<void> {
    await session.module.configureModel?.();
    await loadWeights(session, this.#callbacksNow, data.ckptPath);
    session.evaluation = await data.evaluationSources(session.options);
  }

  /** What all stages have in common: the engine, the session, setup and teardown, and what happens when something throws. */
  async #run<T, B>(
    stage: RunStage,
    module: LightningModule<B>,
    data: ResolvedData,
    body: (session: Session) => Promise<T>,
  ): Promise<T> {
    if (this.#session !== undefined) throw alreadyRunning(stage, this.#session.stage);
    const subject = module as unknown as LightningModule<never>;
    const callbacks = arrangeCallbacks(this.callbacks, subject);
    const hooks = new Dispatcher(this, subject, callbacks, this.#observers);
    const session = new Session({
      stage,
      options: this.options,
      module: subject,
      hooks,
      desk: this.#desk,
      progress: this.#progress,
    });
    this.#session = session;
    this.#callbacksNow = callbacks;
    this.#status = 'running';
    this.#desk.reset();
    attachHost(subject, {
      trainer: this,
      log: (name, value, options) => {
        if (hooks.current !== undefined) this.#desk.log(hooks.current, name, value, options);
      },
    });
    try {
      await startEngine({ engine: this.options.engine });
      await data.datamodule?.prepareData();
      await data.datamodule?.setup(stage);
      await hooks.fire('setup', stage);
      const result = await body(session);
      await hooks.fire('teardown', stage);
      await data.datamodule?.teardown(stage);
      this.#status = session.interrupted ? 'interrupted' : session.stoppedEarly ? 'stopped' : 'finished';
      for (const logger of this.loggers) await logger.finalize?.(session.interrupted ? 'interrupted' : 'success');
      return result;
    } catch (error) {
      this.#status = 'failed';
      await this.#reportFailure(session, data, error);
      throw error;
    } finally {
      session.dispose();
      this.#desk.settle();
      attachHost(subject, undefined);
      this.#session = undefined;
    }
  }

  /** Lets everybody hear of a failure. An error of theirs must not hide the one that is being reported. */
  async #reportFailure(session: Session, data: ResolvedData, error: unknown): Promise<void> {
    const attempts = [
      () => session.hooks.fire('exception', error),
      () => data.datamodule?.onException(error),
      ...this.loggers.map((logger) => () => logger.finalize?.('failed')),
    ];
    for (const attempt of attempts) {
      try {
        await attempt();
      } catch (second) {
        process.emitWarning(
          `While a failed run was being closed: ${second instanceof Error ? second.message : String(second)}`,
        );
      }
    }
  }

  #counts(stage: RunStage): readonly number[] {
    const session = this.#session;
    if (session === undefined) return [];
    const sources = session.stage === stage ? session.evaluation : stage === 'validate' ? session.val : [];
    return sources.map((source) => source.count);
  }
}

function withoutStep(module: ModuleView, stage: RunStage, step: string): ConfigError {
  return new ConfigError(`trainer.${stage}`, {
    code: 'missing-step',
    expected: `${module.constructor.name} to have \`${step}\``,
    got: 'a module without it',
    help: `add \`${step}(batch, batchIdx)\` and log its metrics there`,
  });
}

function notRunning(what: string): ConfigError {
  return new ConfigError(`trainer.${what}`, {
    code: 'not-running',
    expected: 'a run that goes on',
    got: 'an idle trainer',
    help: 'call it from a callback or hook, or use ModelCheckpoint',
  });
}

function alreadyRunning(stage: RunStage, running: RunStage): ConfigError {
  return new ConfigError(`trainer.${stage}`, {
    code: 'already-running',
    expected: 'an idle trainer',
    got: `one in which \`${running}\` is running`,
    help: 'await the first call, or use a second trainer',
  });
}
