/** The rules of `log()`: what may be logged where, the defaults of each hook, and the errors that say so. */
import type { LogOptions, LogValue, XAxis } from '../core/contracts.ts';
import { ConfigError, show } from '../core/errors.ts';
import { HOOKS, type HookName, hookMethod, LOG_RULES, type LogHook, logRule } from '../core/hooks.ts';
import { unknownOption } from '../core/options.ts';
import * as tf from '../core/tf.ts';
import type { LogEntry, ResolvedLogOptions } from './log-entry.ts';

const KNOWN = ['progBar', 'logger', 'onStep', 'onEpoch', 'reduceFx', 'batchSize', 'xAxis', 'addDataloaderIdx'];
const REDUCTIONS = ['mean', 'sum', 'min', 'max'];
const AXES: readonly XAxis[] = ['step', 'epoch', 'sample', 'time'];

/** Fills in the defaults of the hook in which a value is logged, and refuses what cannot be logged there. */
export function resolveLogOptions(
  name: string,
  hook: LogHook,
  options: LogOptions,
  defaultXAxis: XAxis = 'step',
): ResolvedLogOptions {
  for (const key in options) if (!KNOWN.includes(key)) throw unknownOption(`log('${name}')`, key, KNOWN);
  const rule = LOG_RULES[logRule(hook)];
  if (rule === undefined) throw notLoggable(name, hook);
  const onStep = options.onStep ?? rule.onStep;
  const onEpoch = options.onEpoch ?? rule.onEpoch;
  const reduceFx = options.reduceFx ?? 'mean';
  if (!REDUCTIONS.includes(reduceFx)) {
    throw invalid(name, 'invalid-reduction', "`reduceFx` to be 'mean', 'sum', 'min' or 'max'", show(reduceFx));
  }
  if (onStep && !rule.stepAllowed) {
    throw invalid(name, 'no-step-here', `\`onStep\` to be false in ${methodName(hook)}`, 'true');
  }
  if (!onStep && !onEpoch) throw invalid(name, 'logged-nowhere', '`onStep` or `onEpoch`', 'neither');
  if (name.includes('/dataloader_idx_')) {
    throw invalid(name, 'reserved-name', 'a name without `/dataloader_idx_`', show(name));
  }
  const { logger = true, progBar = false } = options;
  return { onStep, onEpoch, reduceFx, logger, progBar, xAxis: resolveAxis(name, options.xAxis, defaultXAxis, onEpoch) };
}

/** A step has no place on the axis of epochs: there the default gives way, and a wish is refused. */
function resolveAxis(name: string, given: XAxis | undefined, preset: XAxis, onEpoch: boolean): XAxis {
  const axis = given ?? preset;
  if (!AXES.includes(axis)) {
    throw invalid(name, 'invalid-axis', "`xAxis` to be 'step', 'epoch', 'sample' or 'time'", show(axis));
  }
  if (axis !== 'epoch' || onEpoch) return axis;
  if (given === undefined) return 'step';
  throw invalid(name, 'epoch-axis-without-epoch', "`onEpoch`, since `xAxis` is 'epoch'", 'a value of single steps');
}

/** Refuses what is not a number, a boolean or a tensor with one element. */
export function checkLogValue(name: string, value: LogValue): void {
  if (typeof value === 'number' || typeof value === 'boolean') return;
  if (value instanceof tf.Tensor) {
    if (value.size === 1 && value.dtype !== 'string') return;
    throw invalid(
      name,
      'invalid-log-value',
      'a tensor with one element',
      `shape [${value.shape}], dtype ${value.dtype}`,
    );
  }
  throw invalid(name, 'invalid-log-value', 'a number, a boolean or a tensor with one element', show(value));
}

/** The same key must be logged with the same options throughout an epoch. */
export function checkAgreement(entry: LogEntry, options: ResolvedLogOptions): void {
  for (const key of Object.keys(options) as (keyof ResolvedLogOptions)[]) {
    if (entry.options[key] === options[key]) continue;
    throw invalid(
      entry.name,
      'changed-log-options',
      `\`${key}\` to be ${show(entry.options[key])}, as when it was first logged in ${entry.hook}`,
      show(options[key]),
    );
  }
}

/** The error for a mean whose weight cannot be told from the batch. */
export function unknownBatchSize(name: string): ConfigError {
  return new ConfigError(`log('${name}')`, {
    code: 'unknown-batch-size',
    expected: 'a batch with a tensor in it, to weight the mean by',
    got: 'none',
    help: 'pass `{ batchSize }`',
  });
}

const methodName = (hook: LogHook): string => (hook in HOOKS ? hookMethod(hook as HookName) : hook);

/** The error for a value that is logged while no hook or step runs. */
export function loggedOutside(name: string): ConfigError {
  return new ConfigError(`log('${name}')`, {
    code: 'not-loggable-here',
    got: 'called outside of all hooks and steps',
    help: 'log in a step, in a batch hook, or at the start or end of an epoch',
  });
}

function notLoggable(name: string, hook: LogHook): ConfigError {
  return new ConfigError(`log('${name}')`, {
    code: 'not-loggable-here',
    got: `called in ${methodName(hook)}, where nothing is logged`,
    help: 'log in a step, in a batch hook, or at the start or end of an epoch',
  });
}

function invalid(name: string, code: string, expected: string, got: string): ConfigError {
  return new ConfigError(`log('${name}')`, { code, expected, got });
}
