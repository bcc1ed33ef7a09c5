/** Stops training after a time on the clock, or after so many epochs, batches or steps. */
import { z } from 'zod';
import type { Callback, JsonObject, RunStage, TrainerView } from '../core/contracts.ts';
import { type Amount, parseAmount } from '../core/duration.ts';
import { anyThat, oneOf, parseOptions } from '../core/options.ts';
import { isTrainingTime, partOfUnlimited, type TrainingPart, type TrainingTime } from '../core/training-time.ts';

/** Options of {@link Timer}. */
export interface TimerOptions {
  /**
   * When to stop: clock time such as `'30min'`, `'90s'`, `'2h'`; or `'3ep'` epochs, `'200ba'` batches, `'50st'` optimizer
   * steps, or a part of the training, `'0.5dur'`. Default: never; the timer then only measures.
   */
  duration?: TrainingTime | TrainingPart | undefined;
  /** Look at the clock after each batch (`'step'`, default) or after each epoch. */
  interval?: 'step' | 'epoch' | undefined;
  /** The clock, in milliseconds. Default `performance.now`. */
  clock?: (() => number) | undefined;
}

const schema = z.strictObject({
  duration: anyThat<TrainingTime | TrainingPart>(
    "a time such as '30min' or '90s', or '3ep', '200ba', '50st', '0.5dur'",
    (value) => isTrainingTime(value) || parseAmount(value)?.unit === 'dur',
  ).optional(),
  interval: oneOf('step', 'epoch').default('step'),
  clock: anyThat<() => number>('a function', (value) => typeof value === 'function').optional(),
});

/** What is measured: validation within training counts as both. */
type Stage = 'train' | 'validate' | 'test' | 'predict';
const STAGES: readonly Stage[] = ['train', 'validate', 'test', 'predict'];

/**
 * Measures the time of training, validation, test and prediction, and stops training when `duration` is over. The time
 * is carried along in checkpoints, so that a resumed run has what is left of it. `minEpochs` and `minSteps` win.
 *
 * @throws ConfigError for wrong options
 *
 * @example
 * ```ts
 * const timer = new Timer({ duration: '12h' });
 * await new Trainer({ callbacks: timer }).fit(module, loaders);
 * timer.timeElapsed('train');   // milliseconds
 * ```
 */
export class Timer implements Callback {
  readonly #duration: Amount | undefined;
  readonly #given: string;
  readonly #interval: 'step' | 'epoch';
  readonly #clock: () => number;
  readonly #elapsed: Record<Stage, number> = { train: 0, validate: 0, test: 0, predict: 0 };
  readonly #started: Partial<Record<Stage, number>> = {};

  constructor(options: TimerOptions = {}) {
    const { duration, interval, clock } = parseOptions('Timer', schema, options);
    this.#duration = parseAmount(duration);
    this.#given = String(duration);
    this.#interval = interval;
    this.#clock = clock ?? (() => performance.now());
  }

  /** Milliseconds spent in a stage; those of training contain validation within it. */
  timeElapsed(stage: Stage = 'train'): number {
    const started = this.#started[stage];
    return this.#elapsed[stage] + (started === undefined ? 0 : this.#clock() - started);
  }

  /** Milliseconds of training that are left; `undefined` unless the duration is a time on the clock. */
  timeRemaining(): number | undefined {
    if (this.#duration?.unit !== 'ms') return undefined;
    return Math.max(0, this.#duration.amount - this.timeElapsed('train'));
  }

  onTrainStart(): void {
    this.#start('train');
  }

  onTrainBatchEnd(trainer: TrainerView): void {
    if (this.#interval === 'step') this.#check(trainer, trainer.currentEpoch);
  }

  onTrainEpochEnd(trainer: TrainerView): void {
    this.#check(trainer, trainer.currentEpoch + 1);
  }

  onTrainEnd(): void {
    this.#stop('train');
  }

  onValidationStart(): void {
    this.#start('validate');
  }

  onValidationEnd(): void {
    this.#stop('validate');
  }

  onTestStart(): void {
    this.#start('test');
  }

  onTestEnd(): void {
    this.#stop('test');
  }

  onPredictStart(): void {
    this.#start('predict');
  }

  onPredictEnd(): void {
    this.#stop('predict');
  }

  onException(): void {
    for (const stage of STAGES) this.#stop(stage);
  }

  teardown(_trainer: TrainerView, _module: unknown, _stage: RunStage): void {
    for (const stage of STAGES) this.#stop(stage);
  }

  stateDict(): JsonObject {
    return Object.fromEntries(STAGES.map((stage) => [stage, this.timeElapsed(stage)]));
  }

  loadStateDict(state: JsonObject): void {
    for (const stage of STAGES) this.#elapsed[stage] = state[stage] as number;
  }

  #start(stage: Stage): void {
    this.#started[stage] ??= this.#clock();
  }

  #stop(stage: Stage): void {
    this.#elapsed[stage] = this.timeElapsed(stage);
    delete this.#started[stage];
  }

  #check(trainer: TrainerView, epochs: number): void {
    if (this.#duration !== undefined && this.#reached(trainer, epochs) >= this.#duration.amount)
      trainer.shouldStop = true;
  }

  /** How much has been trained, in the unit of the duration. */
  #reached({ globalBatch, globalStep, estimatedSteppingBatches }: TrainerView, epochs: number): number {
    const unit = this.#duration?.unit;
    if (unit === 'ep') return epochs;
    if (unit === 'ba') return globalBatch;
    if (unit === 'st') return globalStep;
    if (unit === 'ms') return this.timeElapsed('train');
    if (Number.isFinite(estimatedSteppingBatches)) return globalStep / estimatedSteppingBatches + 1e-9;
    throw partOfUnlimited('Timer: option `duration`', this.#given);
  }
}
