/**
 * The results so far, a file per run: an experiment that was interrupted goes on after its last finished run, and several
 * processes can share one.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
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

/** Runs by name, such as `distilled/0`; kept on disk. */
export class Ledger {
  readonly #directory: string;

  /** @throws DataError `ledger` when the results in the directory are those of another plan */
  constructor(directory: string, plan: Plan) {
    this.#directory = join(directory, 'results');
    mkdirSync(this.#directory, { recursive: true });
    const file = join(directory, 'plan.json');
    const text = JSON.stringify(plan, null, 1);
    if (!existsSync(file)) write(file, text);
    if (readFileSync(file, 'utf8') === text) return;
    throw new DataError(`The results in ${directory} are those of another plan`, {
      code: 'ledger',
      help: 'give another directory with --out, or delete this one',
    });
  }

  get(name: string): Run | undefined {
    const file = this.#file(name);
    return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Run) : undefined;
  }

  /** The runs of one kind, by seed. */
  all(kind: string): Run[] {
    const directory = join(this.#directory, kind);
    if (!existsSync(directory)) return [];
    const seeds = readdirSync(directory).filter((file) => file.endsWith('.json'));
    return seeds.sort().map((file) => JSON.parse(readFileSync(join(directory, file), 'utf8')) as Run);
  }

  /** Minutes of training of all runs together. */
  get minutes(): number {
    const kinds = readdirSync(this.#directory);
    return kinds.flatMap((kind) => this.all(kind)).reduce((sum, { minutes }) => sum + minutes, 0);
  }

  add(name: string, run: Run): void {
    mkdirSync(dirname(this.#file(name)), { recursive: true });
    write(this.#file(name), `${JSON.stringify(run)}\n`);
  }

  #file(name: string): string {
    return join(this.#directory, `${name}.json`);
  }
}

/** Writes a file whole or not at all. */
function write(file: string, text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}
