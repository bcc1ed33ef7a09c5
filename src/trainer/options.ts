/** The trainer's flags, as in Lightning: what each means, its default, and the check that it gets. */
import { z } from 'zod';
import type { Callback, LoggerLike } from '../core/contracts.ts';
import { type BatchLimit, isBatchLimit, isTimeSpan, parseAmount, plainLimit, type TimeSpan } from '../core/duration.ts';
import { ConfigError } from '../core/errors.ts';
import { anyThat, countIn, flag, oneOf, parseOptions, positiveNumber, text, wholeNumber } from '../core/options.ts';
import type { ProfilerLike } from '../core/profiling.ts';
import { ENGINE_NAMES, type EngineName } from '../engine/types.ts';
import { environmentDefaults } from './environment.ts';

/** One callback or several. */
export type Callbacks = Callback | readonly Callback[];

/**
 * Options of {@link Trainer}. Counts are numbers, fractions are percentages: `10` is ten batches, `'25%'` a quarter.
 * What is left out is taken from the environment: `KELVIN_TRAINER_MAX_EPOCHS=3` for `maxEpochs`.
 */
export interface TrainerOptions<C extends Callbacks = Callbacks> {
  /** Which engine computes; `'auto'` (default) takes the fastest that can be started. */
  engine?: EngineName | 'auto' | undefined;
  /** Epochs to train; `-1` for no limit. Default 1000, or no limit when `maxSteps` or `maxTime` is given. */
  maxEpochs?: number | `${number}ep` | undefined;
  /** Epochs below which requests to stop are ignored. Default 0. */
  minEpochs?: number | `${number}ep` | undefined;
  /** Optimizer steps to take; `-1` (default) for no limit. */
  maxSteps?: number | `${number}st` | undefined;
  /** Optimizer steps below which requests to stop are ignored. Default 0. */
  minSteps?: number | `${number}st` | undefined;
  /** Wall time after which to stop, such as `'30min'`. */
  maxTime?: TimeSpan | undefined;
  /** How many batches of the training loader an epoch uses. Default `'100%'`. */
  limitTrainBatches?: BatchLimit | undefined;
  limitValBatches?: BatchLimit | undefined;
  limitTestBatches?: BatchLimit | undefined;
  limitPredictBatches?: BatchLimit | undefined;
  /**
   * Validate every n training batches of an epoch (`200`, `'200ba'`), at a percentage of it, or whenever so much time of
   * training has passed, `'30min'`, epochs notwithstanding. Default `'100%'`, the end of the epoch.
   */
  valCheckInterval?: BatchLimit | TimeSpan | undefined;
  /** Validate in every n-th epoch only. `null`: `valCheckInterval` counts batches across epochs. Default 1. */
  checkValEveryNEpoch?: number | null | undefined;
  /** Validation batches to try before training starts; `-1` for all. Default 2. */
  numSanityValSteps?: number | undefined;
  /** Write a row of step metrics every n optimizer steps; `0` for never. Default 50. */
  logEveryNSteps?: number | `${number}st` | undefined;
  /** Loggers. `true` (default): TensorBoard, below `defaultRootDir`. `false`: none. */
  logger?: boolean | LoggerLike | readonly LoggerLike[] | undefined;
  /** Hand the hyper-parameters of module and data module to the loggers when a fit begins. Default `true`. */
  enableAutologHparams?: boolean | undefined;
  callbacks?: C | undefined;
  /** Add a `ModelCheckpoint` when none is given. Default `true`. */
  enableCheckpointing?: boolean | undefined;
  /** Add a progress bar when none is given. Default `true`. */
  enableProgressBar?: boolean | undefined;
  /** Print a summary of the module before training. Default `true`. */
  enableModelSummary?: boolean | undefined;
  /** Batches whose gradients are averaged into one optimizer step. Default 1. */
  accumulateGradBatches?: number | undefined;
  /** Clip gradients to this norm or value. Default: no clipping. */
  gradientClipVal?: number | undefined;
  /** `'norm'` (default) scales all gradients together, `'value'` cuts each element. */
  gradientClipAlgorithm?: 'norm' | 'value' | undefined;
  /**
   * Run each training step as one call of the engine, recorded from the first steps. `'auto'` (default): where the engine
   * can, and eagerly what cannot be compiled, which is said once; `true`: that is an error; `false`: never.
   */
  compile?: 'auto' | boolean | undefined;
  /** Throw a NonFiniteError when the loss is NaN or infinite, before the weights are touched. Default `true`. */
  terminateOnNaN?: boolean | undefined;
  /**
   * Look at what every operation of a training step computes, forward and backward, and throw a NonFiniteError that names
   * the first with a NaN in it. For the search for a fault: it takes many times as long. Default `false`.
   */
  detectAnomaly?: boolean | undefined;
  /** Run `n` batches (or 1 with `true`) of everything, with nothing logged or saved: does it all fit together? */
  fastDevRun?: boolean | number | undefined;
  /** Train and validate on the same few batches, in order. Default 0, off. */
  overfitBatches?: BatchLimit | undefined;
  /** Ask the module or data module for its loaders again every n epochs. Default 0: once per `fit`. */
  reloadDataloadersEveryNEpochs?: number | undefined;
  /** Where logs and checkpoints go by default. Default: the working directory. */
  defaultRootDir?: string | undefined;
  /** Nothing attached: no logger, checkpoint, bar, summary, sanity check. Default `false`. */
  barebones?: boolean | undefined;
  /**
   * Measure how long hooks, steps, data and checkpoints take: `'simple'` prints a table, `'chrome'` writes a time line for
   * Perfetto, a `Profiler` does what it does. Default `false`.
   */
  profiler?: 'simple' | 'chrome' | ProfilerLike | false | undefined;
  /**
   * Name whatever leaves tensors behind, hook, step or loader: `true` warns, `'error'` throws. It costs some time per
   * hook. Default: `true` where `NODE_ENV` is `development`, else `false`.
   */
  detectLeaks?: boolean | 'error' | undefined;
  /** Finish the step, save and return on Ctrl-C or SIGTERM; end the process at the second one. Default `true`. */
  handleSignals?: boolean | undefined;
}

