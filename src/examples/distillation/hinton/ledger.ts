/** What is known of a finished run, and how long all of them took. */
import { RunLedger } from 'kelvin';
import type { Plan } from './plan.ts';

/** One finished run. */
export interface Run {
  readonly errors: number;
  readonly curve: readonly number[];
  readonly minutes: number;
  /** Errors on the omitted digits, and what a shift of their biases makes of the errors. */
  readonly omitted?: OmittedRun;
}

/** A run whose transfer set lacked some digits. */
export interface OmittedRun {
  readonly digits: readonly number[];
  readonly errorsOnThem: number;
  /** The shift chosen on the test set, as in the paper, and what it leaves. */
  readonly onTest: BiasShift;
  /** The shift chosen on the training set, the omitted digits in it. */
  readonly onTraining: BiasShift;
}

/** A shift of biases, with the test errors it leaves in all and on the omitted digits. */
export interface BiasShift {
  readonly bias: number;
  readonly errors: number;
  readonly errorsOnThem: number;
}

/** Runs by name, such as `distilled/0`; kept on disk. */
export type Ledger = RunLedger<Run>;

/** @throws DataError when the results in the directory are those of another plan */
export const openLedger = (directory: string, plan: Plan): Ledger => new RunLedger<Run>(directory, plan);

/** Minutes of training of all runs together. */
export const minutesOf = (ledger: Ledger): number => ledger.all().reduce((sum, { minutes }) => sum + minutes, 0);
