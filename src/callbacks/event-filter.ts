/** Event filters: which of the calls of a hook count, by number or by the units of training. */
import type { TrainerView } from '../core/contracts.ts';
import { parseAmount } from '../core/duration.ts';
import { ConfigError, show } from '../core/errors.ts';
import type { HookName } from '../core/hooks.ts';
import { partOfUnlimited, type TrainingCount, type TrainingPart } from '../core/training-time.ts';

/**
 * A number of calls of the hook itself, from 1; a count of epochs, batches or steps; or a part of the optimizer steps of the
 * whole training: `3`, `'2ep'`, `'100ba'`, `'50st'`, `'0.5dur'`.
 */
export type EventCount = number | TrainingCount | TrainingPart;

/** Which calls of a hook pass: those that meet all conditions. */
export interface EventFilter {
  /** Every n-th: `3` passes the 3rd, 6th, 9th, … */
  every?: EventCount | undefined;
  /** This one, or these. */
  once?: EventCount | readonly EventCount[] | undefined;
  /** Those before this one. */
  before?: EventCount | undefined;
  /** Those after this one. */
  after?: EventCount | undefined;
  /** Those for which this is true. Gets what the hook gets. */
  when?: ((trainer: TrainerView, ...args: never[]) => boolean) | undefined;
}

type Test = (at: (unit: Unit) => number, trainer: TrainerView) => boolean;
/** A count that has been read: of what, and how many in this training. */
type Read = readonly [unit: Unit, amount: (trainer: TrainerView) => number];
type Unit = 'calls' | 'ep' | 'ba' | 'st';

/** Hooks that run before their batch is counted, and what of it. */
const WITHIN_BATCH: readonly HookName[] = [
  'trainBatchStart',
  'beforeZeroGrad',
  'beforeBackward',
  'afterBackward',
  'beforeOptimizerStep',
];

/** The hooks that filters apply to: those that training calls again and again, and the batches of every stage. */
export const FILTERED_HOOKS: readonly HookName[] = [
  ...WITHIN_BATCH,
  'trainBatchEnd',
  'trainBatchesEnd',
  'trainEpochStart',
  'trainEpochEnd',
  'validationStart',
  'validationEpochStart',
  'validationBatchStart',
  'validationBatchEnd',
  'validationEpochEnd',
  'validationEnd',
  'testBatchStart',
  'testBatchEnd',
  'predictBatchStart',
  'predictBatchEnd',
];

/**
 * Turns a filter into a question: does this call of the hook pass?
 *
 * @throws ConfigError `invalid-filter`
 */
export function compileFilter(
  filter: EventFilter,
): (hook: HookName, trainer: TrainerView, args: readonly unknown[]) => boolean {
  const { every, once, before, after, when, ...rest } = filter;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) throw invalid(unknown, '`every`, `once`, `before`, `after` or `when`', unknown);
  const tests: Test[] = [];
  const add = (name: string, count: EventCount | undefined, holds: (position: number, amount: number) => boolean) => {
    if (count === undefined) return;
    const [unit, amount] = parse(name, count);
    tests.push((at, trainer) => holds(at(unit), amount(trainer)));
  };
  add('every', every, (position, n) => position > 0 && position % n === 0);
  add('before', before, (position, n) => position < n);
  add('after', after, (position, n) => position > n);
  if (once !== undefined) {
    const list = (Array.isArray(once) ? once : [once]).map((count: EventCount) => parse('once', count));
    if (list.length === 0) throw invalid('once', 'at least one number', show(once));
    tests.push((at, trainer) => list.some(([unit, amount]) => at(unit) === amount(trainer)));
  }
  if (when !== undefined && typeof when !== 'function') throw invalid('when', 'a function', show(when));
  if (tests.length === 0 && when === undefined) throw invalid('filter', 'at least one condition', 'none');
  return (hook, trainer, args) => {
    if (trainer.sanityChecking) return false;
    const at = (unit: Unit): number => positionOf(unit, hook, trainer, args);
    return tests.every((test) => test(at, trainer)) && (when?.(trainer, ...(args as never[])) ?? true);
  };
}

/** Where training is when a hook is called, counted from 1. Outside of `fit` only batches are counted. */
function positionOf(unit: Unit, hook: HookName, trainer: TrainerView, args: readonly unknown[]): number {
  if (unit === 'calls') return callsOf(hook, trainer, args);
  if (trainer.stage !== 'fit') return callsOf(hook, trainer, args);
  if (unit === 'ep') return trainer.currentEpoch + 1;
  if (unit === 'st') return trainer.globalStep + (hook === 'beforeOptimizerStep' ? 1 : 0);
  return trainer.globalBatch + (WITHIN_BATCH.includes(hook) ? 1 : 0);
}

/** Which call of the hook this is: derived from the counters of training, so that it is right after a resume. */
function callsOf(hook: HookName, trainer: TrainerView, args: readonly unknown[]): number {
  switch (hook) {
    case 'trainEpochStart':
    case 'trainBatchesEnd':
    case 'trainEpochEnd':
      return trainer.currentEpoch + 1;
    case 'beforeOptimizerStep':
      return trainer.globalStep + 1;
    case 'validationStart':
    case 'validationEpochStart':
    case 'validationEpochEnd':
    case 'validationEnd':
      return trainer.stage === 'fit' ? trainer.validations : 1;
    case 'validationBatchStart':
    case 'testBatchStart':
    case 'predictBatchStart':
      return Number(args[1]) + 1;
    case 'validationBatchEnd':
    case 'testBatchEnd':
    case 'predictBatchEnd':
      return Number(args[2]) + 1;
    default:
      return trainer.globalBatch + (WITHIN_BATCH.includes(hook) ? 1 : 0);
  }
}

const NOTHING = { amount: 0, unit: undefined };

function parse(name: string, count: EventCount): Read {
  const { amount, unit } =
    typeof count === 'number' ? { amount: count, unit: 'calls' as const } : (parseAmount(count) ?? NOTHING);
  if (unit === 'dur' && amount > 0) return ['st', (trainer) => stepsOf(amount, name, trainer)];
  const counted = unit === 'calls' || unit === 'ep' || unit === 'ba' || unit === 'st';
  if (counted && Number.isInteger(amount) && amount >= 1) return [unit, () => amount];
  throw invalid(name, "a whole number of at least 1, or '2ep', '100ba', '50st', '0.5dur'", show(count));
}

/** A part of the training in optimizer steps. Outside of `fit` there is nothing to take a part of, and nothing is reached. */
function stepsOf(part: number, name: string, { stage, estimatedSteppingBatches: steps }: TrainerView): number {
  if (stage !== 'fit') return Number.POSITIVE_INFINITY;
  if (Number.isFinite(steps)) return Math.max(1, Math.ceil(steps * part - 1e-9));
  throw partOfUnlimited(`Event filter: \`${name}\``, `${part}dur`);
}

function invalid(name: string, expected: string, got: string): ConfigError {
  return new ConfigError(`Event filter: \`${name}\``, { code: 'invalid-filter', expected, got });
}