const COUNT_OR_PERCENT = "a count of at least 0, such as 10 or '10ba', or a percentage such as '25%'";
const limit = () => anyThat<BatchLimit>(COUNT_OR_PERCENT, isBatchLimit);
const plainInterval = (value: BatchLimit | TimeSpan) => (isTimeSpan(value) ? value : plainLimit(value));
const isNothing = (value: BatchLimit | TimeSpan): boolean => value === 0 || parseAmount(value)?.amount === 0;
const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;
const isLogger = (value: unknown): boolean => isObject(value) && typeof (value as LoggerLike).logMetrics === 'function';
const isProfiler = (value: unknown): boolean => isObject(value) && typeof (value as ProfilerLike).begin === 'function';
const isCallback = (value: unknown): boolean => isObject(value) && !Array.isArray(value);
const oneOrMore = (test: (value: unknown) => boolean) => (value: unknown) =>
  Array.isArray(value) ? value.every(test) : test(value);

const schema = z.strictObject({
  engine: oneOf('auto', ...ENGINE_NAMES).optional(),
  maxEpochs: countIn('ep', -1).optional(),
  minEpochs: countIn('ep', 0).default(0),
  maxSteps: countIn('st', -1).default(-1),
  minSteps: countIn('st', 0).default(0),
  maxTime: anyThat<TimeSpan>("a time such as '30min', '90s' or '2h'", isTimeSpan).optional(),
  limitTrainBatches: limit().default('100%'),
  limitValBatches: limit().default('100%'),
  limitTestBatches: limit().default('100%'),
  limitPredictBatches: limit().default('100%'),
  valCheckInterval: anyThat<BatchLimit | TimeSpan>(
    "a count of at least 1, such as 200 or '200ba', a percentage above 0 such as '50%', or a time such as '30min'",
    (value) => (isBatchLimit(value) || isTimeSpan(value)) && !isNothing(value),
  ).default('100%'),
  checkValEveryNEpoch: wholeNumber(1).nullable().default(1),
  numSanityValSteps: wholeNumber(-1).default(2),
  logEveryNSteps: countIn('st', 0).default(50),
  logger: anyThat<boolean | LoggerLike | readonly LoggerLike[]>(
    'true, false, a logger or an array of loggers',
    (value) => typeof value === 'boolean' || oneOrMore(isLogger)(value),
  ).default(true),
  enableAutologHparams: flag().default(true),
  callbacks: anyThat<Callback | readonly Callback[]>(
    'a callback or an array of callbacks',
    oneOrMore(isCallback),
  ).default([]),
  enableCheckpointing: flag().optional(),
  enableProgressBar: flag().optional(),
  enableModelSummary: flag().optional(),
  accumulateGradBatches: wholeNumber(1).default(1),
  gradientClipVal: positiveNumber().optional(),
  gradientClipAlgorithm: oneOf('norm', 'value').default('norm'),
  compile: z.union([z.boolean(), z.literal('auto')], { error: "true, false or 'auto'" }).default('auto'),
  terminateOnNaN: flag().default(true),
  detectAnomaly: flag().default(false),
  fastDevRun: z.union([z.boolean(), z.int().min(0)], { error: 'true, false or a count of at least 0' }).default(false),
  overfitBatches: limit().default(0),
  reloadDataloadersEveryNEpochs: wholeNumber(0).default(0),
  defaultRootDir: text().optional(),
  barebones: flag().default(false),
  handleSignals: flag().default(true),
  profiler: anyThat<'simple' | 'chrome' | ProfilerLike | false>(
    "'simple', 'chrome', a profiler or false",
    (value) => value === false || value === 'simple' || value === 'chrome' || isProfiler(value),
  ).default(false),
  detectLeaks: anyThat<boolean | 'error'>(
    "true, false or 'error'",
    (value) => typeof value === 'boolean' || value === 'error',
  ).optional(),
});

