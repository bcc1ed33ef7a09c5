/** Workers of a stream: they decode and augment what the main thread reads, in the order in which it came. */
import { fromModule, randomShift, type SampleTransform, StreamLoader, type StreamLoaderOptions } from 'kelvin';
import { afterAll, expect, test } from 'vitest';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { bytesOf, errorOf, MODULE } from './worker-support.ts';

assertFileLeaksNothing();

const loaders: StreamLoader<object>[] = [];
afterAll(async () => {
  for (const loader of loaders) await loader.close();
});

/** Eleven small images. */
async function* images() {
  for (let i = 0; i < 11; i++) {
    if (i % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
    yield { x: { data: Float32Array.from({ length: 16 }, (_, n) => i + n), shape: [4, 4, 1] }, y: i };
  }
}

function loaderOf(options: StreamLoaderOptions, source = images): StreamLoader<object> {
  const loader = new StreamLoader<object>(source, { batchSize: 3, shuffleBuffer: 4, seed: 7, ...options });
  loaders.push(loader);
  return loader;
}

test('batches are the same with any number of workers, epoch after epoch', async () => {
  const transform = randomShift({ pixels: 1 });
  const alone = loaderOf({ transform });
  const expected = [await bytesOf(alone), await bytesOf(alone)];
  expect(expected[0]).not.toEqual(expected[1]);
  expect(expected.map((epoch) => epoch.length)).toEqual([4, 4]);
  for (const more of [{ workers: 1 }, { workers: 2 }, { workers: 1, workerRuntime: 'processes' as const }]) {
    const loader = loaderOf({ transform, ...more });
    expect(await expectNoLeak(async () => [await bytesOf(loader), await bytesOf(loader)])).toEqual(expected);
  }
});

test('a run that broke off is resumed, and what is wrong arrives in its turn', async () => {
  const transform = randomShift({ pixels: 1 });
  const whole = await bytesOf(loaderOf({ transform }));
  const first = loaderOf({ transform, workers: 2 });
  const before = await bytesOf(first, 2);
  const second = loaderOf({ transform, workers: 2, seed: 1 });
  second.loadState(first.state());
  expect([...before, ...(await bytesOf(second))]).toEqual(whole);

  const shout = await fromModule<SampleTransform<unknown>>(MODULE, 'makeFaulty', 5);
  const errors: string[] = [];
  for (const workers of [0, 1]) {
    errors.push(await errorOf(bytesOf(loaderOf({ transform: shout, workers, shuffleBuffer: 0 }))));
  }
  expect(errors[1]).toBe(errors[0]);
  expect(errors[0]).toMatch(/^DataError sample-failed: Sample 5 could not be read: sample 5 is torn/);
  expect(() => loaderOf({ workers: 1, transform: (sample) => sample })).toThrow(
    'StreamLoader: with `workers`, the transform must be one that can be made again in a worker',
  );
});
