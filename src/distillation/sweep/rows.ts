/** The runs of a sweep over their seeds: accuracy, and what distilling has gained, with intervals. */
import { type Estimate, overSeeds, pairedGain, wilson, wilsonCount } from '../report/statistics.ts';
import type { SweepPoint } from './grid.ts';
import type { SweepRun } from './run.ts';

/** A finished run and what it was. */
export interface FinishedRun {
  readonly point: SweepPoint;
  readonly result: SweepRun;
}

/** All seeds of one student, or of the teacher. */
export interface SweepRow {
  readonly task: string;
  readonly kind: SweepPoint['kind'];
  readonly size: number | undefined;
  readonly temperature: number | undefined;
  readonly alpha: number | undefined;
  readonly parameters: number;
  readonly samples: number;
  readonly errors: Estimate;
  /** Correctly classified share, 0 to 1. */
  readonly accuracy: Estimate;
  /** Share of the samples for which it says what the teacher says. */
  readonly agreement: Estimate | undefined;
  /** Accuracy above that of the same student alone, seed by seed; of distilled students. */
  readonly gain: Estimate | undefined;
}

/** One row for each thing that was trained, in the order of the runs. */
export function rowsOf(runs: readonly FinishedRun[]): SweepRow[] {
  const groups = new Map<string, FinishedRun[]>();
  for (const run of runs) groups.set(keyOf(run.point), [...(groups.get(keyOf(run.point)) ?? []), run]);
  return [...groups.values()].map((group) => {
    const { point, result } = group[0] as FinishedRun;
    const { task, kind, size, temperature, alpha } = point;
    const { parameters, samples } = result;
    const alone = groups.get(keyOf({ ...point, kind: 'alone', temperature: undefined, alpha: undefined })) ?? [];
    const agreements = group.flatMap((run) => run.result.agreement ?? []);
    const share = { alone: (value: number) => wilson(value, samples), least: 0, most: 1 };
    return {
      ...{ task, kind, size, temperature, alpha, parameters, samples },
      errors: overSeeds(
        group.map((run) => run.result.errors),
        { alone: (errors) => wilsonCount(errors, samples), least: 0, most: samples },
      ),
      accuracy: overSeeds(group.map(accuracyOf), share),
      agreement: agreements.length === 0 ? undefined : overSeeds(agreements, share),
      gain: kind === 'distilled' ? gainOf(group, alone) : undefined,
    };
  });
}

/** The row with the highest accuracy, the first of several. */
export const mostAccurate = (rows: readonly SweepRow[]): SweepRow | undefined =>
  rows.reduce<SweepRow | undefined>(
    (a, b) => (a === undefined || b.accuracy.value > a.accuracy.value ? b : a),
    undefined,
  );

const keyOf = ({ task, kind, size, temperature, alpha }: SweepPoint): string =>
  JSON.stringify([task, kind, size, temperature, alpha]);

const accuracyOf = ({ result }: FinishedRun): number => 1 - result.errors / result.samples;

function gainOf(distilled: readonly FinishedRun[], alone: readonly FinishedRun[]): Estimate | undefined {
  const pairs = distilled.flatMap((run) => {
    const other = alone.find(({ point }) => point.seed === run.point.seed);
    return other === undefined ? [] : [{ own: run, other }];
  });
  if (pairs.length === 0) return undefined;
  return pairedGain(
    pairs.map(({ own }) => accuracyOf(own)),
    pairs.map(({ other }) => accuracyOf(other)),
    (distilled[0] as FinishedRun).result.samples,
  );
}
