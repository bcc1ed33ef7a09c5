/**
 * The trainer: takes a module and loaders and runs them. What happens within a run is told in fit-loop.ts and
 * evaluation-loop.ts; here is what users call.
 */

import { z } from 'zod';
import { isOutput, type Output } from '../callbacks/output.ts';
import type { Callback, Metrics, ModuleView, RunStage } from '../core/contracts.ts';
import { ConfigError } from '../core/errors.ts';
import { anyThat, parseOptions } from '../core/options.ts';
import type { Loader } from '../data/loader.ts';
import { configureOnce } from '../module/lifecycle.ts';
import type { LightningModule } from '../module/lightning-module.ts';
import type { Watchable } from '../module/metric-names.ts';
import { addDefaultCallbacks } from './attach-callbacks.ts';
import { checkFit, type ScratchTrainer } from './check.ts';
import type { CheckReport } from './check-report.ts';
import { compiledTraining } from './compile/compiled-training.ts';
import { requestEvaluationLoaders } from './data-request.ts';
import { defaultLogger } from './default-logger.ts';
import { makeProfiler } from './default-profiler.ts';
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
import { type Callbacks, resolveTrainerOptions, type TrainerOptions } from './options.ts';
import { predictLoop } from './predict-loop.ts';
import { newProgress } from './progress.ts';
import { loadWeights } from './resume.ts';
import { type FitResult, runFit } from './run-fit.ts';
import { alreadyRunning, runSession } from './run-session.ts';
import type { Session } from './session.ts';
import { TrainerState } from './trainer-state.ts';

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
export class Trainer<const C extends Callbacks = Callbacks> extends TrainerState {
  readonly #callbacks: readonly Callback[];

  constructor(options: TrainerOptions<C> = {}) {
    const flags = resolveTrainerOptions(options);
    const callbacks = addDefaultCallbacks(flags);
    const loggers = defaultLogger(flags);
    super({
      options: flags,
      callbacks,
      loggers,
      progress: newProgress(),
      observers: new Observers(),
      desk: new LogDesk(loggers),
      profiler: makeProfiler(flags),
      leaks: [],
      session: undefined,
      lastFit: undefined,
      status: 'idle',
      dry: false,
    });
    this.#callbacks = callbacks;
  }

