/** How a value changes over the epochs or steps of a run: constant, linear, cosine, exponential, in steps, warmed up. */
import { z } from 'zod';
import { parseAmount } from '../../core/duration.ts';
import { ConfigError, show } from '../../core/errors.ts';
import { anyThat, flag, oneOf, parseOptions } from '../../core/options.ts';

/** Where a run is, for schedules of one's own. */
export interface ScheduleProgress {
  /** Counted from 0. */
  readonly epoch: number;
  /** Optimizer steps taken so far. */
  readonly step: number;
  /** The share of the run that is done, 0 to 1; NaN for a run without an end. */
  readonly progress: number;
}

/** A schedule of one's own: of the epoch (or step, see `interval`), counted from 0, and of how many there are. */
export type ScheduleFunction = (epoch: number, epochs: number, at: ScheduleProgress) => number;

/** A number of epochs or steps, whichever the schedule counts, or a part of all of them. */
export type ScheduleSpan = number | `${number}dur`;

/** A schedule by name, over epochs or steps. */
export type NamedSchedule =
  | { readonly schedule: 'constant'; readonly value?: number | undefined }
  | {
      /** From `start` towards `end`: linear is `end + (start - end)(1 - e/E)`, exponential `start · (end / start)^(e/E)`. */
      readonly schedule: 'linear' | 'cosine' | 'exponential';
      readonly start?: number | undefined;
      readonly end?: number | undefined;
      /** Reach `end` in the last epoch: divide by `E - 1`. Default `false`, as the linear form was published. */
      readonly endInclusive?: boolean | undefined;
    }
  | {
      /** `start`, multiplied by `gamma` (0.5) every `every` epochs, never below `end`. */
      readonly schedule: 'step';
      readonly start?: number | undefined;
      readonly end?: number | undefined;
      readonly gamma?: number | undefined;
      /** Epochs (or steps, by `interval`), or a part of all: `5`, `'0.25dur'`. */
      readonly every: ScheduleSpan;
    }
  | {
      /** From `start` to `end` in a line over the first `over` epochs, then `end`: `min(e / over, 1)` for weights. */
      readonly schedule: 'warmup';
      readonly start?: number | undefined;
      readonly end?: number | undefined;
      /** Epochs (or steps), or a part of all: `10`, `'0.25dur'`. */
      readonly over: ScheduleSpan;
    };

/** What a schedule is of: its name in errors, its defaults, and which numbers it may give. */
export interface ScheduledQuantity {
  readonly owner: string;
  readonly constant: number;
  readonly start: number;
  readonly end: number;
  readonly number: () => z.ZodNumber;
}

/**
 * Turns a schedule into a function.
 *
 * @throws ConfigError `invalid-option`, `unknown-option`
 */
export function scheduleFunction(
  { owner, number, ...defaults }: ScheduledQuantity,
  schedule: NamedSchedule | ScheduleFunction,
): ScheduleFunction {
  if (typeof schedule === 'function') return schedule;
  const ends = { start: number().default(defaults.start), end: number().default(defaults.end) };
  switch (schedule?.schedule) {
    case 'constant': {
      const schema = z.strictObject({ schedule: oneOf('constant'), value: number().default(defaults.constant) });
      const { value } = parseOptions(owner, schema, schedule);
      return () => value;
    }
    case 'linear':
    case 'cosine':
    case 'exponential': {
      const names = oneOf('linear', 'cosine', 'exponential');
      const schema = z.strictObject({ schedule: names, ...ends, endInclusive: flag().default(false) });
      const { start, end, endInclusive } = parseOptions(owner, schema, schedule);
      const at = CURVES[schedule.schedule];
      return (epoch, epochs) => at(start, end, Math.min(1, epoch / (endInclusive ? Math.max(1, epochs - 1) : epochs)));
    }
    case 'step': {
      const schema = z.strictObject({
        schedule: oneOf('step'),
        ...ends,
        gamma: z.number({ error: 'a number above 0' }).positive({ error: 'a number above 0' }).default(0.5),
        every: span(),
      });
      const { start, end, gamma, every } = parseOptions(owner, schema, schedule);
      return (epoch, epochs) => Math.max(end, start * gamma ** Math.floor(epoch / lengthOf(every, epochs) + 1e-9));
    }
    case 'warmup': {
      const schema = z.strictObject({ schedule: oneOf('warmup'), ...ends, over: span() });
      const { start, end, over } = parseOptions(owner, schema, schedule);
      return (epoch, epochs) => start + (end - start) * Math.min(1, epoch / lengthOf(over, epochs));
    }
    default:
      throw new ConfigError(`${owner}: option \`schedule\``, {
        code: 'invalid-option',
        expected: "'constant', 'linear', 'cosine', 'exponential', 'step', 'warmup' or a function",
        got: show((schedule as { schedule?: unknown } | undefined)?.schedule),
      });
  }
}

const span = () =>
  anyThat<ScheduleSpan>("a whole number of at least 1, or a part of the run above 0 such as '0.25dur'", (value) => {
    if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 1;
    const given = parseAmount(value);
    return given?.unit === 'dur' && given.amount > 0;
  });

const lengthOf = (given: ScheduleSpan, all: number): number =>
  typeof given === 'number' ? given : (parseAmount(given)?.amount as number) * all;

/** From `start` at 0 to `end` at 1. */
const CURVES = {
  linear: (start: number, end: number, t: number) => end + (start - end) * (1 - t),
  cosine: (start: number, end: number, t: number) => end + ((start - end) * (1 + Math.cos(Math.PI * t))) / 2,
  exponential: (start: number, end: number, t: number) => start * (end / start) ** t,
} as const;