/** The flags with all defaults filled in and those that imply others resolved. */
export type ResolvedTrainerOptions = ReturnType<typeof resolveTrainerOptions>;

/**
 * Checks the flags and resolves what they imply for one another.
 *
 * @throws ConfigError `unknown-option`, `invalid-option` or `conflicting-options`
 */
export function resolveTrainerOptions(options: TrainerOptions) {
  parseOptions('Trainer', schema, options);
  const given: TrainerOptions = { ...options, ...environmentDefaults(schema, options) };
  const flags = parseOptions('Trainer', schema, given);
  if (flags.barebones) refuseWithBarebones(given);
  if (flags.detectAnomaly && flags.compile === true) throw anomaliesInCompiledSteps();
  const dev = Number(flags.fastDevRun);
  const quiet = dev > 0 || flags.barebones;
  const unlimited = flags.maxSteps !== -1 || flags.maxTime !== undefined;
  const overfit = isNothing(flags.overfitBatches) ? undefined : plainLimit(flags.overfitBatches);
  const cap = <T>(value: T): T | number => (dev > 0 ? dev : value);
  return {
    ...flags,
    fastDevRun: dev > 0,
    overfitBatches: overfit,
    maxEpochs: dev > 0 ? 1 : (flags.maxEpochs ?? (unlimited ? -1 : 1000)),
    maxSteps: cap(flags.maxSteps) as number,
    limitTrainBatches: cap(overfit ?? plainLimit(flags.limitTrainBatches)) as BatchLimit,
    limitValBatches: cap(overfit ?? plainLimit(flags.limitValBatches)) as BatchLimit,
    limitTestBatches: cap(plainLimit(flags.limitTestBatches)) as BatchLimit,
    limitPredictBatches: cap(plainLimit(flags.limitPredictBatches)) as BatchLimit,
    valCheckInterval: dev > 0 ? ('100%' as const) : plainInterval(flags.valCheckInterval),
    checkValEveryNEpoch: dev > 0 ? 1 : flags.checkValEveryNEpoch,
    numSanityValSteps: quiet ? 0 : flags.numSanityValSteps,
    logger: quiet ? false : flags.logger,
    enableCheckpointing: !quiet && (flags.enableCheckpointing ?? true),
    enableProgressBar: !flags.barebones && (flags.enableProgressBar ?? true),
    enableModelSummary: !flags.barebones && (flags.enableModelSummary ?? true),
    detectLeaks: flags.detectLeaks ?? (!flags.barebones && process.env.NODE_ENV === 'development'),
    defaultRootDir: flags.defaultRootDir ?? process.cwd(),
  };
}

/** Checks a limit that is set later. */
export function resolveLimit<N extends 'maxEpochs' | 'maxSteps'>(name: N, value: number): Record<N, number> {
  return parseOptions('Trainer', z.strictObject({ [name]: wholeNumber(-1) }), { [name]: value }) as Record<N, number>;
}

function anomaliesInCompiledSteps(): ConfigError {
  return new ConfigError('Trainer: option `detectAnomaly`', {
    code: 'conflicting-options',
    expected: 'false, since `compile` is true: a compiled step is one operation',
    got: 'true',
    help: 'leave out one of them',
  });
}

function refuseWithBarebones(given: TrainerOptions): void {
  const attached = [
    'logger',
    'enableCheckpointing',
    'enableProgressBar',
    'enableModelSummary',
    'profiler',
    'detectLeaks',
    'detectAnomaly',
    'numSanityValSteps',
  ] as const;
  for (const name of attached) {
    if (given[name] === undefined || given[name] === false || given[name] === 0) continue;
    throw new ConfigError(`Trainer: option \`${name}\``, {
      code: 'conflicting-options',
      expected: 'nothing to be attached, since `barebones` is on',
      help: `leave out \`barebones\` or \`${name}\``,
    });
  }
}
