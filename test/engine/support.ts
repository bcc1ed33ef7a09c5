/** What the engine tests share: random values, closeness, and a look for leaks below the level of tensors. */
import { appendFileSync } from 'node:fs';
import { type EngineName, Random, startEngine, tf } from 'kelvin';
import { afterAll, beforeEach, expect } from 'vitest';
import { isWanted, LEVELS, type Level, limitLevel } from '../../src/engine/wasm/companion/level.ts';
import { TESTED } from '../support/boring.ts';

export { TESTED };

/** Starts the tested engine. */
export const startTested = () => startEngine({ engine: TESTED });

/** What a suite runs at: each level of the embedded engine that is wanted, or another engine as it is. */
export const TESTED_LEVELS: readonly (Level | EngineName)[] = TESTED === 'wasm' ? LEVELS.filter(isWanted) : [TESTED];

/** For the body of a `describe` over {@link TESTED_LEVELS}: its tests run at that level, what comes later at the highest. */
export function runAt(level: Level | EngineName): void {
  if (TESTED !== 'wasm') return;
  const highest = LEVELS.findLast(isWanted) as Level;
  beforeEach(() => limitLevel(level as Level));
  afterAll(() => limitLevel(highest));
}

/** Normal values, rounded to single precision, as the engine will see them. */
export function normals(seed: number, length: number): Float32Array {
  const random = new Random(seed);
  return Float32Array.from({ length }, () => random.normal());
}

/** Equal to within `tolerance`, relative to the largest value. */
export function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 2e-5): void {
  expect(actual.length).toBe(expected.length);
  let scale = 1;
  for (let i = 0; i < expected.length; i++) scale = Math.max(scale, Math.abs(expected[i] as number));
  for (let i = 0; i < expected.length; i++)
    if (!(Math.abs((actual[i] as number) - (expected[i] as number)) <= tolerance * scale))
      expect.fail(`at ${i}: ${actual[i]} is not ${expected[i]} (largest ${scale})`);
}

/** Equal bit by bit, each result of one run to that of another. */
export function expectSameBits(some: readonly Float32Array[], others: readonly Float32Array[]): void {
  expect(some.length).toBe(others.length);
  some.forEach((values, i) => {
    const same = values.length === others[i]?.length && values.every((value, at) => Object.is(value, others[i]?.[at]));
    expect(same, `result ${i}`).toBe(true);
  });
}

/** Runs `body` and fails when it leaves tensors, their buffers or data of the backend behind. */
export function expectNothingLeft<T>(body: () => T): T {
  const count = () => [tf.memory().numTensors, tf.memory().numDataBuffers, tf.backend().numDataIds()];
  const before = count();
  const result = body();
  expect(count(), 'tensors, buffers and data of the backend').toEqual(before);
  return result;
}

/** Values and gradients of `f` for the output gradient `dy`, nothing left behind. */
export function valueAndGradients(
  f: (...xs: tf.Tensor[]) => tf.Tensor,
  inputs: { values: Float32Array; shape: number[] }[],
  dy: Float32Array,
): Float32Array[] {
  return expectNothingLeft(() =>
    tf.tidy(() => {
      const xs = inputs.map(({ values, shape }) => tf.tensor(values, shape));
      const y = f(...xs);
      expect(y.size).toBe(dy.length);
      const gradients = tf.grads(f)(xs, tf.tensor(dy, y.shape));
      return [y, ...gradients].map((tensor) => tensor.dataSync() as Float32Array);
    }),
  );
}

/** How often a property is tried: as said, or `KELVIN_THOROUGH` times as often in the long run (`npm run test:differential`). */
export function howOften(often: number, seed: number): { numRuns: number; seed: number } {
  const numRuns = often * Number(process.env.KELVIN_THOROUGH ?? 1);
  // The long run counts its cases.
  if (process.env.KELVIN_CASES) appendFileSync(process.env.KELVIN_CASES, `${numRuns}\n`);
  return { numRuns, seed };
}
