/** What batches are, and that nothing is left behind when a sample fails or the consumer breaks off. */
import { ArrayDataset, DataLoader, tf } from 'kelvin';
import { describe, expect, test } from 'vitest';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { type Batch, labelsOf, numbered, settled, slow } from './support.ts';

assertFileLeaksNothing();

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
      `
      [ConfigError: DataLoader: expected a dataset with \`length\` and \`get\`, got [1,2] (array).
        help: a stream without \`length\` goes into a StreamLoader]
    `,
    );
  });
});
