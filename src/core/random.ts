/**
 * Seeded random streams whose whole state is a few numbers, so that a checkpoint can hold them.
 * The generator is xoshiro128** (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2018),
 * seeded through splitmix32.
 */
import { ConfigError, show } from './errors.ts';

/** The state of a {@link Random}: four unsigned 32-bit integers, and the second of a pair of normals when it is pending. */
export type RandomState = readonly [number, number, number, number, number?];

/**
 * A stream of random numbers that repeats for the same seed and can be saved and restored.
 *
 * @example
 * ```ts
 * const random = new Random(7);
 * const saved = random.state();
 * const x = random.uniform();
 * random.restore(saved);
 * random.uniform() === x; // true
 * ```
 */
export class Random {
  #a = 0;
  #b = 0;
  #c = 0;
  #d = 0;
  #spareNormal: number | undefined;

  /**
   * @param seed a whole number from 0 to 2^32 - 1
   * @throws ConfigError `invalid-seed`
   */
  constructor(seed: number) {
    let mix = checkSeed(seed);
    const next = (): number => {
      mix = (mix + 0x9e3779b9) | 0;
      let z = mix ^ (mix >>> 16);
      z = Math.imul(z, 0x21f0aaad);
      z ^= z >>> 15;
      z = Math.imul(z, 0x735a2d97);
      return (z ^ (z >>> 15)) >>> 0;
    };
    this.restore([next(), next(), next(), next()]);
  }

  /** The next 32 random bits, as an unsigned integer. */
  bits(): number {
    const t5 = Math.imul(this.#b, 5);
    const result = Math.imul((t5 << 7) | (t5 >>> 25), 9) >>> 0;
    const t = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= t;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result;
  }

  /** Goes on by so many draws of {@link bits}. */
  skip(count: number): void {
    for (let i = 0; i < count; i++) this.bits();
  }

  /** Uniform in [0, 1), with 32 random bits. */
  uniform(): number {
    return this.bits() / 0x1_0000_0000;
  }

  /** A whole number uniform in [0, below), without bias. */
  integer(below: number): number {
    const limit = 0x1_0000_0000 - (0x1_0000_0000 % below);
    let bits = this.bits();
    while (bits >= limit) bits = this.bits();
    return bits % below;
  }

  /** Fills `target` with `value` where a coin with this probability falls so, else with 0. */
  fillBernoulli(target: Float32Array, probability: number, value: number): void {
    const threshold = probability * 0x1_0000_0000;
    for (let i = 0; i < target.length; i++) target[i] = this.bits() < threshold ? value : 0;
  }

  /** Normally distributed with mean 0 and variance 1 (Box-Muller, polar form). */
  normal(): number {
    if (this.#spareNormal !== undefined) {
      const spare = this.#spareNormal;
      this.#spareNormal = undefined;
      return spare;
    }
    let u: number;
    let v: number;
    let s: number;
    do {
      u = 2 * this.uniform() - 1;
      v = 2 * this.uniform() - 1;
      s = u * u + v * v;
    } while (s >= 1 || s === 0);
    const scale = Math.sqrt((-2 * Math.log(s)) / s);
    this.#spareNormal = v * scale;
    return u * scale;
  }

  /** Shuffles in place (Fisher-Yates) and returns the same array. */
  shuffle<T extends { length: number; [index: number]: number }>(items: T): T {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const swap = items[i] as number;
      (items as Record<number, number>)[i] = items[j] as number;
      (items as Record<number, number>)[j] = swap;
    }
    return items;
  }

  /** A stream of its own, derived from the next bits of this one. */
  fork(): Random {
    return new Random(this.bits());
  }

  /** The whole state. Asking for it changes nothing. */
  state(): RandomState {
    const words = [this.#a >>> 0, this.#b >>> 0, this.#c >>> 0, this.#d >>> 0] as const;
    return this.#spareNormal === undefined ? words : [...words, this.#spareNormal];
  }

  /** Continues from a saved {@link state}. */
  restore(state: RandomState): void {
    [this.#a, this.#b, this.#c, this.#d, this.#spareNormal] = state;
  }
}

/** A seed for one purpose, mixed from several whole numbers: `deriveSeed(seed, epoch, sampleId)`. */
export function deriveSeed(...parts: readonly number[]): number {
  let hash = 0x811c9dc5;
  for (const part of parts) {
    hash = Math.imul(hash ^ (part | 0), 0x01000193);
    hash ^= hash >>> 15;
    hash = Math.imul(hash, 0x85ebca6b);
    hash ^= hash >>> 13;
  }
  return hash >>> 0;
}

function checkSeed(seed: number): number {
  if (Number.isInteger(seed) && seed >= 0 && seed <= 0xffff_ffff) return seed;
  throw new ConfigError('Random seed', {
    code: 'invalid-seed',
    expected: 'a whole number from 0 to 4294967295',
    got: show(seed),
  });
}
