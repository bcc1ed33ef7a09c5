/** Cosine annealing, with and without restarts (Loshchilov and Hutter, "SGDR", 2017). */
import { z } from 'zod';
import { numberBetween, parseOptions, wholeNumber } from '../../core/options.ts';
import type { Optimizer } from '../optimizer.ts';
import { LRScheduler, type ScheduledSettings } from './scheduler.ts';

const cosineSchema = z.strictObject({
  tMax: wholeNumber(1),
  etaMin: numberBetween(0, Number.POSITIVE_INFINITY).default(0),
});

const restartsSchema = z.strictObject({
  t0: wholeNumber(1),
  tMult: wholeNumber(1).default(1),
  etaMin: numberBetween(0, Number.POSITIVE_INFINITY).default(0),
});

/** From `high` at 0 to `low` at 1, along half a cosine. */
export function cosineBetween(high: number, low: number, progress: number): number {
  return low + ((high - low) * (1 + Math.cos(Math.PI * progress))) / 2;
}

/** Options of {@link CosineAnnealingLR}. */
export interface CosineAnnealingLROptions {
  /** Calls of `step()` until the rate is lowest. After as many again it is back where it began. */
  tMax: number;
  /** The lowest rate. Default 0. */
  etaMin?: number | undefined;
}

/**
 * Lowers the learning rate along half a cosine from its initial value to `etaMin`, in `tMax` steps.
 *
 * @example
 * ```ts
 * const scheduler = new CosineAnnealingLR(optimizer, { tMax: trainer.maxEpochs });
 * ```
 */
export class CosineAnnealingLR extends LRScheduler {
  readonly #options: z.output<typeof cosineSchema>;

  constructor(optimizer: Optimizer, options: CosineAnnealingLROptions) {
    super(optimizer);
    this.#options = parseOptions('CosineAnnealingLR', cosineSchema, options);
    this.start();
  }

  at(epoch: number): ScheduledSettings[] {
    const { tMax, etaMin } = this.#options;
    return this.scaled((initial) => cosineBetween(initial, etaMin, epoch / tMax));
  }
}

/** Options of {@link CosineAnnealingWarmRestarts}. */
export interface CosineAnnealingWarmRestartsOptions {
  /** Length of the first cycle, in calls of `step()`. */
  t0: number;
  /** Each cycle is this many times as long as the one before. A whole number; default 1. */
  tMult?: number | undefined;
  /** The lowest rate. Default 0. */
  etaMin?: number | undefined;
}

/** Cosine annealing that jumps back to the initial rate at the end of each cycle. */
export class CosineAnnealingWarmRestarts extends LRScheduler {
  readonly #options: z.output<typeof restartsSchema>;

  constructor(optimizer: Optimizer, options: CosineAnnealingWarmRestartsOptions) {
    super(optimizer);
    this.#options = parseOptions('CosineAnnealingWarmRestarts', restartsSchema, options);
    this.start();
  }

  at(epoch: number): ScheduledSettings[] {
    const { t0, tMult, etaMin } = this.#options;
    const { elapsed, length } = cycleAt(epoch, t0, tMult);
    return this.scaled((initial) => cosineBetween(initial, etaMin, elapsed / length));
  }
}

function cycleAt(epoch: number, first: number, growth: number): { elapsed: number; length: number } {
  if (growth === 1) return { elapsed: epoch % first, length: first };
  let elapsed = epoch;
  let length = first;
  while (elapsed >= length) {
    elapsed -= length;
    length *= growth;
  }
  return { elapsed, length };
}
