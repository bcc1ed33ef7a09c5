import {
  Adam,
  type Callback,
  DataLoader,
  type Dataset,
  Dropout,
  fromTfOptimizer,
  LearningRateFinder,
  type LearningRateFinderOptions,
  lrFind,
  MemoryLogger,
  StepLR,
  seedEverything,
  Trainer,
  tf,
} from 'kelvin';
import { describe, expect, test } from 'vitest';
import { type BoringBatch, BoringModule, boringLoader } from '../support/boring.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { fitBoring, quiet, wholeAndResumed } from './support.ts';

assertFileLeaksNothing();

/** A range test alone. */
async function find(options: LearningRateFinderOptions = {}, Module = BoringModule) {
  return expectNoLeak(async () => {
    const module = new Module();
    try {
      const before = module.weights();
      const result = await lrFind(new Trainer(quiet), module, { train: boringLoader(7) }, options);
      expect(module.weights()).toEqual(before);
      return { ...result, lr: module.lr };
    } finally {
      module.dispose();
    }
  });
}

describe('E1: lrFind', () => {
  test('tries 100 rates, from the first to exactly the last, at a constant ratio', async () => {
    const { lrs, losses } = await find({ earlyStopThreshold: null, maxLr: 0.1 });
    expect([lrs.length, losses.length, lrs[0], lrs.at(-1)]).toEqual([100, 100, 1e-8, 0.1]);
    for (let i = 1; i < 100; i++) expect((lrs[i] as number) / (lrs[i - 1] as number)).toBeCloseTo(10 ** (7 / 99), 9);
    const linear = await find({ mode: 'linear', minLr: 0.1, maxLr: 0.5, numTraining: 5, earlyStopThreshold: null });
    linear.lrs.forEach((lr, i) => void expect(lr).toBeCloseTo(0.1 * (i + 1), 9));
  });

  test('suggests the rate at which the smoothed loss falls most steeply, and sets it', async () => {
    const { lrs, losses, suggestion, lr } = await find({ maxLr: 0.5 });
    const slopes = losses.map((_, i) => ((losses[i + 1] as number) - (losses[i - 1] as number)) / 2);
    const inner = slopes.slice(11, losses.length - 2);
    expect(lr).toBe(suggestion);
    expect(slopes[lrs.indexOf(suggestion as number)]).toBeCloseTo(Math.min(...inner), 12);
    expect((await find({ updateAttr: false })).lr).toBe(0.1);
  });

  test('ends when the loss gets out of hand', async () => {
    const { losses } = await find({ maxLr: 1e6 });
    expect(losses.length).toBeLessThan(100);
    expect(losses.at(-1)).toBeGreaterThan(4 * Math.min(...losses));
  });

  test('suggests nothing on too few points', async () => {
    expect(await find({ numTraining: 12, maxLr: 1e-3 })).toMatchObject({ suggestion: undefined, lr: 0.1 });
  });
});

/** Adam, dropout from the global stream, a schedule. */
class Elaborate extends BoringModule {
  readonly drop = new Dropout({ rate: 0.5 });
  override forward(x: tf.Tensor): tf.Tensor {
    return super.forward(this.drop.apply(x, { training: this.training }) as tf.Tensor);
  }
  override configureOptimizers(): never {
    const optimizer = new Adam(this.parameters(), { lr: this.lr });
    return { optimizer, lrScheduler: new StepLR(optimizer, { stepSize: 1, gamma: 0.5 }) } as never;
  }
}

/** The weights after two epochs, seeded. */
async function trained(callbacks: readonly Callback[], flags = {}, lr = 0.1): Promise<number[] | undefined> {
  const restore = seedEverything(3);
  const module = new Elaborate();
  module.lr = lr;
  try {
    return await fitBoring(
      callbacks,
      { enableCheckpointing: false, ...flags },
      { module, look: () => module.weights() },
    );
  } finally {
    restore();
  }
}

test('E1: as a callback it leaves no trace but the rate: training is as if that had been given', async () => {
  const logger = new MemoryLogger();
  const finder = new LearningRateFinder({ maxLr: 0.5 });
  const rates: number[] = [];
  const steps: number[] = [];
  const watch: Callback = {
    onTrainBatchStart: (trainer) => void rates.push(trainer.optimizers[0]?.lr as number),
    onTrainStart: (trainer) => void steps.push(trainer.globalStep, trainer.globalBatch, trainer.currentEpoch),
  };
  const found = await expectNoLeak(() => trained([finder, watch], { logger, logEveryNSteps: 1 }));
  const suggestion = finder.result?.suggestion as number;
  expect(steps).toEqual([0, 0, 0]);
  expect(rates[0]).toBeCloseTo(suggestion, 12);
  expect(rates[4]).toBeCloseTo(suggestion / 2, 12);
  expect(logger.rows.filter(({ metrics }) => 'train_loss' in metrics).map(({ step }) => step)).toEqual([
    0, 1, 2, 3, 4, 5, 6, 7,
  ]);
  expect(found).toEqual(await trained([], {}, suggestion));
});

