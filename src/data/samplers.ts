/**
 * Samplers: in which order an epoch visits the samples. An order depends on the seed and the epoch and on nothing
 * else, so a run can resume in the middle of an epoch without having walked through its beginning.
 */
import { deriveSeed, Random } from '../core/random.ts';

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

const identity = (length: number): Uint32Array => {
  const indices = new Uint32Array(length);
  for (let i = 0; i < length; i++) indices[i] = i;
  return indices;
};
