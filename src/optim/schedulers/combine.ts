/** Schedulers made of schedulers: one after another, or all at once; and the most common such combination. */
import { z } from 'zod';
import { ConfigError } from '../../core/errors.ts';
import { anyThat, numberBetween, parseOptions, wholeNumber } from '../../core/options.ts';
import type { Optimizer } from '../optimizer.ts';
import { CosineAnnealingLR } from './cosine.ts';
import { LambdaLR, LinearLR } from './ramps.ts';
import { initialLrOf, LRScheduler, type ScheduledSettings } from './scheduler.ts';

const several = () =>
  anyThat<readonly LRScheduler[]>(
    'at least one scheduler, none of which needs a metric',
    (value) => Array.isArray(value) && value.length > 0 && value.every((item) => item instanceof LRScheduler),
  );

const sequentialSchema = z.strictObject({
  schedulers: several(),
  milestones: anyThat<readonly number[]>('whole numbers that increase', areIncreasing),
});

const chainedSchema = z.strictObject({ schedulers: several() });

const warmupSchema = z.strictObject({
  warmupSteps: wholeNumber(0),
  totalSteps: wholeNumber(1),
  minLr: numberBetween(0, Number.POSITIVE_INFINITY).default(0),
});

/** Options of {@link SequentialLR}. */
export interface SequentialLROptions {
  /** Schedulers of the same optimizer. Do not step them yourself. */
  schedulers: readonly LRScheduler[];
  /** The step at which each scheduler but the first takes over. */
  milestones: readonly number[];
}

/**
 * Runs schedulers one after another, each counting from its own beginning.
 *
 * @example
 * ```ts
 * const warmup = new LinearLR(optimizer, { startFactor: 0.1, totalIters: 5 });
 * const cosine = new CosineAnnealingLR(optimizer, { tMax: 95 });
 * const scheduler = new SequentialLR(optimizer, { schedulers: [warmup, cosine], milestones: [5] });
 * ```
 */
export class SequentialLR extends LRScheduler {
  readonly #schedulers: readonly LRScheduler[];
  readonly #milestones: readonly number[];

  /** @throws ConfigError for schedulers of another optimizer, or milestones that do not match */
  constructor(optimizer: Optimizer, options: SequentialLROptions) {
    super(optimizer);
    const { schedulers, milestones } = parseOptions('SequentialLR', sequentialSchema, options);
    checkOptimizers('SequentialLR', optimizer, schedulers);
    if (milestones.length !== schedulers.length - 1)
      throw new ConfigError('SequentialLR: option `milestones`', {
        code: 'invalid-option',
        expected: `${schedulers.length - 1}, one less than there are schedulers`,
        got: `${milestones.length}`,
      });
    this.#schedulers = schedulers;
    this.#milestones = milestones;
    this.start();
  }

  at(epoch: number): ScheduledSettings[] {
    const passed = this.#milestones.filter((milestone) => milestone <= epoch);
    const current = this.#schedulers[passed.length] as LRScheduler;
    return current.at(epoch - (passed.at(-1) ?? 0));
  }
}

/**
 * Applies schedulers together: their factors of the initial learning rate are multiplied. As in PyTorch for all
 * schedulers that scale the rate; one with an absolute lower bound (`etaMin`) is scaled as a whole.
 */
export class ChainedScheduler extends LRScheduler {
  readonly #schedulers: readonly LRScheduler[];

  /** @throws ConfigError for schedulers of another optimizer */
  constructor(optimizer: Optimizer, options: { schedulers: readonly LRScheduler[] }) {
    super(optimizer);
    this.#schedulers = parseOptions('ChainedScheduler', chainedSchema, options).schedulers;
    checkOptimizers('ChainedScheduler', optimizer, this.#schedulers);
    this.start();
  }

  at(epoch: number): ScheduledSettings[] {
    const each = this.#schedulers.map((scheduler) => scheduler.at(epoch));
    const momentumOf = (group: number) => each.findLast((settings) => settings[group]?.momentum !== undefined);
    return this.scaled((initial, _, group) => {
      if (initial === 0) return 0;
      return each.reduce((lr, settings) => lr * ((settings[group]?.lr ?? initial) / initial), initial);
    }).map((settings, group) => ({ ...settings, momentum: momentumOf(group)?.[group]?.momentum }));
  }
}

/** Options of {@link cosineWithWarmup}. */
export interface CosineWithWarmupOptions {
  /** Steps in which the rate rises to its full value. 0 for none. */
  warmupSteps: number;
  /** Steps until the rate is lowest, the warmup included. It stays there. */
  totalSteps: number;
  /** The lowest rate. Default 0. */
  minLr?: number | undefined;
}

/**
 * A linear warmup, then half a cosine down to `minLr`: the usual schedule of large models. The first step already has
 * `1 / (warmupSteps + 1)` of the full rate. Step it after every optimizer step.
 *
 * @throws ConfigError when the warmup is not shorter than the whole
 * @example
 * ```ts
 * const scheduler = cosineWithWarmup(optimizer, { warmupSteps: 500, totalSteps: trainer.estimatedSteppingBatches });
 * return { optimizer, lrScheduler: { scheduler, interval: 'step' } };
 * ```
 */
export function cosineWithWarmup(optimizer: Optimizer, options: CosineWithWarmupOptions): SequentialLR {
  const { warmupSteps, totalSteps, minLr } = parseOptions('cosineWithWarmup', warmupSchema, options);
  if (warmupSteps >= totalSteps)
    throw new ConfigError('cosineWithWarmup: option `warmupSteps`', {
      code: 'invalid-option',
      expected: `fewer than totalSteps, which is ${totalSteps}`,
      got: `${warmupSteps}`,
    });
  const cosine = new CosineAnnealingLR(optimizer, { tMax: totalSteps - warmupSteps, etaMin: minLr });
  const factors = optimizer.paramGroups.map((group) => (initialLrOf(group) === 0 ? 0 : minLr / initialLrOf(group)));
  const rest = new LambdaLR(optimizer, { lrLambda: factors.map((factor) => () => factor) });
  if (warmupSteps === 0) return new SequentialLR(optimizer, { schedulers: [cosine, rest], milestones: [totalSteps] });
  const warmup = new LinearLR(optimizer, { startFactor: 1 / (warmupSteps + 1), totalIters: warmupSteps });
  return new SequentialLR(optimizer, {
    schedulers: [warmup, cosine, rest],
    milestones: [warmupSteps, totalSteps],
  });
}

function checkOptimizers(owner: string, optimizer: Optimizer, schedulers: readonly LRScheduler[]): void {
  const stranger = schedulers.findIndex((scheduler) => scheduler.optimizer !== optimizer);
  if (stranger === -1) return;
  throw new ConfigError(`${owner}: scheduler ${stranger} belongs to another optimizer`, {
    code: 'foreign-scheduler',
    help: `make all schedulers for the optimizer that ${owner} is given`,
  });
}

function areIncreasing(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  return value.every((item, index) => Number.isInteger(item) && item > (index === 0 ? 0 : value[index - 1]));
}
