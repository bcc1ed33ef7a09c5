/** Samplers that look at the samples: classes in balance, and batches of samples of like size. */
import fc from 'fast-check';
import { BucketSampler, ClassBalancedSampler } from 'kelvin/data';
import { describe, expect, test } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';

assertFileLeaksNothing();

const spread = (counts: Iterable<number>): number => Math.max(...counts) - Math.min(...counts);

function countBy(values: Iterable<number>, keyOf: (value: number) => number): Map<number, number> {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(keyOf(value), (counts.get(keyOf(value)) ?? 0) + 1);
  return counts;
}

describe('ClassBalancedSampler', () => {
  test('draws every class equally often, and within a class every sample', () => {
    const cases = fc.record({
      labels: fc.array(fc.constantFrom<number>(0, 1, 5), { minLength: 1, maxLength: 40 }),
      samples: fc.nat(200),
      seed: fc.nat(),
      epoch: fc.nat(20),
    });
    fc.assert(
      fc.property(cases, ({ labels, samples, seed, epoch }) => {
        const sampler = new ClassBalancedSampler(labels, { seed, samples });
        const indices = sampler.indices(epoch);
        expect(indices).toHaveLength(samples);
        expect(new ClassBalancedSampler(labels, { seed, samples }).indices(epoch)).toEqual(indices);
        const byClass = new Map<number, number>([...new Set(labels)].map((label) => [label, 0]));
        for (const [label, count] of countBy(indices, (i) => labels[i] as number)) byClass.set(label, count);
        expect(spread(byClass.values())).toBeLessThanOrEqual(1);
        for (const label of byClass.keys()) {
          const members = new Map<number, number>(
            labels.flatMap((other, i) => (other === label ? [[i, 0] as const] : [])),
          );
          for (const index of indices) if (labels[index] === label) members.set(index, (members.get(index) ?? 0) + 1);
          expect(spread(members.values())).toBeLessThanOrEqual(1);
        }
      }),
      { seed: 1 },
    );
  });

  test('has as many samples as labels unless told otherwise, in an order of the epoch', () => {
    const labels = Array.from({ length: 50 }, (_, i) => Number(i > 40));
    const sampler = new ClassBalancedSampler(labels, { seed: 1 });
    expect(sampler.length).toBe(50);
    expect(sampler.indices(1)).not.toEqual(sampler.indices(0));
    expect(() => new ClassBalancedSampler([], { seed: 1, samples: 2 })).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: ClassBalancedSampler: expected at least one label, got none.]`,
    );
    expect(() => new ClassBalancedSampler([], { seed: 1, sample: 1 } as never)).toThrow('did you mean `samples`');
  });
});

describe('BucketSampler', () => {
  test('visits every sample once, in batches cut from pools in order of size', () => {
    const cases = fc.record({
      sizes: fc.array(fc.nat(100), { maxLength: 90 }),
      batchSize: fc.integer({ min: 1, max: 10 }),
      pool: fc.integer({ min: 1, max: 12 }),
      seed: fc.nat(),
      epoch: fc.nat(20),
    });
    fc.assert(
      fc.property(cases, ({ sizes, epoch, ...options }) => {
        const indices = new BucketSampler(sizes, options).indices(epoch);
        expect([...indices].sort((a, b) => a - b)).toEqual([...sizes.keys()]);
        expect(new BucketSampler(sizes, options).indices(epoch)).toEqual(indices);
        // With a pool for all, the batches are those of the sorted sizes, in some order.
        const { batchSize } = options;
        const batches = [];
        const all = new BucketSampler(sizes, { ...options, pool: 100 }).indices(epoch);
        for (let at = 0; at < all.length; at += batchSize) {
          batches.push([...all.subarray(at, at + batchSize)].map((i) => sizes[i] as number));
        }
        const flat = batches.sort(
          (a, b) => (a[0] as number) - (b[0] as number) || (a.at(-1) as number) - (b.at(-1) as number),
        );
        expect(flat.flat()).toEqual([...sizes].sort((a, b) => a - b));
      }),
      { seed: 2 },
    );
  });

  test('comes in another order in each epoch', () => {
    const sampler = new BucketSampler(
      Array.from({ length: 60 }, (_, i) => i % 7),
      { seed: 1, batchSize: 5, pool: 3 },
    );
    expect(sampler.indices(0)).not.toEqual(sampler.indices(1));
  });
});