  /**
   * Trains a module.
   *
   * @param data the training loader, or `{ train, val }`, or `{ datamodule }`. Without it the module is asked for its
   * `trainDataloader` and `valDataloader`
   * @param val the validation loader, when `data` is a loader
   * @param options `ckptPath`: a checkpoint to resume from
   * A second fit of the same module goes on where the first has ended, also in the middle of an epoch: with the same seed
   * it comes to the same weights as one that was never stopped.
   *
   * @returns how the run ended. Ctrl-C ends it with status `'interrupted'`; what throws is thrown again, after the callbacks
   * have heard of it
   * @throws ConfigError when module, loaders and flags do not fit together; DataError, NonFiniteError, CheckpointError
   */
  fit<B, M extends string>(
    module: LightningModule<B, M> & Watchable<C, M>,
    data?: FitData<NoInfer<B>>,
    options?: FitOptions,
  ): Promise<FitResult>;
  fit<B, M extends string>(
    module: LightningModule<B, M> & Watchable<C, M>,
    train: Loader<B>,
    val?: Loaders<B>,
    options?: FitOptions,
  ): Promise<FitResult>;
  async fit<B>(
    module: LightningModule<B>,
    data?: FitData<B> | Loader<B>,
    second?: Loaders<B> | FitOptions,
    third?: FitOptions,
  ): Promise<FitResult> {
    const resolved = resolveFitData(data, second, third);
    const result = await this.#run('fit', module, resolved, async (session) => {
      const { core } = this;
      if (core.lastFit?.module === session.module) session.follow(core.lastFit);
      return runFit(this, session, core.callbacks, resolved);
    });
    return { ...result, status: this.core.status };
  }

  /**
   * A dry run before the first step: trains on one accumulation window and validates on one batch, and undoes it. Weights,
   * optimizer, random streams, loader positions and files are afterwards as they were; the trainer's callbacks and loggers
   * hear nothing, while the module's own hooks and its data module's are called as in a fit.
   *
   * @param data as for `fit`
   * @param options `stream`: where the report is printed; `false` prints nothing. Default `process.stderr`
   * @returns shapes, metric names, the steps that a fit would take, and what would go wrong. What throws in the dry run is
   * one of its problems
   * @throws ConfigError when a run goes on, and for wrong options
   *
   * @example
   * ```ts
   * const report = await trainer.check(module, { train, val });
   * if (!report.ok) process.exit(1);
   * ```
   */
  async check<B, M extends string>(
    module: LightningModule<B, M> & Watchable<C, M>,
    data?: FitData<B> | Loader<B>,
    options: { stream?: Output | false | undefined } = {},
  ): Promise<CheckReport> {
    const { stream = process.stderr } = parseOptions('trainer.check', checkSchema, options);
    if (this.core.session !== undefined) throw alreadyRunning('check', this.core.session.stage);
    const make = (flags: TrainerOptions): ScratchTrainer => {
      const scratch = new Trainer(flags);
      scratch.core.dry = true;
      return { core: scratch.core, fit: () => scratch.fit(module as LightningModule<B>, data as FitData<B>) };
    };
    const untyped = module as unknown as LightningModule<never>;
    const report = await checkFit(this.options, this.#callbacks, untyped, data, make);
    if (stream !== false) stream.write(`${report.text}\n`);
    return report;
  }

  /** Runs the validation loop and returns its metrics, one record per loader. */
  validate<B>(module: LightningModule<B>, data?: EvaluationData<B>, options?: EvaluationOptions): Promise<Metrics[]> {
    return this.#evaluate('validate', module, data, options);
  }

  /** Runs the test loop and returns its metrics, one record per loader. */
  test<B>(module: LightningModule<B>, data?: EvaluationData<B>, options?: EvaluationOptions): Promise<Metrics[]> {
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
    data?: EvaluationData<B>,
    options: EvaluationOptions & { returnPredictions?: boolean | undefined } = {},
  ): Promise<unknown[]> {
    const { returnPredictions = true, ...rest } = options;
    const resolved = resolveEvaluationData('predict', data, rest);
    const results = await this.#run('predict', module, resolved, async (session) => {
      await this.#prepareEvaluation(session);
      return predictLoop(session, session.evaluation, { keep: returnPredictions });
    });
    return results.length === 1 ? (results[0] as unknown[]) : results;
  }

  /** Watches an event: every hook is one, under its plain name. Listeners cannot interfere; see `Callback` for that. */
  on<E extends keyof TrainerEvents>(event: E, listener: TrainerEvents[E]): this {
    this.core.observers.on(event, listener as never);
    return this;
  }

  /** Watches an event once. */
  once<E extends keyof TrainerEvents>(event: E, listener: TrainerEvents[E]): this {
    this.core.observers.on(event, listener as never, { once: true });
    return this;
  }

  /** Stops watching. */
  off<E extends keyof TrainerEvents>(event: E, listener: TrainerEvents[E]): this {
    this.core.observers.off(event, listener as never);
    return this;
  }

  async #evaluate<B>(
    stage: 'validate' | 'test',
    module: LightningModule<B>,
    data: EvaluationData<B> | undefined,
    options: EvaluationOptions = {},
  ): Promise<Metrics[]> {
    const resolved = resolveEvaluationData(stage, data, options);
    return this.#run(stage, module, resolved, async (session) => {
      const step = stage === 'validate' ? 'validationStep' : 'testStep';
      if (module[step] === undefined) throw withoutStep(module, stage, step);
      await this.#prepareEvaluation(session);
      return (await evaluationLoop(session, stage === 'validate' ? 'validation' : 'test', session.evaluation)) ?? [];
    });
  }

  async #prepareEvaluation(session: Session): Promise<void> {
    await configureOnce(session.module);
    await loadWeights(session, this.core.callbacks, session.data.ckptPath, this.logDir);
    await requestEvaluationLoaders(session);
    session.compiled = compiledTraining(session);
  }

  #run<T, B>(
    stage: RunStage,
    module: LightningModule<B>,
    data: ResolvedData,
    body: (session: Session) => Promise<T>,
  ): Promise<T> {
    const host = { view: this, core: this.core, callbacks: this.#callbacks };
    return runSession(host, stage, module as unknown as LightningModule<never>, data, body);
  }
}

const checkSchema = z.strictObject({
  stream: anyThat<Output | false>(
    'a stream to write to, or false',
    (value) => value === false || isOutput(value),
  ).optional(),
});

function withoutStep(module: ModuleView, stage: RunStage, step: string): ConfigError {
  return new ConfigError(`trainer.${stage}`, {
    code: 'missing-step',
    expected: `${module.constructor.name} to have \`${step}\``,
    got: 'a module without it',
    help: `add \`${step}(batch, batchIdx)\` and log its metrics there`,
  });
}
