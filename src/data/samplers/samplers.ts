/**
 * Samplers: in which order an epoch visits the samples. An order depends on the seed and the epoch and on nothing
 * else, so a run can resume in the middle of an epoch without having walked through its beginning.
 */
import { ConfigError } from '../../core/errors.ts';
import { deriveSeed, Random } from '../../core/random.ts';

/** The order in which samples are visited, per epoch. */
export interface Sampler {
  /** How many indices an epoch has. */
  readonly length: number;
  /** The indices of one epoch. The same epoch must give the same indices, or a resumed run will differ. */
  indices(epoch: number): Uint32Array | Iterable<number>;
}

/** Every sample once, first to last. */
export class SequentialSampler implements Sampler {
  readonly length: number;

  constructor(length: number) {
    this.length = length;
  }

  indices(): Uint32Array {
    return identity(this.length);
  }
}

/**
 * Every sample once, in a random order of its own for each epoch.
 *
 * @example
 * ```ts
 * new RandomSampler(5, { seed: 1 }).indices(0); // a permutation of 0 … 4
 * ```
 */
export class RandomSampler implements Sampler {
  readonly length: number;
  readonly seed: number;

  constructor(length: number, options: { seed: number }) {
    this.length = length;
    this.seed = options.seed;
  }

  indices(epoch: number): Uint32Array {
    return new Random(deriveSeed(this.seed, epoch)).shuffle(identity(this.length));
  }
}

/**
 * Samples drawn with replacement, each as often as its weight says: for classes of unequal size.
 *
 * @throws ConfigError `invalid-weights` for weights that are negative, not finite, or all zero
 *
 * @example
 * ```ts
 * const weights = Array.from(labels, (label) => 1 / counts[label]);
 * new DataLoader(dataset, { sampler: new WeightedRandomSampler(weights, { samples: labels.length, seed: 1 }) });
 * ```
 */
export class WeightedRandomSampler implements Sampler {
  readonly length: number;
  readonly seed: number;
  readonly #sums: Float64Array;

  constructor(weights: ArrayLike<number>, options: { samples: number; seed: number }) {
    this.length = options.samples;
    this.seed = options.seed;
    this.#sums = runningSums(weights);
  }

  indices(epoch: number): Uint32Array {
    const random = new Random(deriveSeed(this.seed, epoch));
    const total = this.#sums.at(-1) as number;
    const indices = new Uint32Array(this.length);
    for (let i = 0; i < indices.length; i++) indices[i] = firstAbove(this.#sums, random.uniform() * total);
    return indices;
  }
}

function runningSums(weights: ArrayLike<number>): Float64Array {
  const sums = new Float64Array(weights.length);
  let sum = 0;
  for (let i = 0; i < weights.length; i++) {
    const weight = weights[i] as number;
    if (!(weight >= 0 && weight < Number.POSITIVE_INFINITY)) throw invalidWeights(`weight ${weight} of sample ${i}`);
    sum += weight;
    sums[i] = sum;
  }
  if (!(sum > 0 && sum < Number.POSITIVE_INFINITY)) throw invalidWeights(`a sum of ${sum}`);
  return sums;
}

/** Binary search: the first index whose running sum is above `value`. */
function firstAbove(sums: Float64Array, value: number): number {
  let low = 0;
  let high = sums.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sums[middle] as number) > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

const invalidWeights = (got: string): ConfigError =>
  new ConfigError('WeightedRandomSampler', {
    code: 'invalid-weights',
    expected: 'finite weights of at least 0 with a sum above 0',
    got,
  });

const identity = (length: number): Uint32Array => {
  const indices = new Uint32Array(length);
  for (let i = 0; i < length; i++) indices[i] = i;
  return indices;
};
