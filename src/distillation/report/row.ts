/** From what was counted of a model to its row in the report. */
import type { Contender } from './contender.ts';
import type { EvaluatedModel } from './report.ts';
import { normalInterval, overSeeds, wilson, wilsonCount } from './statistics.ts';
import type { Timing } from './stopwatch.ts';
import type { Tally } from './tally.ts';

/** The figures of one model, over its seeds. */
export function rowOf(
  name: string,
  tallies: readonly Tally[],
  { parameters, bytes, macs }: Contender,
  timing: Timing,
): EvaluatedModel {
  const [first] = tallies as [Tally, ...Tally[]];
  const { samples } = first;
  const over = (pick: (tally: Tally) => number, most: number, alone: (value: number) => readonly [number, number]) =>
    overSeeds(tallies.map(pick), { least: 0, most, alone });
  const share = (value: number) => wilson(value, samples);
  return {
    name,
    samples,
    errors: over(
      ({ errors }) => errors,
      samples,
      (errors) => wilsonCount(errors, samples),
    ),
    accuracy: over(({ accuracy }) => accuracy, 1, share),
    agreement: over(({ agreement }) => agreement, 1, share),
    kl: over(
      ({ kl }) => kl,
      Number.POSITIVE_INFINITY,
      (kl) => normalInterval(kl, first.klVariance, samples),
    ),
    ece: over(
      ({ ece }) => ece,
      1,
      (ece) => [ece, ece],
    ),
    sensitivity: Array.from(first.right, (_, c) => sum(tallies, (t) => t.right[c]) / sum(tallies, (t) => t.ofClass[c])),
    calibration: first.calibration,
    disagreements: disagreementsOf(tallies),
    parameters,
    bytes,
    macs,
    ...timing,
  };
}

const sum = (tallies: readonly Tally[], pick: (tally: Tally) => number | undefined): number =>
  tallies.reduce((total, tally) => total + (pick(tally) ?? 0), 0);

/** Pairs of classes that the reference and this model take for each other, the most frequent first; means over seeds. */
function disagreementsOf(tallies: readonly Tally[]): EvaluatedModel['disagreements'] {
  const { classes } = tallies[0] as Tally;
  const pairs = Array.from({ length: classes * classes }, (_, cell) => ({
    reference: Math.floor(cell / classes),
    model: cell % classes,
    samples: sum(tallies, ({ disagreements }) => disagreements[cell]) / tallies.length,
  }));
  return pairs.filter(({ samples }) => samples > 0).sort((a, b) => b.samples - a.samples);
}
