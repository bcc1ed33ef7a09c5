/** Stops training when a metric no longer improves. */
import { z } from 'zod';
import type { Callback, JsonObject, TrainerView } from '../core/contracts.ts';
import { flag, numberBetween, oneOf, parseOptions, text, wholeNumber } from '../core/options.ts';
import { missingMonitor } from './monitor.ts';

/** Options of {@link EarlyStopping}. */
export interface EarlyStoppingOptions<W extends string = string> {
  /** The metric to watch. */
  monitor: W;
  /** The least change that counts as an improvement. Default 0. */
  minDelta?: number | undefined;
  /** Checks without improvement after which to stop. Default 3. */
  patience?: number | undefined;
  /** Whether a smaller (`'min'`, default) or larger metric is better. */
  mode?: 'min' | 'max' | undefined;
  /** Whether a missing metric is an error (default) or passed over. */
  strict?: boolean | undefined;
  /** Stop when the metric is NaN or infinite. Default `true`. */
  checkFinite?: boolean | undefined;
  /** Stop as soon as the metric is better than this. */
  stoppingThreshold?: number | undefined;
  /** Stop as soon as the metric is worse than this. */
  divergenceThreshold?: number | undefined;
  /** Check at the end of training epochs (`true`) or of validation. Default: whichever comes last. */
  checkOnTrainEpochEnd?: boolean | undefined;
}

const anyNumber = () => numberBetween(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY);

const schema = z.strictObject({
  monitor: text('the name of a metric'),
  minDelta: numberBetween(0, Number.POSITIVE_INFINITY).default(0),
  patience: wholeNumber(0).default(3),
  mode: oneOf('min', 'max').default('min'),
  strict: flag().default(true),
  checkFinite: flag().default(true),
  stoppingThreshold: anyNumber().optional(),
  divergenceThreshold: anyNumber().optional(),
  checkOnTrainEpochEnd: flag().optional(),
});

/**
 * Stops training when `monitor` has not improved by more than `minDelta` for `patience` checks, has become NaN, or has
 * crossed a threshold. `reason` says which.
 *
 * @throws ConfigError `missing-monitor` when the metric is not logged, unless `strict` is off
 *
 * @example
 * ```ts
 * new EarlyStopping({ monitor: 'val_loss', patience: 5 })
 * ```
 */
export class EarlyStopping<W extends string = string> implements Callback {
  readonly role = 'monitor';
  readonly stateKey: string;
  readonly #options: z.output<typeof schema>;
  #wait = 0;
  #best: number;
  #stoppedEpoch = 0;
  #reason: string | undefined;
  /** Restored from a checkpoint that was made between the decision to stop and the end of the run. */
  #stopsAgain = false;

  constructor(options: EarlyStoppingOptions<W>) {
    this.#options = parseOptions('EarlyStopping', schema, options);
    this.#best = this.#options.mode === 'min' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
    this.stateKey = `EarlyStopping(${this.#options.monitor},${this.#options.mode})`;
  }

  /** The metric that it watches. */
  get monitor(): W {
    return this.#options.monitor as W;
  }

  /** The best value seen. */
  get bestScore(): number {
    return this.#best;
  }

  /** Checks since the last improvement. */
  get waitCount(): number {
    return this.#wait;
  }

  /** The epoch in which it stopped training; 0 when it has not. */
  get stoppedEpoch(): number {
    return this.#stoppedEpoch;
  }

  /** Why it stopped training. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** A run that was killed after it had been stopped stops again, unless there is more patience now. */
  onTrainStart(trainer: TrainerView): void {
    if (this.#stopsAgain) trainer.shouldStop = true;
    this.#stopsAgain = false;
  }

  onTrainEpochEnd(trainer: TrainerView): void {
    if (this.#checksAtEpochEnd(trainer)) this.#check(trainer);
  }

  onValidationEnd(trainer: TrainerView): void {
    if (!this.#checksAtEpochEnd(trainer)) this.#check(trainer);
  }

  stateDict(): JsonObject {
    const best = Number.isFinite(this.#best) ? this.#best : null;
    return { wait: this.#wait, best, stoppedEpoch: this.#stoppedEpoch, reason: this.#reason ?? null };
  }

  loadStateDict(state: JsonObject): void {
    this.#wait = state.wait as number;
    this.#best = (state.best as number | null) ?? this.#best;
    this.#stoppedEpoch = state.stoppedEpoch as number;
    this.#reason = (state.reason as string | null) ?? undefined;
    this.#stopsAgain = this.#reason !== undefined && (this.#wait === 0 || this.#wait >= this.#options.patience);
  }

  #checksAtEpochEnd(trainer: TrainerView): boolean {
    const validates = trainer.numValBatches.some((count) => count > 0);
    return this.#options.checkOnTrainEpochEnd ?? (trainer.validatesAtEpochEnd || !validates);
  }

  #check(trainer: TrainerView): void {
    if (trainer.stage !== 'fit' || trainer.sanityChecking || trainer.fastDevRun) return;
    const { monitor, strict } = this.#options;
    const metrics = trainer.callbackMetrics;
    const value = metrics[monitor];
    if (value === undefined) {
      if (strict) throw missingMonitor('EarlyStopping', monitor, metrics);
      return;
    }
    const reason = this.#judge(value);
    if (reason === undefined) return;
    this.#reason = reason;
    this.#stoppedEpoch = trainer.currentEpoch;
    trainer.shouldStop = true;
  }

  /** The reason to stop, if there is one, in the order in which Lightning asks. */
  #judge(value: number): string | undefined {
    const { monitor, checkFinite, stoppingThreshold, divergenceThreshold, minDelta, patience } = this.#options;
    if (checkFinite && !Number.isFinite(value)) return `${monitor} is ${value}`;
    if (stoppingThreshold !== undefined && this.#isBetter(value, stoppingThreshold)) {
      return `${monitor} = ${value} is better than ${stoppingThreshold}`;
    }
    if (divergenceThreshold !== undefined && this.#isBetter(divergenceThreshold, value)) {
      return `${monitor} = ${value} is worse than ${divergenceThreshold}`;
    }
    const margin = this.#options.mode === 'min' ? -minDelta : minDelta;
    if (this.#isBetter(value, this.#best + margin)) {
      this.#best = value;
      this.#wait = 0;
      return undefined;
    }
    this.#wait++;
    return this.#wait >= patience ? `${monitor} did not improve on ${this.#best} for ${this.#wait} checks` : undefined;
  }

  #isBetter(value: number, than: number): boolean {
    return this.#options.mode === 'min' ? value < than : value > than;
  }
}
