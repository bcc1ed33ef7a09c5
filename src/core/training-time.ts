/**
 * Training time in the units that training has: epochs, batches, optimizer steps, or time on the clock. `'3ep'` is three
 * epochs, `'200ba'` two hundred batches, `'50st'` fifty optimizer steps, `'30min'` half an hour.
 */
import { type Amount, isTimeSpan, parseAmount, type TimeSpan } from './duration.ts';
import { ConfigError } from './errors.ts';

/** An amount of training: `'3ep'` epochs, `'200ba'` batches, `'50st'` optimizer steps. */
export type TrainingCount = `${number}${'ep' | 'ba' | 'st'}`;

/** An amount of training, or a time on the clock. */
export type TrainingTime = TrainingCount | TimeSpan;

/** A part of the whole training, `'0.5dur'`: of its optimizer steps, or of its epochs. */
export type TrainingPart = `${number}dur`;

/** True for a count with a unit, such as `'3ep'`. */
export function isTrainingCount(value: unknown): value is TrainingCount {
  return ['ep', 'ba', 'st'].includes(parseAmount(value)?.unit ?? '');
}

/** True for a count with a unit, or a time span. */
export function isTrainingTime(value: unknown): value is TrainingTime {
  return isTrainingCount(value) || isTimeSpan(value);
}

/** A number of epochs: `3`, `'3ep'`, or a part of the training, `'0.5dur'`. */
export type EpochCount = number | `${number}ep` | TrainingPart;

/** True for a number of epochs of at least `min`, or a part of the training. */
export function isEpochCount(value: unknown, min: number): value is EpochCount {
  const { amount, unit } = typeof value === 'number' ? { amount: value, unit: 'ep' } : (parseAmount(value) ?? NOTHING);
  return unit === 'dur' || (unit === 'ep' && Number.isInteger(amount) && amount >= min);
}

const NOTHING = { amount: 0, unit: undefined };

/**
 * How many epochs that is. A part is rounded down.
 *
 * @param option for the error: `'BackboneFinetuning: option `unfreezeBackboneAtEpoch`'`
 * @throws ConfigError `fraction-of-unlimited-training`
 */
export function epochsOf(count: EpochCount, maxEpochs: number, option: string): number {
  if (typeof count === 'number') return count;
  const { amount, unit } = parseAmount(count) as Amount;
  if (unit === 'ep') return amount;
  if (maxEpochs !== -1) return Math.floor(maxEpochs * amount + 1e-9);
  throw partOfUnlimited(option, count);
}

/** The error for a part of a training that has no end. */
export function partOfUnlimited(option: string, got: string): ConfigError {
  return new ConfigError(option, {
    code: 'fraction-of-unlimited-training',
    expected: 'a count, since the training has no end to take a part of',
    got: `'${got}'`,
    help: 'set `maxEpochs` or `maxSteps`',
  });
}
