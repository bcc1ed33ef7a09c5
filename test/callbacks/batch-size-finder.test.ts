import { BatchSizeFinder, type BatchSizeFinderOptions, findBatchSize, Trainer, type tf } from 'kelvin';
import { expect, test } from 'vitest';
import { type BoringBatch, BoringModule, boringLoader } from '../support/boring.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { fitBoring, quiet, wholeAndResumed } from './support.ts';

assertFileLeaksNothing();

/** Runs out of memory above `most` samples. */
class Bounded extends BoringModule {
  static most = 100;
  batchSize = 0;
  readonly sizes: number[] = [];

  override trainingStep(batch: BoringBatch): tf.Tensor {
    const [size] = batch.x.shape;
    this.sizes.push(size);
    const loss = super.trainingStep(batch);
    if (size > Bounded.most) throw new Error('OOM when allocating a tensor');
    return loss;
  }
}

/** Batches of a data set of `samples`. */
const loaderOf = (samples: number) => (size: number) =>
  boringLoader(Math.ceil(samples / size), Math.min(size, samples));

async function find(options: Partial<BatchSizeFinderOptions>, samples = 1000, most = 100): Promise<number> {
  Bounded.most = most;
  return expectNoLeak(async () => {
    const module = new Bounded();
    const before = module.weights();
    try {
      const size = await findBatchSize(new Trainer(quiet), module, { loader: loaderOf(samples), ...options });
      expect(module.batchSize).toBe(size);
      expect(module.weights()).toEqual(before);
      return size;
    } finally {
      module.dispose();
    }
  });
}

test('E2: powers of two: 64 with memory for 100, 8 in three trials, 1024 for 1000 samples', async () => {
  expect(await find({})).toBe(64);
  expect(await find({ maxTrials: 3 })).toBe(8);
  expect(await find({}, 1000, 1e6)).toBe(1024);
});

test('E2: bisection: 100 with memory for 100, 95 with a margin of 5 percent', async () => {
  expect(await find({ mode: 'binsearch', margin: 0 })).toBe(100);
  expect(await find({ mode: 'binsearch' })).toBe(95);
});

test('it comes down from a first size that is too large, and keeps to the largest allowed', async () => {
  expect(await find({ initVal: 512 })).toBe(64);
  expect(await find({ initVal: 512, mode: 'binsearch', margin: 0 })).toBe(100);
  expect(await find({ maxVal: 24 })).toBe(24);
  await expect(find({}, 1000, 0)).rejects.toThrow(
    'BatchSizeFinder: expected a batch size that fits into memory, got none, not even the smallest.',
  );
});

test('each size is tried for some steps', async () => {
  Bounded.most = 8;
  const module = new Bounded();
  await findBatchSize(new Trainer(quiet), module, { loader: loaderOf(100), stepsPerTrial: 2 });
  expect(module.sizes).toEqual([2, 2, 4, 4, 8, 8, 16]);
  module.dispose();
});

test('as a callback: training uses the loader of the size that was found', async () => {
  Bounded.most = 4;
  const finder = new BatchSizeFinder({ loader: loaderOf(12), stepsPerTrial: 1 });
  for (let fit = 0; fit < 2; fit++) {
    await expectNoLeak(async () => {
      const module = new Bounded();
      await fitBoring(finder, { maxEpochs: 1 }, { module });
      expect(module.sizes).toEqual([2, 4, 8, 4, 4, 4]);
      expect([finder.batchSize, module.batchSize]).toEqual([4, 4]);
    });
  }
});

test('a resumed run keeps the size, and equals one that went through', async () => {
  Bounded.most = 4;
  const [whole, resumed] = await wholeAndResumed(() => [new BatchSizeFinder({ loader: loaderOf(12) })], {
    at: 4,
    module: () => new Bounded(),
    outcome: (module, [finder]) => [module.weights(), (finder as BatchSizeFinder).batchSize],
  });
  expect(whole[1]).toBe(4);
  expect(resumed).toEqual(whole);
});

test('other errors are passed on', async () => {
  class Broken extends BoringModule {
    override trainingStep(): tf.Tensor {
      throw new Error('another mistake');
    }
  }
  await expectNoLeak(async () => {
    const fitting = fitBoring(new BatchSizeFinder({ loader: loaderOf(12) }), {}, { module: new Broken() });
    await expect(fitting).rejects.toThrow('another mistake');
  });
});

test('wrong options', () => {
  expect(() => new BatchSizeFinder({} as never)).toThrow(
    'BatchSizeFinder: option `loader`: expected a function of a batch size that returns a loader, got undefined.',
  );
});
