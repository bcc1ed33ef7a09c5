/** The learning rate range test: rates to try, and what the losses at these rates suggest. Pure functions. */

/** What a range test has found: the loss, smoothed, at each rate that was tried. */
export interface LearningRateRange {
  readonly lrs: readonly number[];
  /** Exponentially smoothed, bias corrected. */
  readonly losses: readonly number[];
  /** The rate at which the loss falls most steeply; `undefined` when there are too few points to tell. */
  readonly suggestion: number | undefined;
}

/** The rates of a range test, from `minLr` to exactly `maxLr`. */
export function ratesToTry(minLr: number, maxLr: number, steps: number, mode: 'exponential' | 'linear'): number[] {
  return Array.from({ length: steps }, (_, i) => {
    if (i === steps - 1) return maxLr;
    const part = i / (steps - 1);
    return mode === 'linear' ? minLr + (maxLr - minLr) * part : minLr * (maxLr / minLr) ** part;
  });
}

/**
 * The rate where the loss falls most steeply by number of the step, as in Lightning: the first points, where the average
 * is not warm yet, and the last, which ended the test, do not count, nor do those whose loss is not finite.
 */
export function suggestRate(
  lrs: readonly number[],
  losses: readonly number[],
  { skipBegin = 10, skipEnd = 1 }: { skipBegin?: number | undefined; skipEnd?: number | undefined } = {},
): number | undefined {
  const points = losses
    .map((loss, i) => ({ loss, lr: lrs[i] as number }))
    .slice(skipBegin, losses.length - skipEnd)
    .filter(({ loss }) => Number.isFinite(loss));
  if (points.length < 2) return undefined;
  const slopes = slopesOf(points.map(({ loss }) => loss));
  const steepest = slopes.reduce((best, slope, i) => (slope < (slopes[best] as number) ? i : best), 0);
  return points[steepest]?.lr;
}

/** Slopes by central differences, one-sided at the ends. */
function slopesOf(values: readonly number[]): number[] {
  return values.map((value, i) => {
    const [before, after] = [values[i - 1], values[i + 1]];
    if (before === undefined) return (after as number) - value;
    if (after === undefined) return value - before;
    return (after - before) / 2;
  });
}
