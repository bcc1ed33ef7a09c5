/**
 * Training time in the units that training has: epochs, batches, optimizer steps, or time on the clock. `'3ep'` is three
 * epochs, `'200ba'` two hundred batches, `'50st'` fifty optimizer steps, `'30min'` half an hour.
 */
import { isTimeSpan, parseAmount, type TimeSpan } from './duration.ts';

/** An amount of training: `'3ep'` epochs, `'200ba'` batches, `'50st'` optimizer steps. */
export type TrainingCount = `${number}${'ep' | 'ba' | 'st'}`;

/** An amount of training, or a time on the clock. */
export type TrainingTime = TrainingCount | TimeSpan;

/** The units of {@link TrainingTime}. */
export type TrainingUnit = 'ep' | 'ba' | 'st' | 'ms';

/** What a training time means: how much of which unit. */
export interface TrainingAmount {
  readonly amount: number;
  readonly unit: TrainingUnit;
}

/** True for a count with a unit, such as `'3ep'`. */
export function isTrainingCount(value: unknown): value is TrainingCount {
  return ['ep', 'ba', 'st'].includes(parseAmount(value)?.unit ?? '');
}

/** True for a count with a unit, or a time span. */
export function isTrainingTime(value: unknown): value is TrainingTime {
  return isTrainingCount(value) || isTimeSpan(value);
}

/** Reads a training time; clock time is in milliseconds. */
export function trainingAmount(time: TrainingTime): TrainingAmount {
  return parseAmount(time) as TrainingAmount;
}
