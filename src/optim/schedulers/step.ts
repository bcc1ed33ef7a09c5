/** Schedulers that multiply the learning rate by `gamma`: now and then, at milestones, or always. */
import { z } from 'zod';
import { anyThat, parseOptions, positiveNumber, wholeNumber } from '../../core/options.ts';
import type { Optimizer } from '../optimizer.ts';
import { LRScheduler, type ScheduledSettings } from './scheduler.ts';

const stepSchema = z.strictObject({ stepSize: wholeNumber(1), gamma: positiveNumber().default(0.1) });

const multiStepSchema = z.strictObject({
  milestones: anyThat<readonly number[]>('whole numbers of at least 0', areMilestones),
  gamma: positiveNumber().default(0.1),
});

const exponentialSchema = z.strictObject({ gamma: positiveNumber() });

/** Options of {@link StepLR}. */
export interface StepLROptions {
  /** Calls of `step()` between two drops. */
  stepSize: number;
  /** Default 0.1. */
  gamma?: number | undefined;
}

/** Multiplies the learning rate by `gamma` at every `stepSize`-th step. */
export class StepLR extends LRScheduler {
  readonly #options: z.output<typeof stepSchema>;

  constructor(optimizer: Optimizer, options: StepLROptions) {
    super(optimizer);
    this.#options = parseOptions('StepLR', stepSchema, options);
    this.start();
  }

  at(epoch: number): ScheduledSettings[] {
    const { gamma, stepSize } = this.#options;
    return this.scaled((initial) => initial * gamma ** Math.floor(epoch / stepSize));
  }
}

/** Options of {@link MultiStepLR}. */
export interface MultiStepLROptions {
  /** Steps at which the rate drops, in any order; one that is named twice counts twice. */
  milestones: readonly number[];
  /** Default 0.1. */
  gamma?: number | undefined;
}

/** Multiplies the learning rate by `gamma` at each milestone. */
export class MultiStepLR extends LRScheduler {
  readonly #options: z.output<typeof multiStepSchema>;

  constructor(optimizer: Optimizer, options: MultiStepLROptions) {
    super(optimizer);
    this.#options = parseOptions('MultiStepLR', multiStepSchema, options);
    this.start();
  }

  at(epoch: number): ScheduledSettings[] {
    const { gamma, milestones } = this.#options;
    const passed = milestones.filter((milestone) => milestone <= epoch).length;
    return this.scaled((initial) => initial * gamma ** passed);
  }
}

/** Multiplies the learning rate by `gamma` at every step. */
export class ExponentialLR extends LRScheduler {
  readonly #gamma: number;

  constructor(optimizer: Optimizer, options: { gamma: number }) {
    super(optimizer);
    this.#gamma = parseOptions('ExponentialLR', exponentialSchema, options).gamma;
    this.start();
  }

  at(epoch: number): ScheduledSettings[] {
    return this.scaled((initial) => initial * this.#gamma ** epoch);
  }
}

function areMilestones(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => Number.isInteger(item) && item >= 0);
}
