/** Datasets in memory, parts of them, and samplers. */
import fc from 'fast-check';
import {
  ArrayDataset,
  DataLoader,
  fromTensors,
  type HostTensor,
  mapDataset,
  RandomSampler,
  randomSplit,
  SequentialSampler,
  subset,
  tf,
  WeightedRandomSampler,
} from 'kelvin';
import { describe, expect, test } from 'vitest';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';

assertFileLeaksNothing();

const numbered = (length: number) =>
  new ArrayDataset({ y: { data: Int32Array.from({ length }, (_, i) => 10 * i), shape: [] } });

describe('ArrayDataset', () => {
  test('gathers the samples that are asked for, scaled', () => {
    const column = fc.record({
      size: fc.integer({ min: 1, max: 40 }),
      rows: fc.integer({ min: 1, max: 8 }),
      scale: fc.constantFrom(undefined, 1 / 255, -2),
      offset: fc.constantFrom(undefined, 0.5),
      dtype: fc.constantFrom(undefined, 'float32' as const, 'int32' as const),
      kind: fc.constantFrom(Uint8Array, Int16Array, Float32Array),
      picks: fc.array(fc.nat(), { maxLength: 12 }),
    });
    fc.assert(
      fc.property(column, ({ size, rows, kind, picks, ...how }) => {
        const data = new kind(size * rows).map((_, i) => (i * 37) % 101);
        const dataset = new ArrayDataset({ x: { data, shape: [size], ...how } });
        const indices = picks.map((pick) => pick % rows);
        const { x } = dataset.gather(indices);
        const { scale = 1, offset = 0 } = how;
        const expected = indices.flatMap((row) =>
          [...data.subarray(row * size, (row + 1) * size)].map((value) => value * scale + offset),
        );
        const whole = how.dtype === 'int32' || (!how.dtype && scale === 1 && offset === 0 && kind !== Float32Array);
        expect(x?.dtype).toBe(whole ? 'int32' : 'float32');
        expect(x?.shape).toEqual([indices.length, size]);
        expect(x?.data).toEqual(whole ? Int32Array.from(expected) : Float32Array.from(expected));
        for (const row of indices) {
          expect(dataset.get(row).x).toMatchObject({ shape: [size], data: dataset.gather([row]).x?.data });
        }
      }),
      { seed: 3 },
    );
  });

  test('takes rows of tensors', async () => {
    await expectNoLeak(async () => {
      const tensors = { x: tf.tensor2d([1, 2, 3, 4], [2, 2]), y: tf.tensor1d([5, 6], 'int32') };
      const dataset = fromTensors(tensors, { classes: 7 });
      tf.dispose(tensors);
      for await (const batch of new DataLoader(dataset)) {
        expect(batch.x.arraySync()).toEqual([
          [1, 2],
          [3, 4],
        ]);
        expect([batch.y.arraySync(), batch.y.dtype]).toEqual([[5, 6], 'int32']);
        tf.dispose(batch);
      }
    });
  });

  test('refuses what does not fit together', () => {
    const x = { data: new Float32Array(6), shape: [2] };
    expect(() => new ArrayDataset({ x, y: { data: new Uint8Array(4), shape: [] } })).toThrowErrorMatchingInlineSnapshot(
      `[DataError: ArrayDataset: columns hold different numbers of samples: expected 3 samples in \`y\`, as in \`x\`, got 4.]`,
    );
    expect(() => new ArrayDataset({ x: { ...x, shape: [4] } })).toThrowErrorMatchingInlineSnapshot(
      `[DataError: ArrayDataset: column \`x\` does not hold a whole number of samples: expected a multiple of 4 values for samples of shape [4], got 6 values.]`,
    );
    expect(() => new ArrayDataset({ x: { ...x, shape: [-2] } })).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: ArrayDataset: column \`x\`: expected a typed array \`data\` and the \`shape\` of one sample, got [-2] (array).]`,
    );
    expect(() => new ArrayDataset({ x: [1, 2] as never })).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: ArrayDataset: column \`x\`: expected a typed array \`data\` and the \`shape\` of one sample, got [1,2] (array).]`,
    );
    expect(() => new ArrayDataset({})).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: ArrayDataset: expected at least one column.]`,
    );
    expect(() => new ArrayDataset({ x }, { classes: 2 })).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: ArrayDataset: \`classes\` is given: expected a column \`y\` with one label per sample, got the columns x.]`,
    );
    expect(() => numbered(3).get(3)).toThrowErrorMatchingInlineSnapshot(
      `[DataError: No such sample: expected an index from 0 to 2, got 3.]`,
    );
    expect(() => numbered(3).gather([0, -1])).toThrowErrorMatchingInlineSnapshot(
      `[DataError: No such sample: expected an index from 0 to 2, got -1.]`,
    );
  });

  test('names the sample whose label is out of range', () => {
    const labelled = (labels: number[]) =>
      new ArrayDataset({ y: { data: Float32Array.from(labels), shape: [] } }, { classes: 3 });
    expect(labelled([0, 1, 2]).classes).toBe(3);
    expect(() => labelled([0, 1, 2, 3])).toThrowErrorMatchingInlineSnapshot(`
      [DataError: Label of sample 3 is out of range: expected a whole number from 0 to 2, got 3.
        help: mend the labels, or give the right number of \`classes\`]
    `);
    expect(() => labelled([0, -1])).toThrow('Label of sample 1 is out of range: expected a whole number from 0 to 2');
    expect(() => labelled([0.5])).toThrow('got 0.5');
    expect(() => labelled([Number.NaN])).toThrow('got NaN');
  });
});

