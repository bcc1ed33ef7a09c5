/**
 * The process-wide random stream: what `seedEverything` sets, what layers and initializers draw from,
 * and what a checkpoint saves.
 */
import { Random, type RandomState } from './random.ts';

const native = Math.random;
let stream = new Random(Math.floor(native() * 0x1_0000_0000));

/** The stream that Kelvin's own layers draw from. Seed it with {@link seedEverything}. */
export function globalRandom(): Random {
  return stream;
}

/**
 * Makes every random choice of this process repeatable: Kelvin's global stream restarts from `seed`, and
 * `Math.random`, which stock tfjs initializers and layers draw from, is led through the same stream.
 *
 * @param seed a whole number from 0 to 2^32 - 1
 * @returns a function that gives `Math.random` back its native generator
 * @throws ConfigError `invalid-seed`
 *
 * @example
 * ```ts
 * seedEverything(42);
 * const net = new Net();          // the same weights in every run
 * ```
 */
export function seedEverything(seed: number): () => void {
  stream = new Random(seed);
  Math.random = () => stream.uniform();
  return () => {
    Math.random = native;
  };
}

/**
 * Seeds everything with {@link seedEverything}, runs `make`, and gives `Math.random` back: for making a module whose weights
 * repeat.
 *
 * @throws ConfigError `invalid-seed`
 *
 * @example
 * ```ts
 * const net = withSeed(42, () => new Net());
 * ```
 */
export function withSeed<T>(seed: number, make: () => T): T {
  const restore = seedEverything(seed);
  try {
    return make();
  } finally {
    restore();
  }
}

/** Runs `body` and puts the global stream back to where it was: what `body` draws changes nothing later. */
export async function withIsolatedRandom<T>(body: () => Promise<T>): Promise<T> {
  const saved: RandomState = stream.state();
  try {
    return await body();
  } finally {
    stream.restore(saved);
  }
}
