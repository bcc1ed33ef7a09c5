/**
 * Amounts with a unit. JavaScript cannot tell 1 from 1.0, so a bare number is always a count of batches and a fraction
 * is written as a percentage: `10` is ten batches, `'25%'` a quarter of them, `'30min'` a time.
 */
import { ConfigError, show } from './errors.ts';

/** A part of the batches of a loader: a count, or a percentage such as `'25%'`. */
export type BatchLimit = number | `${number}%`;

/** A time: milliseconds as `'500ms'`, or seconds, minutes, hours, days: `'90s'`, `'30min'`, `'2h'`, `'1d'`. */
export type TimeSpan = `${number}${'ms' | 's' | 'min' | 'h' | 'd'}`;

const MILLISECONDS = { ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** True for a count of at least 0 or a percentage from 0 to 100. */
export function isBatchLimit(value: unknown): value is BatchLimit {
  if (typeof value === 'number') return Number.isInteger(value) && value >= 0;
  const percent = percentage(value);
  return percent !== undefined && percent >= 0 && percent <= 100;
}

/** True for a time span such as `'30min'`. */
export function isTimeSpan(value: unknown): value is TimeSpan {
  return typeof value === 'string' && /^\d+(\.\d+)?(ms|s|min|h|d)$/.test(value);
}

/** Milliseconds of a time span. */
export function milliseconds(span: TimeSpan): number {
  const [, amount, unit] = /^([\d.]+)([a-z]+)$/.exec(span) ?? [];
  return Number(amount) * MILLISECONDS[unit as keyof typeof MILLISECONDS];
}

/**
 * How many of `total` batches a limit allows. A percentage is rounded down.
 *
 * @param name the option, for the error: `'limitTrainBatches'`
 * @param total number of batches; `Infinity` when the loader has no length
 * @throws ConfigError when a percentage leaves no batch, or is taken of a loader without length
 */
export function limitedCount(name: string, limit: BatchLimit, total: number): number {
  if (typeof limit === 'number') return Math.min(limit, total);
  const percent = percentage(limit) as number;
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

function percentage(value: unknown): number | undefined {
  const match = typeof value === 'string' ? /^(\d+(?:\.\d+)?)%$/.exec(value) : null;
  return match ? Number(match[1]) : undefined;
}