test('it accumulates as training will', async () => {
  let batches = 0;
  class Counting extends BoringModule {
    override trainingStep(batch: never): tf.Tensor {
      batches++;
      return super.trainingStep(batch);
    }
  }
  const finder = new LearningRateFinder({ numTraining: 12 });
  await fitBoring(finder, { accumulateGradBatches: 4, maxSteps: 0 }, { module: new Counting() });
  expect([batches, finder.result?.lrs.length]).toEqual([48, 12]);
});

test('a resumed run is not tested anew, and equals one that went through', async () => {
  const [whole, resumed] = await wholeAndResumed(() => [new LearningRateFinder({ maxLr: 0.5 })], {
    at: 5,
    module: () => new Elaborate(),
    outcome: (module) => module.weights(),
  });
  expect(resumed).toEqual(whole);
});

test('one finder serves two fits; a dev run is not tested', async () => {
  const finder = new LearningRateFinder({ numTraining: 20 });
  await fitBoring(finder, { fastDevRun: true });
  expect(finder.result).toBeUndefined();
  for (let i = 0; i < 2; i++) await expectNoLeak(() => fitBoring(finder));
  expect(finder.result?.lrs).toHaveLength(20);
});

test('when a step throws, everything is put back', async () => {
  let count = 0;
  class Breaking extends BoringModule {
    override trainingStep(batch: never): tf.Tensor {
      if (++count === 5) throw new Error('broken');
      return super.trainingStep(batch);
    }
  }
  await expectNoLeak(async () => {
    const module = new Breaking();
    const before = module.weights();
    await expect(lrFind(new Trainer(quiet), module, boringLoader(3))).rejects.toThrow('broken');
    expect(module.weights()).toEqual(before);
    module.dispose();
  });
});

test('wrong options', async () => {
  expect(() => new LearningRateFinder({ minLr: 1, maxLr: 0.1 })).toThrow(
    'LearningRateFinder: option `maxLr`: expected a rate above `minLr`, 1, got 0.1.',
  );
  await expect(fitBoring(new LearningRateFinder({ attrName: 'rate' }))).rejects.toThrow(
    'LearningRateFinder: BoringModule: expected a field `rate`, got a module without it.',
  );
});

test('a shuffling DataLoader gives the same batches afterwards', async () => {
  const rows = Array.from({ length: 30 }, (_, i) => ({ x: [Math.sin(i), Math.cos(i)], y: [i % 3] }));
  const weights = async (finder: readonly Callback[]): Promise<number[]> => {
    const restore = seedEverything(5);
    const module = new BoringModule();
    const data = { get: (i: number) => rows[i], length: rows.length } as Dataset<unknown, BoringBatch>;
    const loader = new DataLoader(data, { batchSize: 4, shuffle: true });
    const trainer = new Trainer({ ...quiet, maxEpochs: 2, callbacks: finder });
    await expectNoLeak(() => trainer.fit(module, loader));
    const trained = module.weights();
    module.dispose();
    restore();
    return trained;
  };
  const finder = new LearningRateFinder({ numTraining: 17, updateAttr: false });
  expect(await weights([finder])).toEqual(await weights([]));
  expect(finder.result?.lrs).toHaveLength(17);
});

test.for([
  ['sgd', () => tf.train.sgd(0.1)],
  ['momentum', () => tf.train.momentum(0.01, 0.9)],
  ['adam', () => tf.train.adam(0.1)],
  ['adamax', () => tf.train.adamax(0.1)],
  ['adagrad', () => tf.train.adagrad(0.1)],
  ['adadelta', () => tf.train.adadelta(0.1)],
  ['rmsprop', () => tf.train.rmsprop(0.01)],
] as const)('stock tfjs optimizers are put back, too: %s', async ([, make]) => {
  class Stock extends BoringModule {
    override configureOptimizers(): never {
      return fromTfOptimizer(make(), this.parameters()) as never;
    }
  }
  const weights = (callbacks: readonly Callback[]) =>
    expectNoLeak(() => fitBoring(callbacks, {}, { module: new Stock(), look: (module) => module.weights() }));
  const outside = new LearningRateFinder({ numTraining: 15, updateAttr: false });
  expect(await weights([outside])).toEqual(await weights([]));
});
