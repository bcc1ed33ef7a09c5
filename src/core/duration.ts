/**
 * Amounts with a unit. JavaScript cannot tell 1 from 1.0, so a bare number is always a count of batches and a fraction
 * is written as a percentage: `10` is ten batches, `'25%'` a quarter of them, `'30min'` a time.
 */
import { ConfigError, show } from './errors.ts';

/** A part of the batches of a loader: a count, `10` or `'10ba'`, or a percentage such as `'25%'`. */
export type BatchLimit = number | `${number}%` | `${number}ba`;

/** A time: milliseconds as `'500ms'`, or seconds, minutes, hours, days: `'90s'`, `'30min'`, `'2h'`, `'1d'`. */
export type TimeSpan = `${number}${'ms' | 's' | 'min' | 'h' | 'd'}`;

/** Units of amounts: parts of a whole, batches, epochs, optimizer steps, parts of the whole training, time. */
export type Unit = '%' | 'ba' | 'ep' | 'st' | 'dur' | 'ms';

/** What a text means: how much of which unit. Times are in milliseconds. */
export interface Amount {
  readonly amount: number;
  readonly unit: Unit;
}

const MILLISECONDS = { ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/**
 * Reads an amount with its unit: `'25%'`, `'10ba'`, `'3ep'`, `'50st'`, `'0.5dur'`, `'30min'`. Batches, epochs and steps are
 * whole, percentages end at 100 and parts of the training at 1. `undefined` for anything else.
 */
export function parseAmount(value: unknown): Amount | undefined {
  const match = typeof value === 'string' ? /^(\d+(?:\.\d+)?)(%|[a-z]+)$/.exec(value) : null;
  if (match === null) return undefined;
  const amount = Number(match[1]);
  const unit = match[2] as string;
  switch (unit) {
    case '%':
      return amount <= 100 ? { amount, unit } : undefined;
    case 'dur':
      return amount <= 1 ? { amount, unit } : undefined;
    case 'ba':
    case 'ep':
    case 'st':
      return Number.isInteger(amount) ? { amount, unit } : undefined;
    default:
      if (!Object.hasOwn(MILLISECONDS, unit)) return undefined;
      return { amount: amount * MILLISECONDS[unit as keyof typeof MILLISECONDS], unit: 'ms' };
  }
}

/** True for a count of at least 0, also as `'10ba'`, or a percentage from 0 to 100. */
export function isBatchLimit(value: unknown): value is BatchLimit {
  if (typeof value === 'number') return Number.isInteger(value) && value >= 0;
  const unit = parseAmount(value)?.unit;
  return unit === '%' || unit === 'ba';
}

/** True for a time span such as `'30min'`. */
export function isTimeSpan(value: unknown): value is TimeSpan {
  return parseAmount(value)?.unit === 'ms';
}

/** Milliseconds of a time span. */
export function milliseconds(span: TimeSpan): number {
  return (parseAmount(span) as Amount).amount;
}

/**
 * How many of `total` batches a limit allows. A percentage is rounded down.
 *
 * @param name the option, for the error: `'limitTrainBatches'`
 * @param total number of batches; `Infinity` when the loader has no length
 * @throws ConfigError when a percentage leaves no batch, or is taken of a loader without length
 */
export function limitedCount(name: string, limit: BatchLimit, total: number): number {
  const { amount: percent, unit } =
    typeof limit === 'number' ? { amount: limit, unit: 'ba' } : (parseAmount(limit) as Amount);
  if (unit === 'ba') return Math.min(percent, total);
  if (percent === 100) return total;
  if (percent === 0) return 0;
  if (total === Number.POSITIVE_INFINITY) {
    throw new ConfigError(`Trainer: option \`${name}\``, {
      code: 'fraction-of-unsized-loader',
      expected: 'a count of batches, since the loader has no length',
      got: show(limit),
      help: 'give a number of batches, or give the loader a `length`',
    });
  }
  const count = Math.floor((total * percent) / 100 + 1e-9);
  if (count > 0 || total === 0) return count;
  throw new ConfigError(`Trainer: option \`${name}\``, {
    code: 'limit-leaves-no-batch',
    expected: `at least one of ${total} batches`,
    got: show(limit),
    help: `the smallest usable percentage is '${Math.ceil((100 / total) * 1000) / 1000}%' (1/${total})`,
  });
}

/** The same limit, with a count of batches as a plain number: `'10ba'` is `10`. */
export function plainLimit(limit: BatchLimit): number | `${number}%` {
  const given = parseAmount(limit);
  return given?.unit === 'ba' ? given.amount : (limit as number | `${number}%`);
}
