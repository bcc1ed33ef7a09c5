/** The scheduler that watches a metric, and lowers the learning rate when the metric no longer improves. */
import { z } from 'zod';
import { ConfigError, show } from '../../core/errors.ts';
import { numberBetween, oneOf, parseOptions, wholeNumber } from '../../core/options.ts';
import type { Optimizer } from '../optimizer.ts';
import { checkCount, forGroup, perGroup } from './per-group.ts';
import { checkSchedulerType } from './scheduler.ts';

const factor = () => {
  const error = 'a number from 0 to below 1';
  return z.number({ error }).min(0, { error }).lt(1, { error });
};

const schema = z.strictObject({
  mode: oneOf('min', 'max').default('min'),
  factor: factor().default(0.1),
  patience: wholeNumber(0).default(10),
  threshold: numberBetween(0, Number.POSITIVE_INFINITY).default(1e-4),
  thresholdMode: oneOf('rel', 'abs').default('rel'),
  cooldown: wholeNumber(0).default(0),
  minLr: perGroup().default(0),
  eps: numberBetween(0, Number.POSITIVE_INFINITY).default(1e-8),
});

/** Options of {@link ReduceLROnPlateau}. */
export interface ReduceLROnPlateauOptions {
  /** Whether the metric is to fall or to rise. Default `'min'`. */
  mode?: 'min' | 'max' | undefined;
  /** What the rate is multiplied by. Default 0.1. */
  factor?: number | undefined;
  /** Steps without improvement that are borne before the rate is lowered. Default 10. */
  patience?: number | undefined;
  /** By how much a value must be better to count as an improvement. Default 1e-4. */
  threshold?: number | undefined;
  /** A threshold relative to the best value, or absolute. Default `'rel'`. */
  thresholdMode?: 'rel' | 'abs' | undefined;
  /** Steps after a reduction in which nothing is counted. Default 0. */
  cooldown?: number | undefined;
  /** The lowest rate: one for all parameter groups, or one each. Default 0. */
  minLr?: number | readonly number[] | undefined;
  /** A change smaller than this is not made. Default 1e-8. */
  eps?: number | undefined;
}

/** The saved state of {@link ReduceLROnPlateau}: plain data. */
export type ReduceLROnPlateauState = {
  readonly type: string;
  readonly lastEpoch: number;
  readonly lastLr: readonly number[];
  /** `null` before the first value. */
  readonly best: number | null;
  readonly badEpochs: number;
  readonly cooldownLeft: number;
};

/**
 * Multiplies the learning rate by `factor` when a metric has not improved for more than `patience` steps, as in PyTorch.
 *
 * @example
 * ```ts
 * const scheduler = new ReduceLROnPlateau(optimizer, { factor: 0.5, patience: 2 });
 * return { optimizer, lrScheduler: { scheduler, monitor: 'val_loss' } };
 * ```
 */
export class ReduceLROnPlateau {
  /** Told apart from the other schedulers, whose `step` takes nothing. */
  readonly needsMetric = true;
  readonly optimizer: Optimizer;
  readonly #options: z.output<typeof schema>;
  #lastEpoch = 0;
  #best: number | undefined;
  #badEpochs = 0;
  #cooldownLeft = 0;

  /** @throws ConfigError for wrong options */
  constructor(optimizer: Optimizer, options: ReduceLROnPlateauOptions = {}) {
    this.optimizer = optimizer;
    this.#options = parseOptions('ReduceLROnPlateau', schema, options);
    checkCount('ReduceLROnPlateau', 'minLr', this.#options.minLr, optimizer);
  }

  /** Calls of `step()` so far. */
  get lastEpoch(): number {
    return this.#lastEpoch;
  }

  /** The learning rates, by group. */
  get lastLr(): number[] {
    return this.optimizer.paramGroups.map(({ lr }) => lr);
  }

  /**
   * Takes the metric's latest value. NaN counts as no improvement.
   *
   * @throws ConfigError when it is not a number
   */
  step(metric: number): void {
    if (typeof metric !== 'number') throw notANumber(metric);
    this.#lastEpoch += 1;
    if (this.#improves(metric)) {
      this.#best = metric;
      this.#badEpochs = 0;
    } else this.#badEpochs += 1;
    if (this.#cooldownLeft > 0) {
      this.#cooldownLeft -= 1;
      this.#badEpochs = 0;
    }
    if (this.#badEpochs > this.#options.patience) this.#reduce();
  }

  /** What has to be saved for an exact resume. */
  stateDict(): ReduceLROnPlateauState {
    return {
      type: 'ReduceLROnPlateau',
      lastEpoch: this.#lastEpoch,
      lastLr: this.lastLr,
      best: this.#best ?? null,
      badEpochs: this.#badEpochs,
      cooldownLeft: this.#cooldownLeft,
    };
  }

  /**
   * Takes over a saved state. The optimizer's learning rates are part of the optimizer's own state.
   *
   * @throws CheckpointError when the state is another scheduler's
   */
  loadStateDict(state: ReduceLROnPlateauState): void {
    checkSchedulerType(state, 'ReduceLROnPlateau');
    this.#lastEpoch = state.lastEpoch;
    this.#best = state.best ?? undefined;
    this.#badEpochs = state.badEpochs;
    this.#cooldownLeft = state.cooldownLeft;
  }

  #improves(metric: number): boolean {
    const { mode, threshold, thresholdMode } = this.#options;
    const best = this.#best;
    if (best === undefined) return Number.isFinite(metric);
    const sign = mode === 'min' ? -1 : 1;
    const bound = thresholdMode === 'rel' ? best * (1 + sign * threshold) : best + sign * threshold;
    return mode === 'min' ? metric < bound : metric > bound;
  }

  #reduce(): void {
    const { factor, minLr, eps, cooldown } = this.#options;
    this.optimizer.paramGroups.forEach((group, index) => {
      const lower = Math.max(group.lr * factor, forGroup(minLr, index));
      if (group.lr - lower > eps) group.lr = lower;
    });
    this.#cooldownLeft = cooldown;
    this.#badEpochs = 0;
  }
}

function notANumber(metric: unknown): ConfigError {
  return new ConfigError('ReduceLROnPlateau.step()', {
    code: 'invalid-metric',
    expected: 'the value of the watched metric, a number',
    got: show(metric),
  });
}
