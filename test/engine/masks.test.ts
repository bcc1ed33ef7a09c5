/** Random masks of two seeds: the same at every level and on any number of threads, and the same that TensorFlow draws. */
import { createHash } from 'node:crypto';
import { startEngine, tf } from 'kelvin';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BERNOULLI } from '../../src/core/bernoulli.ts';
import { isWanted, LEVELS, type Level, limitLevel, limitThreads } from '../../src/engine/wasm/companion/level.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { expectNothingLeft } from './support.ts';

const highest = LEVELS.findLast(isWanted) as Level;

beforeAll(async () => {
  limitThreads(3);
  await startEngine({ engine: 'wasm' });
});
afterAll(() => {
  limitLevel(highest);
  limitThreads(undefined);
});
assertFileLeaksNothing();

const draw = (seed: readonly number[], shape: readonly number[], probability: number): Float32Array =>
  expectNothingLeft(() =>
    tf.tidy(() => {
      const attrs = { shape, probability, value: 2, seed } as unknown as tf.NamedAttrMap;
      return (tf.engine().runKernel(BERNOULLI, {}, attrs) as tf.Tensor).dataSync() as Float32Array;
    }),
  );

/** Drawn by `StatelessRandomUniform` of TensorFlow 2.21: the SHA-1 of the values, which are 0 or 2. */
const OF_TENSORFLOW: readonly [number[], number[], number, string][] = [
  [[1, 2], [19], 0.5, '6507f80502cc803ee8b17f75f91b9a5c65ee535e'],
  [[-5, 123456789], [1003, 7], 0.3, 'e90d85df0ec14685caa7ed9f13986a55aa64d5f3'],
  [[-2147483648, -1], [64, 33], 0.9, '30437fe025ba953152281da6ff3ea306fa07d269'],
];

describe.each(LEVELS.filter(isWanted))('at level %s', (level) => {
  it.each(OF_TENSORFLOW)('seeds %j, shape %j: what TensorFlow draws', (seed, shape, probability, expected) => {
    limitLevel(level);
    const { buffer, byteOffset, byteLength } = draw(seed, shape, probability);
    const bytes = new Uint8Array(buffer, byteOffset, byteLength);
    expect(createHash('sha1').update(bytes).digest('hex')).toBe(expected);
  });

  it('as often as asked, in all that large a mask', () => {
    limitLevel(level);
    const mask = draw([3, 4], [50_003], 0.25);
    const chosen = mask.filter((value) => value === 2).length;
    // Four standard deviations.
    expect(Math.abs(chosen - 12_501)).toBeLessThan(4 * Math.sqrt(50_003 * 0.25 * 0.75));
    expect(mask.every((value) => value === 0 || value === 2)).toBe(true);
    limitThreads(1);
    const alone = draw([3, 4], [50_003], 0.25);
    expect(alone.every((value, i) => value === mask[i])).toBe(true);
    limitThreads(3);
  });
});
