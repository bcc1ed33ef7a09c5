/** Schedulers whose factor is a simple function of the step: constant, linear, polynomial, or the user's own. */
import { z } from 'zod';
import { ConfigError } from '../../core/errors.ts';
import { anyThat, numberBetween, parseOptions, wholeNumber } from '../../core/options.ts';
import type { Optimizer } from '../optimizer.ts';
import { LRScheduler, type ScheduledSettings } from './scheduler.ts';

const startingFactor = () => {
  const error = 'a number above 0, up to 1';
  return z.number({ error }).positive({ error }).max(1, { error });
};

const constantSchema = z.strictObject({
  factor: numberBetween(0, 1).default(1 / 3),
  totalIters: wholeNumber(0).default(5),
});

const linearSchema = z.strictObject({
  startFactor: startingFactor().default(1 / 3),
  endFactor: numberBetween(0, 1).default(1),
  totalIters: wholeNumber(0).default(5),
});

const polynomialSchema = z.strictObject({
  totalIters: wholeNumber(1).default(5),
  power: numberBetween(0, Number.POSITIVE_INFINITY).default(1),
});

/** A factor of the initial learning rate after `epoch` steps. */
export type LRLambda = (epoch: number) => number;

const lambdaSchema = z.strictObject({
  lrLambda: anyThat<LRLambda | readonly LRLambda[]>('a function of the epoch, or one per parameter group', areLambdas),
});

/** Options of {@link ConstantLR}. */
export interface ConstantLROptions {
  /** From 0 to 1; default 1/3. */
  factor?: number | undefined;
  /** Steps for which the factor holds. Default 5. */
  totalIters?: number | undefined;
}

/** Multiplies the learning rate by `factor` until `totalIters` steps are done. */
export class ConstantLR extends LRScheduler {
  readonly #options: z.output<typeof constantSchema>;

  constructor(optimizer: Optimizer, options: ConstantLROptions = {}) {
    super(optimizer);
    this.#options = parseOptions('ConstantLR', constantSchema, options);
    this.start();
  }

  at(epoch: number): ScheduledSettings[] {
    const { factor, totalIters } = this.#options;
    return this.scaled((initial) => (epoch < totalIters ? initial * factor : initial));
  }
}

/** Options of {@link LinearLR}. */
export interface LinearLROptions {
  /** Above 0, up to 1; default 1/3. */
  startFactor?: number | undefined;
  /** From 0 to 1; default 1. */
  endFactor?: number | undefined;
  /** Steps from the one factor to the other. Default 5. */
  totalIters?: number | undefined;
}

/** Moves the learning rate's factor along a line: a warmup, or a linear decay. */
export class LinearLR extends LRScheduler {
  readonly #options: z.output<typeof linearSchema>;

  constructor(optimizer: Optimizer, options: LinearLROptions = {}) {
    super(optimizer);
    this.#options = parseOptions('LinearLR', linearSchema, options);
    this.start();
  }

  at(epoch: number): ScheduledSettings[] {
    const { startFactor, endFactor, totalIters } = this.#options;
    const progress = epoch >= totalIters ? 1 : epoch / totalIters;
    return this.scaled((initial) => initial * (startFactor + (endFactor - startFactor) * progress));
  }
}

/** Options of {@link PolynomialLR}. */
export interface PolynomialLROptions {
  /** Steps until the rate is 0. Default 5. */
  totalIters?: number | undefined;
  /** Default 1. */
  power?: number | undefined;
}

/** Lowers the learning rate to 0 as `(1 - step / totalIters) ^ power`. */
export class PolynomialLR extends LRScheduler {
  readonly #options: z.output<typeof polynomialSchema>;

  constructor(optimizer: Optimizer, options: PolynomialLROptions = {}) {
    super(optimizer);
    this.#options = parseOptions('PolynomialLR', polynomialSchema, options);
    this.start();
  }

  at(epoch: number): ScheduledSettings[] {
    const { totalIters, power } = this.#options;
    return this.scaled((initial) => initial * (1 - Math.min(epoch, totalIters) / totalIters) ** power);
  }
}

/** Options of {@link LambdaLR}. */
export interface LambdaLROptions {
  /** The factor of the initial rate after `epoch` steps: one function, or one per parameter group. */
  lrLambda: LRLambda | readonly LRLambda[];
}

/**
 * Multiplies the initial learning rate by a function of the step.
 *
 * @example
 * ```ts
 * const scheduler = new LambdaLR(optimizer, { lrLambda: (epoch) => 1 / Math.sqrt(epoch + 1) });
 * ```
 */
export class LambdaLR extends LRScheduler {
  readonly #lambda: LRLambda | readonly LRLambda[];

  /** @throws ConfigError when there are several functions, but not one per group */
  constructor(optimizer: Optimizer, options: LambdaLROptions) {
    super(optimizer);
    this.#lambda = parseOptions('LambdaLR', lambdaSchema, options).lrLambda;
    const groups = optimizer.paramGroups.length;
    if (typeof this.#lambda !== 'function' && this.#lambda.length !== groups)
      throw new ConfigError('LambdaLR: option `lrLambda`', {
        code: 'invalid-option',
        expected: `${groups} functions, one per parameter group`,
        got: `${this.#lambda.length}`,
      });
    this.start();
  }

  at(epoch: number): ScheduledSettings[] {
    const lambda = this.#lambda;
    return this.scaled((initial, _, index) => {
      const own = typeof lambda === 'function' ? lambda : lambda[index];
      return initial * (own ? own(epoch) : 1);
    });
  }
}

function areLambdas(value: unknown): boolean {
  return typeof value === 'function' || (Array.isArray(value) && value.every((item) => typeof item === 'function'));
}