describe('parts of datasets', () => {
  test('subset counts its samples from 0', () => {
    const part = subset(subset(numbered(10), [9, 4, 2, 7]), [3, 0]);
    expect(part.length).toBe(2);
    expect(part.gather?.([0, 1, 0]).y?.data).toEqual(Int32Array.of(70, 90, 70));
    expect(part.get(1)).toMatchObject({ y: { data: Int32Array.of(90) } });
    expect(() => part.get(2)).toThrow('No such sample');
    expect(() => subset(numbered(3), [0, 3])).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: subset: index number 1: expected a whole number from 0 to 2, got 3.]`,
    );
    expect(() => subset(numbered(3), [-1])).toThrow('got -1');
  });

  test('randomSplit gives every sample to exactly one part, the same for the same seed', () => {
    const valuesOf = (part: { length: number; get(i: number): unknown }) =>
      Array.from({ length: part.length }, (_, i) => (part.get(i) as { y: HostTensor }).y.data[0] as number);
    const cases = fc.record({
      length: fc.integer({ min: 0, max: 60 }),
      weights: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(cases, ({ length, weights, seed }) => {
        const total = weights.reduce((a, b) => a + b, 0);
        const fractions = weights.map((weight) => weight / total);
        const parts = randomSplit(numbered(length), fractions, seed).map(valuesOf);
        expect(parts.flat().sort((a, b) => a - b)).toEqual(Array.from({ length }, (_, i) => 10 * i));
        parts.forEach((part, i) => {
          expect(Math.abs(part.length - length * (fractions[i] as number))).toBeLessThanOrEqual(1);
        });
        const again = randomSplit(
          numbered(length),
          parts.map(({ length: n }) => n),
          seed,
        ).map(valuesOf);
        expect(again).toEqual(parts);
      }),
      { seed: 4 },
    );
    expect(randomSplit(numbered(60), [30, 30], 1).map(valuesOf)).not.toEqual(
      randomSplit(numbered(60), [30, 30], 2).map(valuesOf),
    );
    expect(() => randomSplit(numbered(10), [5, 4], 0)).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: Splitting a dataset: expected lengths that add up to 10 or fractions that add up to 1, got [5,4] (array).]`,
    );
  });

  test('mapDataset changes samples, whether they have to be waited for or not', async () => {
    const plus = (sample: number, index: number) => sample + 100 * index;
    expect(mapDataset({ length: 3, get: (i) => i }, plus).get(2)).toBe(202);
    expect(await mapDataset({ length: 3, get: async (i: number) => i }, plus).get(2)).toBe(202);
  });
});

describe('samplers', () => {
  test('visit every sample once, in an order of the epoch', () => {
    expect([...new SequentialSampler(4).indices()]).toEqual([0, 1, 2, 3]);
    fc.assert(
      fc.property(fc.nat(50), fc.nat(), fc.nat(1000), (length, seed, epoch) => {
        const sampler = new RandomSampler(length, { seed });
        const order = sampler.indices(epoch);
        expect(new RandomSampler(length, { seed }).indices(epoch)).toEqual(order);
        expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length }, (_, i) => i));
        if (length > 20) expect(sampler.indices(epoch + 1)).not.toEqual(order);
      }),
      { seed: 5 },
    );
  });

  test('draw samples as often as their weights say', () => {
    const sampler = new WeightedRandomSampler([1, 0, 3], { samples: 8000, seed: 2 });
    const counts = [0, 0, 0];
    for (const index of sampler.indices(0)) counts[index] = (counts[index] as number) + 1;
    expect(counts[1]).toBe(0);
    expect(Math.abs((counts[0] as number) - 2000)).toBeLessThan(160);
    expect(sampler.indices(3)).toEqual(new WeightedRandomSampler([2, 0, 6], { samples: 8000, seed: 2 }).indices(3));
    expect(sampler.indices(1)).not.toEqual(sampler.indices(2));
    expect(() => new WeightedRandomSampler([1, -1], { samples: 1, seed: 0 })).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: WeightedRandomSampler: expected finite weights of at least 0 with a sum above 0, got weight -1 of sample 1.]`,
    );
    expect(() => new WeightedRandomSampler([0, 0], { samples: 1, seed: 0 })).toThrow('got a sum of 0');
  });

  test('reach every order about equally often', () => {
    const sampler = new RandomSampler(3, { seed: 8 });
    const counts = new Map<string, number>();
    for (let epoch = 0; epoch < 6000; epoch++) {
      const order = sampler.indices(epoch).join();
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(120);
  });
});
