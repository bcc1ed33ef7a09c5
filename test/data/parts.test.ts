/** Datasets made of others: splits by class, folds, rows of datasets, and the names that samples keep throughout. */
import fc from 'fast-check';
import {
  concatDatasets,
  DataLoader,
  type Dataset,
  filterDataset,
  kFolds,
  mapDataset,
  parseViewName,
  sampleRandom,
  stratifiedSplit,
  subset,
  viewName,
} from 'kelvin/data';
import { describe, expect, test } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { labelsOf, numbered } from './support.ts';

assertFileLeaksNothing();

const plain = (length: number): Dataset<number> => ({ length, get: (i) => i });
const valuesOf = (part: Dataset<number>): number[] =>
  Array.from({ length: part.length }, (_, i) => part.get(i) as number);
const countOf = (values: readonly number[], labels: readonly number[], label: number): number =>
  values.filter((value) => labels[value] === label).length;

describe('stratifiedSplit', () => {
  test('gives every sample to one part and each part its share of each class', () => {
    const cases = fc.record({
      labels: fc.array(fc.nat(3), { minLength: 1, maxLength: 120 }),
      weights: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(cases, ({ labels, weights, seed }) => {
        const total = weights.reduce((a, b) => a + b, 0);
        const fractions = weights.map((weight) => weight / total);
        const dataset = plain(labels.length);
        const parts = stratifiedSplit(dataset, labels, fractions, seed).map(valuesOf);
        expect(parts.flat().sort((a, b) => a - b)).toEqual(valuesOf(dataset));
        for (const label of new Set(labels)) {
          const size = labels.filter((other) => other === label).length;
          parts.forEach((part, i) => {
            const share = (size * part.length) / labels.length;
            expect(Math.abs(countOf(part, labels, label) - share)).toBeLessThanOrEqual(2);
            expect(Math.abs(part.length - labels.length * (fractions[i] as number))).toBeLessThanOrEqual(1);
          });
        }
        expect(stratifiedSplit(dataset, labels, fractions, seed).map(valuesOf)).toEqual(parts);
      }),
      { seed: 1 },
    );
  });

  test('differs with the seed and refuses labels that do not fit', () => {
    const labels = Array.from({ length: 40 }, (_, i) => i % 2);
    const split = (seed: number) => stratifiedSplit(plain(40), labels, [0.5, 0.5], seed).map(valuesOf);
    expect(split(1)).not.toEqual(split(2));
    expect(() => stratifiedSplit(plain(3), [0, 1], [0.5, 0.5], 0)).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: Splitting by class: expected 3 labels, one per sample, got 2.]`,
    );
  });
});

describe('kFolds', () => {
  test('validates every sample once and trains on it in all other folds', () => {
    const cases = fc.record({ labels: fc.array(fc.nat(2), { minLength: 2, maxLength: 60 }), pick: fc.nat() });
    fc.assert(
      fc.property(cases, ({ labels, pick }) => {
        const k = 2 + (pick % (labels.length - 1));
        const folds = kFolds(plain(labels.length), k, { seed: pick, labels });
        const all = valuesOf(plain(labels.length));
        expect(folds.flatMap(({ val }) => valuesOf(val)).sort((a, b) => a - b)).toEqual(all);
        for (const { train, val } of folds) {
          expect([...valuesOf(train), ...valuesOf(val)].sort((a, b) => a - b)).toEqual(all);
          for (const label of new Set(labels)) {
            const share = labels.filter((other) => other === label).length / k;
            expect(Math.abs(countOf(valuesOf(val), labels, label) - share)).toBeLessThan(2);
          }
        }
      }),
      { seed: 2 },
    );
    expect(() => kFolds(plain(3), 4)).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: kFolds: expected a whole number of folds from 2 to 3, the number of samples, got 4.]`,
    );
  });
});

describe('datasets in a row', () => {
  test('count through all parts and name the part in the id', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(5), { minLength: 1, maxLength: 5 }), (lengths) => {
        const all = concatDatasets(lengths.map(plain));
        const expected = lengths.flatMap((length, part) => Array.from({ length }, (_, i) => `${part}/${i}`));
        expect(all.length).toBe(expected.length);
        expect(expected.map((_, i) => all.sampleId?.(i))).toEqual(expected);
        expect(valuesOf(all)).toEqual(expected.map((id) => Number(id.split('/')[1])));
      }),
      { seed: 3 },
    );
    expect(() => concatDatasets([])).toThrow('concatDatasets: expected at least one');
    expect(() => concatDatasets([numbered(2), numbered(2)]).get(4)).toThrow('No such sample');
  });

  test('filterDataset keeps what it is told to, under its own name', async () => {
    const even = await filterDataset(plain(7), async (sample) => sample % 2 === 0);
    expect(valuesOf(even)).toEqual([0, 2, 4, 6]);
    expect(even.sampleId?.(2)).toBe(4);
  });
});

describe('views', () => {
  test('have names that can be read back', () => {
    const key = fc.record({
      seed: fc.nat(),
      epoch: fc.nat(),
      id: fc.oneof(fc.nat(), fc.string({ unit: 'binary' })),
    });
    fc.assert(
      fc.property(key, (view) => {
        expect(parseViewName(viewName(view))).toEqual(view);
        expect(sampleRandom(view).state()).toEqual(sampleRandom(parseViewName(viewName(view))).state());
      }),
      { seed: 4 },
    );
    expect(() => parseViewName('1:2')).toThrowErrorMatchingInlineSnapshot(
      `[DataError: This is no name of a view: expected seed:epoch:id, as \`viewName\` writes it, got '1:2' (string).]`,
    );
  });

  test('differ in their random numbers, for ids that are alike too', () => {
    const ids = [
      ...Array.from({ length: 3000 }, (_, i) => `images/${i}.png`),
      ...Array.from({ length: 3000 }, (_, i) => i),
    ];
    const first = ids.map((id) => sampleRandom({ seed: 1, epoch: 0, id }).bits());
    expect(new Set(first).size).toBeGreaterThan(ids.length - 3);
    expect(sampleRandom({ seed: 1, epoch: 1, id: 'a' }).bits()).not.toBe(
      sampleRandom({ seed: 1, epoch: 0, id: 'a' }).bits(),
    );
  });

  test('keep their numbers when the sample is read through subsets and maps', async () => {
    const seen = new Map<number, number>();
    const collect = async (dataset: Dataset<number>) => {
      const drawn = new Map<number, number>();
      const transform = (sample: number, random: { bits(): number }) => {
        drawn.set(sample, random.bits());
        return sample;
      };
      for await (const batch of new DataLoader<{ dispose(): void }, number>(dataset as never, { transform, seed: 3 }))
        batch.dispose();
      return drawn;
    };
    for (const [sample, bits] of await collect(plain(10))) seen.set(sample, bits);
    const part = mapDataset(subset(plain(10), [7, 2, 9]), (sample) => sample);
    const drawn = await collect(part);
    expect([...drawn.keys()]).toEqual([7, 2, 9]);
    for (const [sample, bits] of drawn) expect(bits).toBe(seen.get(sample));
  });

  test('of a batch are what the loader hands over', async () => {
    const loader = new DataLoader(numbered(10), { batchSize: 4, shuffle: true, seed: 5 });
    const batches = await labelsOf(loader);
    const named = batches.map((_, batch) => loader.viewKeys(batch).map(({ id }) => id));
    expect(named).toEqual(batches);
    expect(loader.viewKeys(0, 3)[0]).toMatchObject({ seed: 5, epoch: 3 });
  });
});
