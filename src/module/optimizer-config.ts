/** What `configureOptimizers` may return, and the one form that the trainer makes of it. */
import { z } from 'zod';
import { ConfigError, show } from '../core/errors.ts';
import { anyThat, flag, oneOf, parseOptions, text, wholeNumber } from '../core/options.ts';
import { isPlainObject } from '../core/tensors.ts';
import * as tf from '../core/tf.ts';
import { fromTfOptimizer, LRScheduler, Optimizer, ReduceLROnPlateau } from '../optim/index.ts';

/** How and when a scheduler is stepped. */
export interface LRSchedulerConfig {
  scheduler: LRScheduler | ReduceLROnPlateau;
  /** `'step'`: after each optimizer step; `'epoch'` (default): after the last batch of an epoch. */
  interval?: 'epoch' | 'step' | undefined;
  /** Step it at every n-th interval. Default 1. */
  frequency?: number | undefined;
  /** The metric that {@link ReduceLROnPlateau} watches; required there. */
  monitor?: string | undefined;
  /** Whether a missing `monitor` is an error (default) or passed over. */
  strict?: boolean | undefined;
  /** The name under which `LearningRateMonitor` logs it. */
  name?: string | undefined;
}

/** An optimizer and the scheduler of its learning rate. */
export interface OptimizerConfig {
  optimizer: Optimizer | tf.Optimizer;
  lrScheduler?: LRScheduler | ReduceLROnPlateau | LRSchedulerConfig | undefined;
}

/** The return type of `configureOptimizers`. */
export type ConfiguredOptimizers = Optimizer | tf.Optimizer | OptimizerConfig | undefined;

/** A scheduler with all defaults filled in. */
export interface ResolvedScheduler {
  readonly scheduler: LRScheduler | ReduceLROnPlateau;
  readonly interval: 'epoch' | 'step';
  readonly frequency: number;
  readonly monitor: string | undefined;
  readonly strict: boolean;
  readonly name: string | undefined;
}

/** An optimizer with its schedulers. */
export interface ResolvedOptimizer {
  readonly optimizer: Optimizer;
  readonly schedulers: readonly ResolvedScheduler[];
}

const isScheduler = (value: unknown): boolean => value instanceof LRScheduler || value instanceof ReduceLROnPlateau;

const schedulerSchema = z.strictObject({
  scheduler: anyThat<LRScheduler | ReduceLROnPlateau>('a learning-rate scheduler', isScheduler),
  interval: oneOf('epoch', 'step').default('epoch'),
  frequency: wholeNumber(1).default(1),
  monitor: text().optional(),
  strict: flag().default(true),
  name: text().optional(),
});

const configSchema = z.strictObject({
  optimizer: anyThat<Optimizer | tf.Optimizer>('an optimizer', isOptimizer),
  lrScheduler: z.unknown().optional(),
});

/**
 * Checks what a module's `configureOptimizers` returned.
 *
 * @param moduleName the module's class, for errors
 * @param parameters the module's parameters, for stock tfjs optimizers, which do not hold any
 * @throws ConfigError `no-optimizer`, `invalid-option`, `unknown-option`, `scheduler-without-monitor`, `foreign-scheduler`
 */
export function resolveOptimizers(
  moduleName: string,
  returned: unknown,
  parameters: () => tf.Variable[],
): ResolvedOptimizer {
  const owner = `${moduleName}.configureOptimizers()`;
  if (returned === undefined || returned === null) {
    throw new ConfigError(owner, {
      code: 'no-optimizer',
      expected: 'an optimizer',
      got: 'none',
      help: 'return for example `new AdamW(this.parameters(), { lr: 1e-3 })`',
    });
  }
  if (isOptimizer(returned)) return { optimizer: adapt(returned, parameters), schedulers: [] };
  if (!isPlainObject(returned)) {
    throw new ConfigError(owner, {
      code: 'invalid-option',
      expected: 'an optimizer or { optimizer, lrScheduler }',
      got: show(returned),
    });
  }
  const config = parseOptions(owner, configSchema, returned);
  const optimizer = adapt(config.optimizer, parameters);
  if (config.lrScheduler === undefined) return { optimizer, schedulers: [] };
  const given = isScheduler(config.lrScheduler) ? { scheduler: config.lrScheduler } : config.lrScheduler;
  const resolved = parseOptions(`${owner}: lrScheduler`, schedulerSchema, given);
  checkScheduler(owner, resolved as ResolvedScheduler, optimizer);
  return { optimizer, schedulers: [resolved as ResolvedScheduler] };
}

function checkScheduler(owner: string, { scheduler, monitor }: ResolvedScheduler, optimizer: Optimizer): void {
  if (scheduler instanceof ReduceLROnPlateau && monitor === undefined) {
    throw new ConfigError(`${owner}: ReduceLROnPlateau`, {
      code: 'scheduler-without-monitor',
      expected: 'a `monitor`, the metric it watches',
      got: 'none',
      help: "return { optimizer, lrScheduler: { scheduler, monitor: 'val_loss' } }",
    });
  }
  if (scheduler.optimizer !== optimizer) {
    throw new ConfigError(`${owner}: ${scheduler.constructor.name}`, {
      code: 'foreign-scheduler',
      expected: 'a scheduler of the returned optimizer',
      got: 'one that was made for another optimizer',
    });
  }
}

function isOptimizer(value: unknown): value is Optimizer | tf.Optimizer {
  return value instanceof Optimizer || value instanceof tf.Optimizer;
}

function adapt(optimizer: Optimizer | tf.Optimizer, parameters: () => tf.Variable[]): Optimizer {
  return optimizer instanceof Optimizer ? optimizer : fromTfOptimizer(optimizer, parameters());
}
