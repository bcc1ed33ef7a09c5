/** The one-cycle policy: up to a high rate, down to a tiny one, with momentum going the other way. */
import { z } from 'zod';
import { ConfigError } from '../../core/errors.ts';
import { flag, numberBetween, oneOf, parseOptions, positiveNumber, wholeNumber } from '../../core/options.ts';
import type { Optimizer } from '../optimizer.ts';
import { cosineBetween } from './cosine.ts';
import { checkCount, checkMomentum, forGroup, perGroup } from './per-group.ts';
import { LRScheduler, type ScheduledSettings } from './scheduler.ts';

const schema = z.strictObject({
  maxLr: perGroup(),
  totalSteps: wholeNumber(2),
  pctStart: numberBetween(0, 1).default(0.3),
  annealStrategy: oneOf('cos', 'linear').default('cos'),
  cycleMomentum: flag().default(true),
  baseMomentum: numberBetween(0, 1).default(0.85),
  maxMomentum: numberBetween(0, 1).default(0.95),
  divFactor: positiveNumber().default(25),
  finalDivFactor: positiveNumber().default(1e4),
  threePhase: flag().default(false),
});

/** Options of {@link OneCycleLR}. */
export interface OneCycleLROptions {
  /** The highest rate: one for all parameter groups, or one each. */
  maxLr: number | readonly number[];
  /** The number of optimizer steps in the cycle, which is the whole run. */
  totalSteps: number;
  /** The share of the cycle in which the rate rises. Default 0.3. */
  pctStart?: number | undefined;
  /** Default `'cos'`. */
  annealStrategy?: 'cos' | 'linear' | undefined;
  /** Lower momentum (or Adam's beta1) while the rate rises. Default `true`. */
  cycleMomentum?: boolean | undefined;
  /** Momentum at the highest rate. Default 0.85. */
  baseMomentum?: number | undefined;
  /** Momentum at both ends. Default 0.95. */
  maxMomentum?: number | undefined;
  /** The first rate is `maxLr / divFactor`. Default 25. */
  divFactor?: number | undefined;
  /** The last rate is the first `/ finalDivFactor`. Default 1e4. */
  finalDivFactor?: number | undefined;
  /** Fall as long as the rise was, then to the last rate. Default `false`: fall at once. */
  threePhase?: boolean | undefined;
}

type Rates = { low: number; high: number; last: number };

interface Phase {
  readonly end: number;
  readonly from: keyof Rates;
  readonly to: keyof Rates;
}

/**
 * The one-cycle policy (Smith and Topin, "Super-convergence", 2018), with PyTorch's phases. Step it after every
 * optimizer step, at most `totalSteps` times.
 *
 * @example
 * ```ts
 * const scheduler = new OneCycleLR(optimizer, { maxLr: 0.1, totalSteps: trainer.estimatedSteppingBatches });
 * return { optimizer, lrScheduler: { scheduler, interval: 'step' } };
 * ```
 */
export class OneCycleLR extends LRScheduler {
  readonly #options: z.output<typeof schema>;
  readonly #phases: readonly Phase[];

  /** @throws ConfigError when momentum is to be cycled and the optimizer has none */
  constructor(optimizer: Optimizer, options: OneCycleLROptions) {
    super(optimizer);
    this.#options = parseOptions('OneCycleLR', schema, options);
    checkCount('OneCycleLR', 'maxLr', this.#options.maxLr, optimizer);
    if (this.#options.cycleMomentum) checkMomentum('OneCycleLR', optimizer);
    this.#phases = phasesOf(this.#options);
    this.start();
  }

  /** @throws ConfigError for a step beyond the cycle */
  at(epoch: number): ScheduledSettings[] {
    const { totalSteps, maxLr, divFactor, finalDivFactor, cycleMomentum, baseMomentum, maxMomentum } = this.#options;
    if (epoch > totalSteps) throw beyondCycle(epoch, totalSteps);
    const momenta = { low: maxMomentum, high: baseMomentum, last: maxMomentum };
    return this.scaled((_, __, group) => {
      const high = forGroup(maxLr, group);
      return this.#between(epoch, { low: high / divFactor, high, last: high / divFactor / finalDivFactor });
    }).map((settings) => (cycleMomentum ? { ...settings, momentum: this.#between(epoch, momenta) } : settings));
  }

  #between(epoch: number, values: Rates): number {
    // The step after the last optimizer step finds the cycle at its end.
    const position = Math.min(epoch, this.#options.totalSteps - 1);
    const index = this.#phases.findIndex(({ end }) => position <= end);
    const { from, to, end } = this.#phases[index] as Phase;
    const start = this.#phases[index - 1]?.end ?? 0;
    const progress = end === start ? 1 : (position - start) / (end - start);
    if (this.#options.annealStrategy === 'cos') return cosineBetween(values[from], values[to], progress);
    return values[from] + (values[to] - values[from]) * progress;
  }
}

function phasesOf({ totalSteps, pctStart, threePhase }: z.output<typeof schema>): Phase[] {
  const top = pctStart * totalSteps - 1;
  const rise: Phase = { end: top, from: 'low', to: 'high' };
  if (!threePhase) return [rise, { end: totalSteps - 1, from: 'high', to: 'last' }];
  return [rise, { end: 2 * top, from: 'high', to: 'low' }, { end: totalSteps - 1, from: 'low', to: 'last' }];
}

function beyondCycle(epoch: number, totalSteps: number): ConfigError {
  return new ConfigError(`OneCycleLR: step ${epoch} is beyond the cycle`, {
    code: 'scheduler-exhausted',
    expected: `at most ${totalSteps} calls of step()`,
    help: "set `totalSteps` to the number of optimizer steps of the whole run, and interval: 'step'",
  });
}
