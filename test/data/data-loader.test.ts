/** The data loader: every sample once per epoch, the same again after a resume, nothing left behind. */
import fc from 'fast-check';
import {
  ArrayDataset,
  type BatchTransform,
  DataLoader,
  globalRandom,
  int32,
  randomShift,
  seedEverything,
  tf,
} from 'kelvin';
import { describe, expect, test } from 'vitest';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';

assertFileLeaksNothing();

const numbered = (length: number) =>
  new ArrayDataset({
    x: { data: Float32Array.from({ length: length * 2 }, (_, i) => i), shape: [2] },
    y: { data: Int32Array.from({ length }, (_, i) => i), shape: [] },
  });

/** The same numbers, each of which has to be waited for, the later ones sooner. */
const slow = (length: number) => ({
  length,
  async get(index: number) {
    for (let turns = index % 5; turns < 5; turns++) await Promise.resolve();
    return { x: Float32Array.of(2 * index, 2 * index + 1), y: int32(index) };
  },
});

type Batch = { x: tf.Tensor; y: tf.Tensor };

async function labelsOf(
  loader: AsyncIterable<{ y: tf.Tensor }>,
  atMost = Number.POSITIVE_INFINITY,
): Promise<number[][]> {
  const batches: number[][] = [];
  if (atMost === 0) return batches;
  for await (const batch of loader) {
    batches.push([...batch.y.dataSync()]);
    tf.dispose(batch);
    if (batches.length >= atMost) break;
  }
  return batches;
}

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

describe('batches', () => {
  test('are typed and shaped by the columns', async () => {
    const pixels = Uint8Array.of(0, 51, 102, 255, 255, 0, 0, 0);
    const dataset = new ArrayDataset({
      x: { data: pixels, shape: [2, 2, 1], scale: 1 / 255 },
      y: { data: Uint8Array.of(3, 1), shape: [] },
    });
    await expectNoLeak(async () => {
      for await (const { x, y } of new DataLoader(dataset)) {
        const typed: [tf.Tensor4D, tf.Tensor1D] = [x, y];
        expect([x.shape, x.dtype, y.shape, y.dtype]).toEqual([[2, 2, 2, 1], 'float32', [2], 'int32']);
        expect([...y.dataSync()]).toEqual([3, 1]);
        expect([...x.dataSync()]).toEqual([...Float32Array.from(pixels, (v) => v / 255)]);
        tf.dispose(typed);
      }
    });
  });

  test('come synchronously too', async () => {
    await expectNoLeak(() => {
      const labels: number[] = [];
      for (const batch of new DataLoader(numbered(5), { batchSize: 2 })) {
        labels.push(...batch.y.dataSync());
        tf.dispose(batch);
      }
      expect(labels).toEqual([0, 1, 2, 3, 4]);
    });
  });

  test('of an asynchronous dataset do not come synchronously', async () => {
    await expectNoLeak(() => {
      expect(() => [...new DataLoader(slow(5))]).toThrowErrorMatchingInlineSnapshot(`
        [ConfigError: DataLoader: the dataset is asynchronous.
          help: iterate with \`for await\`]
      `);
    });
  });

  test('can be collated by a function of the user', async () => {
    const words = { length: 3, get: (i: number) => 'abc'.slice(0, i + 1) };
    const loader = new DataLoader(words, { batchSize: 2, collate: (texts: string[]) => texts.join('-') });
    const batches: string[] = [];
    for await (const batch of loader) batches.push(batch);
    expect(batches).toEqual(['a-ab', 'abc']);
  });

  test('follow a sampler of the user', async () => {
    const sampler = { length: 3, indices: (epoch: number) => [epoch, 4, 0] };
    const loader = new DataLoader(numbered(5), { batchSize: 2, sampler });
    expect([await labelsOf(loader), await labelsOf(loader)]).toEqual([
      [[0, 4], [0]],
      [[1, 4], [0]],
    ]);
    const wrong = new DataLoader(numbered(5), { sampler: { length: 3, indices: () => [1] } });
    await expect(labelsOf(wrong)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[DataError: The sampler contradicts itself: expected 3 indices for epoch 0, as its \`length\` says, got 1.]`,
    );
    const beyond = new DataLoader(numbered(5), { sampler: { length: 1, indices: () => [5] } });
    await expect(labelsOf(beyond)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[DataError: No such sample: expected an index from 0 to 4, got 5.]`,
    );
  });
});

describe('when something goes wrong', () => {
  const failing = (bad: number, asynchronous: boolean) => ({
    length: 12,
    get(index: number) {
      if (!asynchronous && index === bad) throw new Error('unreadable');
      const sample = { x: tf.scalar(index), y: index };
      if (!asynchronous) return sample;
      return Promise.resolve().then(() => {
        if (index !== bad) return sample;
        tf.dispose(sample.x);
        throw new Error('unreadable');
      });
    },
  });
  const stackX = (samples: { x: tf.Scalar }[]) => {
    const y = tf.stack(samples.map(({ x }) => x));
    tf.dispose(samples);
    return { y };
  };

  test.each([false, true])(
    'a sample that throws is named and nothing is left (asynchronous: %s)',
    async (asynchronous) => {
      for (const bad of [0, 1, 5, 11]) {
        const loader = new DataLoader(failing(bad, asynchronous), { batchSize: 3, prefetch: 2, collate: stackX });
        await expectNoLeak(async () => {
          const iterate = labelsOf(loader);
          await expect(iterate).rejects.toThrow(`Sample ${bad} could not be read: unreadable.`);
          await expect(iterate).rejects.toMatchObject({ code: 'sample-failed', cause: new Error('unreadable') });
          await settled();
        });
        expect(loader.state().batch).toBe(Math.floor(bad / 3));
      }
    },
  );

  test('breaking off early leaves nothing of what was prepared', async () => {
    await expectNoLeak(async () => {
      await labelsOf(new DataLoader(failing(-1, true), { batchSize: 2, prefetch: 4, collate: stackX }), 1);
      await settled();
    });
    await expectNoLeak(() => labelsOf(new DataLoader<Batch>(slow(30), { batchSize: 2, prefetch: 4 }), 2));
  });

  test('a batch that was asked for and given up is not made', async () => {
    await expectNoLeak(async () => {
      const iterator = new DataLoader<Batch>(slow(8), { batchSize: 2 })[Symbol.asyncIterator]();
      const asked = iterator.next();
      await iterator.return?.();
      expect(await asked).toEqual({ done: true, value: undefined });
    });
  });

  test('no more batches are read ahead than prefetch says', async () => {
    let reads = 0;
    const counting = {
      length: 40,
      get: (index: number) => {
        reads += 1;
        return Promise.resolve({ y: index });
      },
    };
    const ahead: number[] = [];
    let taken = 0;
    for await (const batch of new DataLoader<{ y: tf.Tensor }>(counting, { batchSize: 2, prefetch: 3 })) {
      taken += 1;
      await settled();
      ahead.push(reads / 2 - taken);
      tf.dispose(batch);
    }
    expect(Math.max(...ahead)).toBe(3);
  });

  test('wrong options are refused by name', () => {
    const dataset = numbered(2);
    const sampler = { length: 1, indices: () => [0] };
    expect(() => new DataLoader(dataset, { batchSize: 0 })).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: DataLoader: option \`batchSize\`: expected a whole number of at least 1, got 0 (number).]`,
    );
    expect(() => new DataLoader(dataset, { shufle: true } as object)).toThrowErrorMatchingInlineSnapshot(`
      [ConfigError: DataLoader: unknown option \`shufle\`.
        help: did you mean \`shuffle\`?]
    `);
    expect(() => new DataLoader(dataset, { shuffle: true, sampler })).toThrowErrorMatchingInlineSnapshot(`
      [ConfigError: DataLoader: \`shuffle\` and \`sampler\` exclude each other.
        help: leave out \`shuffle\`, or use a RandomSampler]
    `);
    expect(() => new DataLoader([1, 2] as never)).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: DataLoader: expected a dataset with \`length\` and \`get\`, got [1,2] (array).]`,
    );
  });
});

