/** Streams without a length: every sample once, shuffled as far as the buffer reaches, resumed, ended cleanly. */
import fc from 'fast-check';
import { int32, StreamLoader, tf } from 'kelvin';
import { describe, expect, test } from 'vitest';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { labelsOf } from './support.ts';

assertFileLeaksNothing();

type Batch = { y: tf.Tensor };

/** Counts up to `length`, and whether each opening of it has been closed. */
function counter(length: number) {
  const log = { opened: 0, closed: 0, read: 0 };
  async function* count() {
    log.opened += 1;
    try {
      for (let i = 0; i < length; i++) {
        if (i % 4 === 0) await Promise.resolve();
        log.read += 1;
        yield { y: int32(i) };
      }
    } finally {
      log.closed += 1;
    }
  }
  return { count, log };
}

describe('an epoch of a stream', () => {
  const setup = fc.record({
    length: fc.integer({ min: 0, max: 40 }),
    batchSize: fc.integer({ min: 1, max: 7 }),
    shuffleBuffer: fc.constantFrom(0, 1, 5, 100),
    dropLast: fc.boolean(),
    prefetch: fc.nat(3),
    seed: fc.nat(),
  });

  test('has every sample once, and resumes at every batch', async () => {
    await fc.assert(
      fc.asyncProperty(setup, async ({ length, ...options }) => {
        const { count, log } = counter(length);
        const whole = await expectNoLeak(() => labelsOf(new StreamLoader<Batch>(count, options)));
        const kept = options.dropLast ? length - (length % options.batchSize) : length;
        expect(whole.flat()).toHaveLength(kept);
        expect(new Set(whole.flat()).size).toBe(kept);
        if (options.shuffleBuffer <= 1 && options.shuffleBuffer === 0)
          expect(whole.flat()).toEqual([...Array(kept).keys()]);
        for (let stop = 0; stop < whole.length; stop++) {
          const first = new StreamLoader<Batch>(count, options);
          const before = await expectNoLeak(() => labelsOf(first, stop));
          const second = new StreamLoader<Batch>(count, { ...options, seed: 1 });
          second.loadState(JSON.parse(JSON.stringify(first.state())));
          second.setEpoch(0);
          expect([...before, ...(await labelsOf(second))]).toEqual(whole);
        }
        expect(log.closed).toBe(log.opened);
      }),
      { seed: 1, numRuns: 60 },
    );
  });

  test('comes in another order each time, the same for the same seed', async () => {
    const loader = () => new StreamLoader<Batch>(counter(30).count, { batchSize: 30, shuffleBuffer: 30, seed: 4 });
    const one = loader();
    const epochs = [await labelsOf(one), await labelsOf(one)];
    expect(epochs[0]).not.toEqual(epochs[1]);
    const other = loader();
    other.setEpoch(1);
    expect(await labelsOf(other)).toEqual(epochs[1]);
  });

  test('reads no further ahead than prefetch allows', async () => {
    const { count, log } = counter(1000);
    const loader = new StreamLoader<Batch>(count, { batchSize: 5, prefetch: 1 });
    await labelsOf(loader, 3);
    expect(log.read).toBeLessThanOrEqual(5 * 5 + 1);
    expect(log.closed).toBe(1);
  });

  test('passes samples through a transform with a stream of their own', async () => {
    const draw = async (shuffleBuffer: number) => {
      const seen = new Map<number, number>();
      const transform = (sample: unknown, random: { uniform(): number }) => {
        seen.set((sample as { y: { data: Int32Array } }).y.data[0] as number, random.uniform());
        return sample;
      };
      await labelsOf(new StreamLoader<Batch>(counter(9).count, { seed: 2, shuffleBuffer, transform }));
      return [...seen].sort(([a], [b]) => a - b);
    };
    expect(await draw(4)).toEqual(await draw(0));
  });
});

test('what the stream throws arrives, and the batches before it', async () => {
  async function* broken() {
    yield { y: int32(1) };
    yield { y: int32(2) };
    throw new RangeError('the line is cut');
  }
  const taken: number[] = [];
  const run = async () => {
    for await (const batch of new StreamLoader<Batch>(broken, { batchSize: 1 })) {
      taken.push(...batch.y.dataSync());
      tf.dispose(batch);
    }
  };
  await expect(run()).rejects.toThrow('the line is cut');
  expect(taken).toEqual([1, 2]);
  expect(await labelsOf(new StreamLoader<Batch>([{ y: int32(3) }]))).toEqual([[3]]);
  expect(() => new StreamLoader(5 as never)).toThrowErrorMatchingInlineSnapshot(
    `[ConfigError: StreamLoader: expected an iterable of samples, or a function of the epoch that opens one, got 5 (number).]`,
  );
});
