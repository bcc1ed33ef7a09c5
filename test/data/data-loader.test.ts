/** The data loader: every sample once per epoch, and the same again after a resume at any batch. */
import fc from 'fast-check';
import { DataLoader, globalRandom, seedEverything, tf } from 'kelvin';
import { describe, expect, test } from 'vitest';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { type Batch, labelsOf, numbered, slow } from './support.ts';

assertFileLeaksNothing();

const setup = fc.record({
  length: fc.integer({ min: 0, max: 40 }),
  batchSize: fc.integer({ min: 1, max: 12 }),
  seed: fc.integer({ min: 0, max: 0xffff_ffff }),
  epoch: fc.integer({ min: 0, max: 5 }),
  dropLast: fc.boolean(),
  shuffle: fc.boolean(),
  asynchronous: fc.boolean(),
  prefetch: fc.integer({ min: 0, max: 4 }),
});

type Setup = typeof setup extends fc.Arbitrary<infer T> ? T : never;

function loaderFor({ length, asynchronous, epoch, ...options }: Setup): DataLoader<Batch> {
  const loader = asynchronous
    ? new DataLoader<Batch>(slow(length), options)
    : new DataLoader<Batch>(numbered(length), options);
  loader.setEpoch(epoch);
  return loader;
}

describe('an epoch', () => {
  test('has every sample exactly once, in as many batches as it says', async () => {
    await fc.assert(
      fc.asyncProperty(setup, async (given) => {
        const loader = loaderFor(given);
        const batches = await expectNoLeak(() => labelsOf(loader));
        const { length, batchSize, dropLast } = given;
        expect(batches).toHaveLength(loader.length);
        expect(loader.length).toBe(dropLast ? Math.floor(length / batchSize) : Math.ceil(length / batchSize));
        const seen = batches.flat();
        expect(new Set(seen).size).toBe(seen.length);
        expect(seen.length).toBe(dropLast ? length - (length % batchSize) : length);
        expect(seen.every((label) => label >= 0 && label < length)).toBe(true);
        if (!given.shuffle) expect(seen).toEqual([...seen].sort((a, b) => a - b));
      }),
      { seed: 1, numRuns: 150 },
    );
  });

  test('comes in an order that depends on the seed and the epoch alone', async () => {
    const order = async (seed: number, epoch: number, asynchronous: boolean) => {
      const loader = loaderFor({
        ...{ length: 50, batchSize: 7, dropLast: false, shuffle: true, prefetch: 3 },
        ...{ seed, epoch, asynchronous },
      });
      return (await labelsOf(loader)).flat();
    };
    const first = await order(5, 2, false);
    expect(await order(5, 2, true)).toEqual(first);
    expect(await order(5, 3, false)).not.toEqual(first);
    expect(await order(6, 2, false)).not.toEqual(first);
  });

  test('is followed by the next one when the loader is iterated again', async () => {
    const options = { batchSize: 4, shuffle: true, seed: 3 };
    const loader = new DataLoader(numbered(10), options);
    const epochs = [await labelsOf(loader), await labelsOf(loader, 1), await labelsOf(loader)];
    const other = new DataLoader(numbered(10), options);
    for (const [epoch, batches] of epochs.entries()) {
      other.setEpoch(epoch);
      expect((await labelsOf(other)).slice(0, batches.length)).toEqual(batches);
    }
  });

  test('repeats under seedEverything when no seed is given', async () => {
    const orders: number[][][] = [];
    for (let run = 0; run < 2; run++) {
      const restore = seedEverything(11);
      orders.push(await labelsOf(new DataLoader(numbered(30), { shuffle: true })));
      restore();
    }
    expect(orders[0]).toEqual(orders[1]);
    expect(globalRandom().uniform()).toBeLessThan(1);
  });
});

describe('state', () => {
  test('resumes at every batch with the batches that an uninterrupted epoch gives', async () => {
    await fc.assert(
      fc.asyncProperty(setup, async (given) => {
        const whole = [...(await labelsOf(loaderFor(given))), 'next epoch'];
        const next = await labelsOf(loaderFor({ ...given, epoch: given.epoch + 1 }));
        for (let stop = 0; stop < whole.length; stop++) {
          const interrupted = loaderFor(given);
          const before = await expectNoLeak(() => labelsOf(interrupted, stop));
          const saved = JSON.parse(JSON.stringify(interrupted.state()));
          expect(saved).toEqual({ epoch: given.epoch, batch: stop, seed: given.seed });
          const resumed = loaderFor({ ...given, seed: 1, epoch: 0 });
          resumed.loadState(saved);
          resumed.setEpoch(given.epoch);
          expect([...before, ...(await labelsOf(resumed)), 'next epoch']).toEqual(whole);
          expect(resumed.state()).toEqual({ epoch: given.epoch + 1, batch: 0, seed: given.seed });
          expect(await labelsOf(resumed)).toEqual(next);
        }
      }),
      { seed: 2, numRuns: 40 },
    );
  });

  test('counts batches that were handed over, not those in preparation', async () => {
    const loader = new DataLoader<Batch>(slow(20), { batchSize: 2, prefetch: 4, seed: 0 });
    const states = [];
    for await (const batch of loader) {
      states.push(loader.state().batch);
      tf.dispose(batch);
    }
    expect(states).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  test('setEpoch to another epoch starts that one from its first batch', async () => {
    const loader = new DataLoader(numbered(6), { batchSize: 2, seed: 0 });
    loader.loadState({ epoch: 1, batch: 2, seed: 0 });
    loader.setEpoch(2);
    expect(await labelsOf(loader)).toHaveLength(3);
  });

  test('of another loader is refused', () => {
    const loader = new DataLoader(numbered(6), { batchSize: 2 });
    expect(() => loader.loadState({ epoch: 0, batch: 4, seed: 0 })).toThrowErrorMatchingInlineSnapshot(`
      [DataError: DataLoader: this state does not fit: expected { epoch, batch, seed } with a batch from 0 to 3, got {"epoch":0,"batch":4,"seed":0} (object).
        help: resume with the dataset and the batch size that the state was saved with]
    `);
  });
});