/** Lets every promise that can go on do so. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('augmentation', () => {
  const images = (length: number) =>
    new ArrayDataset({
      x: { data: Uint8Array.from({ length: length * 9 }, (_, i) => 1 + (i % 9)), shape: [3, 3, 1], scale: 1 },
      y: { data: Int32Array.from({ length }, (_, i) => i), shape: [] },
    });

  async function byLabel(loader: DataLoader<Batch>): Promise<Map<number, string>> {
    const found = new Map<number, string>();
    for await (const { x, y } of loader) {
      const pixels = x.dataSync();
      [...y.dataSync()].forEach((label, row) => {
        found.set(label, String(pixels.slice(row * 9, row * 9 + 9)));
      });
      tf.dispose([x, y]);
    }
    return found;
  }

  test('depends on the seed, the epoch and the sample, not on order and batch', async () => {
    const transform = randomShift({ pixels: 1 });
    const perSample = (sample: { x: unknown; y: unknown }, random: { uniform(): number }) => ({
      ...sample,
      x: Float32Array.from({ length: 9 }, () => random.uniform()),
    });
    for (const change of [transform, perSample] as (BatchTransform | typeof perSample)[]) {
      const run = (epoch: number, shuffle: boolean, batchSize: number) => {
        const loader = new DataLoader<Batch>(images(20), {
          transform: change as BatchTransform,
          seed: 9,
          shuffle,
          batchSize,
        });
        loader.setEpoch(epoch);
        return byLabel(loader);
      };
      const first = await run(0, false, 4);
      expect([...(await run(0, true, 7))].sort((a, b) => a[0] - b[0])).toEqual([...first]);
      expect(await run(1, false, 4)).not.toEqual(first);
    }
  });

  test('shifts each image by every offset, filling with zeros', () => {
    const seen = new Set<string>();
    const { batch } = randomShift({ pixels: 1 });
    for (let dy = -1; dy <= 1; dy++) {
      for (let dx = -1; dx <= 1; dx++) {
        const draws = [dy + 1, dx + 1];
        const random = { integer: () => draws.shift() as number } as never;
        const { x } = batch(
          { x: { data: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9), shape: [1, 3, 3, 1] } },
          () => random,
        );
        const expected = Array.from({ length: 9 }, (_, i) => {
          const [row, column] = [Math.floor(i / 3) - dy, (i % 3) - dx];
          return row < 0 || row > 2 || column < 0 || column > 2 ? 0 : 1 + 3 * row + column;
        });
        expect([...(x?.data ?? [])]).toEqual(expected);
        seen.add(expected.join());
      }
    }
    expect(seen.size).toBe(9);
  });

  test('refuses batches without images', async () => {
    const loader = new DataLoader(numbered(2), { transform: randomShift({ pixels: 1 }) });
    await expect(labelsOf(loader)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: randomShift: expected images [batch, height, width, channels] in \`x\`, got \`x\` [2, 2], \`y\` [2].]`,
    );
  });
});
