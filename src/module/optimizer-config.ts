/** What `configureOptimizers` may return, and the one form that the trainer makes of it. */
import { z } from 'zod';
import { ConfigError, show } from '../core/errors.ts';
import { anyThat, flag, oneOf, parseOptions, text, wholeNumber } from '../core/options.ts';
import { isPlainObject } from '../core/tensors.ts';
import * as tf from '../core/tf.ts';
import { fromTfOptimizer, LRScheduler, Optimizer, ReduceLROnPlateau } from '../optim/index.ts';

/** What a scheduler's `frequency` counts. */
export type ScheduleInterval = 'epoch' | 'step' | 'batch' | 'validation';

/** How and when a scheduler is stepped. */
export interface LRSchedulerConfig {
  scheduler: LRScheduler | ReduceLROnPlateau;
  /**
   * `'epoch'` (default): after the last batch of an epoch, before it is validated. `'step'`: after each optimizer step.
   * `'batch'`: after each training batch, whatever is accumulated. `'validation'`: after each validation.
   */
  interval?: ScheduleInterval | undefined;
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
  /** Tells several optimizers apart: in `{ losses }` and in names of learning rates. Default: its place, `'0'`. */
  name?: string | undefined;
  lrScheduler?: LRScheduler | ReduceLROnPlateau | LRSchedulerConfig | undefined;
}

/** The return type of `configureOptimizers`. */
export type ConfiguredOptimizers =
  | Optimizer
  | tf.Optimizer
  | OptimizerConfig
  | readonly (Optimizer | tf.Optimizer | OptimizerConfig)[]
  | undefined;

/** A scheduler with all defaults filled in. */
export interface ResolvedScheduler {
  readonly scheduler: LRScheduler | ReduceLROnPlateau;
  readonly interval: ScheduleInterval;
  readonly frequency: number;
  readonly monitor: string | undefined;
  readonly strict: boolean;
  readonly name: string | undefined;
}

/** An optimizer with its schedulers. */
export interface ResolvedOptimizer {
  readonly name: string;
  /** Whether the module gave it that name. */
  readonly named: boolean;
  readonly optimizer: Optimizer;
  readonly schedulers: readonly ResolvedScheduler[];
}

const isScheduler = (value: unknown): boolean => value instanceof LRScheduler || value instanceof ReduceLROnPlateau;

const schedulerSchema = z.strictObject({
  scheduler: anyThat<LRScheduler | ReduceLROnPlateau>('a learning-rate scheduler', isScheduler),
  interval: oneOf('epoch', 'step', 'batch', 'validation').default('epoch'),
  frequency: wholeNumber(1).default(1),
  monitor: text().optional(),
  strict: flag().default(true),
  name: text().optional(),
});

const configSchema = z.strictObject({
  optimizer: anyThat<Optimizer | tf.Optimizer>('an optimizer', isOptimizer),
  name: text().optional(),
  lrScheduler: z.unknown().optional(),
});

/**
 * Checks what a module's `configureOptimizers` returned.
 *
 * @param moduleName the module's class, for errors
 * @param parameters the module's parameters, for stock tfjs optimizers, which do not hold any
 * @throws ConfigError `no-optimizer`, `duplicate-optimizer-name`, `invalid-option`, `unknown-option`, `scheduler-without-monitor`, `foreign-scheduler`
 */
export function resolveOptimizers(
  moduleName: string,
  returned: unknown,
  parameters: () => tf.Variable[],
): ResolvedOptimizer[] {
  const owner = `${moduleName}.configureOptimizers()`;
  const list: readonly unknown[] = Array.isArray(returned) ? returned : [returned];
  const resolved = list.map((each, i) => resolveOne(owner, each, i, parameters));
  const twice = resolved.find(({ name }, i) => resolved.findIndex((other) => other.name === name) !== i);
  if (twice !== undefined) {
    throw new ConfigError(owner, {
      code: 'duplicate-optimizer-name',
      expected: 'a name of its own for each optimizer',
      got: `'${twice.name}' twice`,
    });
  }
  if (resolved.length === 0) throw withoutOptimizer(owner);
  return resolved;
}

function resolveOne(owner: string, given: unknown, index: number, parameters: () => tf.Variable[]): ResolvedOptimizer {
  const unnamed = { name: String(index), named: false };
  if (given === undefined || given === null) throw withoutOptimizer(owner);
  if (isOptimizer(given)) return { ...unnamed, optimizer: adapt(given, parameters), schedulers: [] };
  if (!isPlainObject(given)) {
    throw new ConfigError(owner, {
      code: 'invalid-option',
      expected: 'an optimizer or { optimizer, lrScheduler }',
      got: show(given),
    });
  }
  const config = parseOptions(owner, configSchema, given);
  const names = config.name === undefined ? unnamed : { name: config.name, named: true };
  const optimizer = adapt(config.optimizer, parameters);
  if (config.lrScheduler === undefined) return { ...names, optimizer, schedulers: [] };
  const scheduler = isScheduler(config.lrScheduler) ? { scheduler: config.lrScheduler } : config.lrScheduler;
  const resolved = parseOptions(`${owner}: lrScheduler`, schedulerSchema, scheduler) as ResolvedScheduler;
  checkScheduler(owner, resolved, optimizer);
  return { ...names, optimizer, schedulers: [resolved] };
}

function withoutOptimizer(owner: string): ConfigError {
  return new ConfigError(owner, {
    code: 'no-optimizer',
    expected: 'an optimizer',
    got: 'none',
    help: 'return for example `new AdamW(this.parameters(), { lr: 1e-3 })`',
  });
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
