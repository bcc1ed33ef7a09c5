/**
 * Samplers that look at the samples: as many of each class, or samples of like size in one batch.
 */
import { z } from 'zod';
import { ConfigError } from '../../core/errors.ts';
import { parseOptions, wholeNumber } from '../../core/options.ts';
import { deriveSeed, Random } from '../../core/random.ts';
import type { Sampler } from './samplers.ts';

const seed = wholeNumber(0, 0xffff_ffff);
const balancedSchema = z.strictObject({ seed, samples: wholeNumber(0).optional() });
const bucketSchema = z.strictObject({ seed, batchSize: wholeNumber(1), pool: wholeNumber(1).default(50) });

/**
 * Every class equally often in an epoch, to within one sample, and so every sample of a class, in a new random order for
 * each epoch.
 *
 * @param labels the class of each sample
 * @param options `seed`; `samples`: how many an epoch has, default as many as there are labels
 * @throws ConfigError `invalid-option`; `no-samples` without labels
 *
 * @example
 * ```ts
 * new DataLoader(images, { sampler: new ClassBalancedSampler(images.labels, { seed: 1 }) });
 * ```
 */
export class ClassBalancedSampler implements Sampler {
  readonly length: number;
  readonly seed: number;
  readonly #classes: readonly Uint32Array[];

  constructor(labels: ArrayLike<number>, options: { seed: number; samples?: number | undefined }) {
    const given = parseOptions('ClassBalancedSampler', balancedSchema, options);
    this.seed = given.seed;
    this.length = given.samples ?? labels.length;
    const members = new Map<number, number[]>();
    for (let i = 0; i < labels.length; i++) {
      const label = labels[i] as number;
      const found = members.get(label);
      if (found) found.push(i);
      else members.set(label, [i]);
    }
    if (members.size === 0 && this.length > 0) {
      throw new ConfigError('ClassBalancedSampler', {
        code: 'no-samples',
        expected: 'at least one label',
        got: 'none',
      });
    }
    this.#classes = [...members].sort(([a], [b]) => a - b).map(([, indices]) => Uint32Array.from(indices));
  }

  indices(epoch: number): Uint32Array {
    const random = new Random(deriveSeed(this.seed, epoch));
    const turns = this.#classes.map((members) => random.shuffle(members.slice()));
    const first = turns.length > 0 ? random.integer(turns.length) : 0;
    const indices = new Uint32Array(this.length);
    for (let i = 0; i < indices.length; i++) {
      const members = turns[(first + i) % turns.length] as Uint32Array;
      indices[i] = members[Math.floor(i / turns.length) % members.length] as number;
    }
    return random.shuffle(indices);
  }
}

/**
 * Every sample once, in batches of samples of like size: less padding for texts and pictures of uneven extent. The samples
 * are shuffled, cut into pools of `pool` batches, sorted by size within a pool, and the batches are shuffled.
 *
 * @param sizes the size of each sample
 * @param options `seed`; `batchSize`: the loader's; `pool`: batches per pool, default 50: more is more alike, less is
 *   more random
 * @throws ConfigError `invalid-option`
 *
 * @example
 * ```ts
 * const sampler = new BucketSampler(texts.map((text) => text.length), { seed: 1, batchSize: 32 });
 * new DataLoader(dataset, { batchSize: 32, sampler });
 * ```
 */
export class BucketSampler implements Sampler {
  readonly length: number;
  readonly seed: number;
  readonly #sizes: ArrayLike<number>;
  readonly #batchSize: number;
  readonly #pool: number;

  constructor(sizes: ArrayLike<number>, options: { seed: number; batchSize: number; pool?: number | undefined }) {
    const given = parseOptions('BucketSampler', bucketSchema, options);
    this.length = sizes.length;
    this.seed = given.seed;
    this.#sizes = sizes;
    this.#batchSize = given.batchSize;
    this.#pool = given.pool;
  }

  indices(epoch: number): Uint32Array {
    const random = new Random(deriveSeed(this.seed, epoch));
    const order = random.shuffle(Uint32Array.from({ length: this.length }, (_, i) => i));
    const reach = this.#pool * this.#batchSize;
    for (let start = 0; start < order.length; start += reach) {
      order.subarray(start, start + reach).sort((a, b) => (this.#sizes[a] as number) - (this.#sizes[b] as number));
    }
    // The last batch stays last when it is smaller: the loader counts its batches from the front.
    const whole = Math.floor(this.length / this.#batchSize);
    const batches = random.shuffle(Uint32Array.from({ length: whole }, (_, i) => i));
    const shuffled = order.slice();
    batches.forEach((batch, place) => {
      const start = batch * this.#batchSize;
      shuffled.set(order.subarray(start, start + this.#batchSize), place * this.#batchSize);
    });
    return shuffled;
  }
}
