/** How sure a figure is: 95 % intervals over seeds, and over samples where there is one seed only. */

/** A figure with the interval that it lies in, 95 times of 100. */
export interface Estimate {
  /** The mean over the seeds. */
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** One value per seed. */
  readonly seeds: readonly number[];
}

/** What 95 % of a normal distribution lie within, in standard deviations. */
export const Z = 1.959963984540054;

/** How {@link overSeeds} finds an interval. */
export interface Interval {
  /** The interval where there is one seed only. */
  readonly alone: (value: number) => readonly [number, number];
  /** What the figure cannot be below or above: 0 and 1 for a share. Default: nothing. */
  readonly least?: number | undefined;
  readonly most?: number | undefined;
}

/**
 * The mean over seeds with Student's interval. That knows nothing of limits: of few seeds of a share near 1 it would reach
 * beyond 1. What lies beyond is cut off, by which the interval still holds as often.
 */
export function overSeeds(
  seeds: readonly number[],
  { alone, least = Number.NEGATIVE_INFINITY, most = Number.POSITIVE_INFINITY }: Interval,
): Estimate {
  const value = mean(seeds);
  const [low, high] = seeds.length === 1 ? alone(value) : student(value, seeds);
  return { value, low: Math.max(least, low), high: Math.min(most, high), seeds };
}

function student(value: number, seeds: readonly number[]): [number, number] {
  const variance = seeds.reduce((sum, one) => sum + (one - value) ** 2, 0) / (seeds.length - 1);
  const half = studentT(seeds.length - 1) * Math.sqrt(variance / seeds.length);
  return [value - half, value + half];
}

/** Wilson's interval of a share that was counted over `samples` (Wilson 1927). */
export function wilson(share: number, samples: number): [number, number] {
  const z2 = Z * Z;
  const centre = (share + z2 / (2 * samples)) / (1 + z2 / samples);
  const half = (Z / (1 + z2 / samples)) * Math.sqrt((share * (1 - share)) / samples + z2 / (4 * samples * samples));
  return [Math.max(0, centre - half), Math.min(1, centre + half)];
}

/** The same of a count, 0 to `samples`. */
export function wilsonCount(count: number, samples: number): [number, number] {
  const [low, high] = wilson(count / samples, samples);
  return [low * samples, high * samples];
}

/** The normal interval of a mean over samples. */
export function normalInterval(value: number, variance: number, samples: number): [number, number] {
  const half = Z * Math.sqrt(variance / samples);
  return [value - half, value + half];
}

export const mean = (values: readonly number[]): number => values.reduce((sum, one) => sum + one, 0) / values.length;

/**
 * The 97.5 % quantile of Student's t distribution, found by bisection.
 *
 * @param freedom degrees of freedom, a whole number of at least 1
 */
export function studentT(freedom: number): number {
  let [low, high] = [1.9, 13];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (centralShare(middle, freedom) < 0.95) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** The probability of |t| < `t`: the finite sums for whole degrees of freedom (Abramowitz and Stegun 26.7.3 and 26.7.4). */
function centralShare(t: number, freedom: number): number {
  const angle = Math.atan(t / Math.sqrt(freedom));
  const cos2 = Math.cos(angle) ** 2;
  const odd = freedom % 2 === 1;
  let term = odd ? Math.cos(angle) : 1;
  let sum = freedom === 1 ? 0 : term;
  for (let k = odd ? 3 : 2; k < freedom; k += 2) {
    term *= (cos2 * (k - 1)) / k;
    sum += term;
  }
  return odd ? (2 / Math.PI) * (angle + Math.sin(angle) * sum) : Math.sin(angle) * sum;
}

/**
 * By how much the first accuracies exceed the second, pair by pair: paired runs share a seed. Of a single pair the interval is
 * that of two shares of `samples`, taken as independent.
 */
export function pairedGain(own: readonly number[], other: readonly number[], samples: number): Estimate {
  const variance = (share: number): number => (share * (1 - share)) / samples;
  const alone = (gain: number): [number, number] => {
    const half = Z * Math.sqrt(variance(own[0] as number) + variance(other[0] as number));
    return [gain - half, gain + half];
  };
  return overSeeds(
    own.map((value, i) => value - (other[i] as number)),
    { alone, least: -1, most: 1 },
  );
}
