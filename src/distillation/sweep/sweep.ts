/** Runs a sweep: every point once, finished ones never again, and then the report. */
import { z } from 'zod';
import { anyThat, numberBetween, parseOptions, positiveNumber, text, wholeNumber } from '../../core/options.ts';
import { RunLedger } from '../run-ledger.ts';
import { gridOf, type SweepPoint } from './grid.ts';
import { SweepReport } from './report.ts';
import type { FinishedRun } from './rows.ts';
import type { SweepRun } from './run.ts';

/** Options of {@link runSweep}. */
export interface SweepOptions {
  /** Names of the tasks. Default: one, `'task'`. */
  tasks?: readonly string[] | undefined;
  /** Sizes of the student, in whatever unit `run` takes them. Default: one, which has no number. */
  sizes?: readonly number[] | undefined;
  /** Default: one, 4. */
  temperatures?: readonly number[] | undefined;
  /** Weights of the teacher's part. Default: one, 0.9. */
  alphas?: readonly number[] | undefined;
  /** One run each of every student. Default: 0, 1 and 2. */
  seeds?: readonly number[] | undefined;
  /** Trains and measures one point; `undefined` when it was interrupted, which ends the sweep. */
  run: (point: SweepPoint) => Promise<SweepRun | undefined>;
  /** Finished runs are kept here. */
  directory: string;
  /** Everything else that the runs depend on, as JSON: a directory with runs of another plan is an error. */
  plan?: unknown;
  /** Headline of the report. */
  title?: string | undefined;
}

const list = <T extends z.ZodType>(of: T, expected: string) =>
  z
    .array(of, { error: expected })
    .min(1, { error: expected })
    .refine((values) => new Set(values).size === values.length, { error: `${expected}, none of them twice` })
    .readonly();

const schema = z.strictObject({
  tasks: list(text('a name'), 'at least one name').default(['task']),
  sizes: list(positiveNumber(), 'at least one number above 0').optional(),
  temperatures: list(positiveNumber(), 'at least one number above 0').default([4]),
  alphas: list(numberBetween(0, 1), 'at least one number from 0 to 1').default([0.9]),
  seeds: list(wholeNumber(0), 'at least one whole number').default([0, 1, 2]),
  run: anyThat<SweepOptions['run']>('a function', (value) => typeof value === 'function'),
  directory: text('the path of a directory'),
  plan: z.unknown().optional(),
  title: text('a title').default('Distillation sweep'),
});

/** What became of a sweep. */
export interface SweepResult {
  readonly status: 'finished' | 'interrupted';
  /** Of all finished runs. */
  readonly report: SweepReport;
}

/**
 * Trains students over sizes, tasks, temperatures and weights, each alone and distilled and with several seeds, and answers:
 * how small can the student be, which task profits, how do T and α behave? A sweep that was cut short goes on when it is called
 * again with the same directory; one that is given more values runs what is new.
 *
 * @throws ConfigError for wrong options; DataError `other-plan`, `ledger-damaged`; whatever `run` throws, all finished runs
 *   being kept
 *
 * @example
 * ```ts
 * const { report } = await runSweep({
 *   sizes: [0.5, 0.1, 0.02], temperatures: [2, 8], directory: 'runs/sweep', run: (point) => trainAndTest(point),
 * });
 * console.log(report.toTable());
 * ```
 */
export async function runSweep(options: SweepOptions): Promise<SweepResult> {
  const { run, directory, plan, title, sizes = [undefined], ...axes } = parseOptions('runSweep', schema, options);
  const ledger = new RunLedger<SweepRun>(directory, plan);
  const finished: FinishedRun[] = [];
  for (const point of gridOf({ ...axes, sizes })) {
    const known = ledger.get(point.name);
    const result = known ?? (await run(point));
    if (result === undefined) return { status: 'interrupted', report: new SweepReport(title, finished) };
    if (known === undefined) ledger.add(point.name, result);
    finished.push({ point, result });
  }
  return { status: 'finished', report: new SweepReport(title, finished) };
}
