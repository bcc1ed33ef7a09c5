/** The results so far, in one file: an experiment that was interrupted goes on after its last finished run. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from 'kelvin';
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

/** Runs by name; kept on disk. */
export class Ledger {
  readonly #file: string;
  readonly #runs: Map<string, Run>;
  readonly #plan: string;

  /** @throws DataError `ledger` when the file's results are those of another plan */
  constructor(directory: string, plan: Plan) {
    mkdirSync(directory, { recursive: true });
    this.#file = join(directory, 'results.json');
    this.#plan = JSON.stringify(plan);
    const saved = existsSync(this.#file) ? JSON.parse(readFileSync(this.#file, 'utf8')) : { plan, runs: {} };
    if (JSON.stringify(saved.plan) !== this.#plan) {
      throw new DataError(`The results in ${this.#file} are those of another plan`, {
        code: 'ledger',
        help: 'give another directory with --out, or delete the file',
      });
    }
    this.#runs = new Map(Object.entries(saved.runs as Record<string, Run>));
  }

  get(name: string): Run | undefined {
    return this.#runs.get(name);
  }

  /** All runs whose name begins with `prefix`, in the order in which they finished. */
  all(prefix: string): Run[] {
    return [...this.#runs].filter(([name]) => name.startsWith(prefix)).map(([, run]) => run);
  }

  /** Minutes of training of all runs together. */
  get minutes(): number {
    return [...this.#runs.values()].reduce((sum, { minutes }) => sum + minutes, 0);
  }

  add(name: string, run: Run): void {
    this.#runs.set(name, run);
    const text = JSON.stringify({ plan: JSON.parse(this.#plan), runs: Object.fromEntries(this.#runs) }, null, 1);
    writeFileSync(`${this.#file}.new`, text);
    renameSync(`${this.#file}.new`, this.#file);
  }
}
