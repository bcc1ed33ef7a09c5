/** Cyclical learning rates: up and down between two bounds. */
import { z } from 'zod';
import { anyThat, flag, numberBetween, oneOf, parseOptions, positiveNumber, wholeNumber } from '../../core/options.ts';
import type { Optimizer } from '../optimizer.ts';
import { checkCount, checkMomentum, forGroup, perGroup } from './per-group.ts';
import { LRScheduler, type ScheduledSettings } from './scheduler.ts';

const schema = z.strictObject({
  baseLr: perGroup(),
  maxLr: perGroup(),
  stepSizeUp: wholeNumber(1).default(2000),
  stepSizeDown: wholeNumber(1).optional(),
  mode: oneOf('triangular', 'triangular2', 'expRange').default('triangular'),
  gamma: positiveNumber().default(1),
  scaleFn: anyThat<(x: number) => number>('a function', (value) => typeof value === 'function').optional(),
  scaleMode: oneOf('cycle', 'iterations').default('cycle'),
  cycleMomentum: flag().default(true),
  baseMomentum: numberBetween(0, 1).default(0.8),
  maxMomentum: numberBetween(0, 1).default(0.9),
});

/** Options of {@link CyclicLR}. */
export interface CyclicLROptions {
  /** The lowest rate: one for all parameter groups, or one each. */
  baseLr: number | readonly number[];
  /** The highest rate of the first cycle. */
  maxLr: number | readonly number[];
  /** Steps from low to high. Default 2000. */
  stepSizeUp?: number | undefined;
  /** Steps from high to low. Default: as many as up. */
  stepSizeDown?: number | undefined;
  /** Full height always, half of it at each further cycle, or `gamma ^ step` of it. Default `'triangular'`. */
  mode?: 'triangular' | 'triangular2' | 'expRange' | undefined;
  /** Of `'expRange'`. Default 1. */
  gamma?: number | undefined;
  /** The height as a function of the cycle (from 1) or of the step; `mode` is then ignored. */
  scaleFn?: ((x: number) => number) | undefined;
  /** What `scaleFn` is a function of. Default `'cycle'`. */
  scaleMode?: 'cycle' | 'iterations' | undefined;
  /** Lower momentum (or Adam's beta1) while the rate rises. Default `true`. */
  cycleMomentum?: boolean | undefined;
  /** Default 0.8. */
  baseMomentum?: number | undefined;
  /** Default 0.9. */
  maxMomentum?: number | undefined;
}

/**
 * Cyclical learning rates (Smith 2017), with PyTorch's formula. Step it after every optimizer step.
 *
 * @example
 * ```ts
 * const scheduler = new CyclicLR(optimizer, { baseLr: 1e-4, maxLr: 1e-2, stepSizeUp: 500, mode: 'triangular2' });
 * ```
 */
export class CyclicLR extends LRScheduler {
  readonly #options: z.output<typeof schema>;

  /** @throws ConfigError when momentum is to be cycled and the optimizer has none */
  constructor(optimizer: Optimizer, options: CyclicLROptions) {
    super(optimizer);
    this.#options = parseOptions('CyclicLR', schema, options);
    checkCount('CyclicLR', 'baseLr', this.#options.baseLr, optimizer);
    checkCount('CyclicLR', 'maxLr', this.#options.maxLr, optimizer);
    if (this.#options.cycleMomentum) checkMomentum('CyclicLR', optimizer);
    this.start();
  }

  at(epoch: number): ScheduledSettings[] {
    const { baseLr, maxLr, cycleMomentum, baseMomentum, maxMomentum } = this.#options;
    const height = this.#heightAt(epoch);
    const momentum = maxMomentum - (maxMomentum - baseMomentum) * height;
    return this.scaled((_, __, group) => {
      const base = forGroup(baseLr, group);
      return base + (forGroup(maxLr, group) - base) * height;
    }).map((settings) => (cycleMomentum ? { ...settings, momentum } : settings));
  }

  /** How far up between the bounds: 0 to 1, before any scaling by cycle. */
  #heightAt(epoch: number): number {
    const { stepSizeUp, stepSizeDown = stepSizeUp } = this.#options;
    const cycle = Math.floor(epoch / (stepSizeUp + stepSizeDown)) + 1;
    const within = epoch % (stepSizeUp + stepSizeDown);
    const height = within <= stepSizeUp ? within / stepSizeUp : 1 - (within - stepSizeUp) / stepSizeDown;
    return height * this.#scaleAt(cycle, epoch);
  }

  #scaleAt(cycle: number, epoch: number): number {
    const { mode, gamma, scaleFn, scaleMode } = this.#options;
    if (scaleFn) return scaleFn(scaleMode === 'cycle' ? cycle : epoch);
    switch (mode) {
      case 'triangular':
        return 1;
      case 'triangular2':
        return 0.5 ** (cycle - 1);
      case 'expRange':
        return gamma ** epoch;
      default:
        return mode satisfies never;
    }
  }
}
