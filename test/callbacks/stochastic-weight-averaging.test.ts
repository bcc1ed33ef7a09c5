import { join } from 'node:path';
import {
  type Callback,
  ModelCheckpoint,
  readCheckpoint,
  StepLR,
  StochasticWeightAveraging,
  type StochasticWeightAveragingOptions,
  tf,
} from 'kelvin';
import { describe, expect, test } from 'vitest';
import { BoringModule, boringLoader } from '../support/boring.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { fitBoring, freshDirectory, wholeAndResumed } from './support.ts';

assertFileLeaksNothing();

/** The learning rate in each batch, and the weights at the start of each epoch. */
function watch(): Callback & { rates: number[]; starts: number[][] } {
  const rates: number[] = [];
  const starts: number[][] = [];
  return {
    rates,
    starts,
    onTrainEpochStart: (_, module) => void starts.push((module as BoringModule).weights()),
    onBeforeOptimizerStep: (trainer) => void rates.push(trainer.optimizers[0]?.lr as number),
  };
}

const meanOf = (sets: readonly number[][]): number[] =>
  (sets[0] as number[]).map((_, i) => sets.reduce((sum, set) => sum + (set[i] as number), 0) / sets.length);

function close(actual: readonly number[], expected: readonly number[]): void {
  for (const [i, value] of expected.entries()) expect(actual[i]).toBeCloseTo(value, 5);
}

/** Five epochs of one batch each. */
async function run(options: StochasticWeightAveragingOptions, Module = BoringModule) {
  return expectNoLeak(async () => {
    const [swa, seen] = [new StochasticWeightAveraging(options), watch()];
    const look = (trained: BoringModule) => trained.weights();
    const final = await fitBoring([swa, seen], { maxEpochs: 5 }, { module: new Module(), batches: 1, look });
    return { ...seen, final: final as number[], averages: swa.averages };
  });
}

test('E4: rates .1 .1 .075 .05 .05, and the mean of the weights at the starts of epochs 1 to 4', async () => {
  for (const annealingStrategy of ['linear', 'cos'] as const) {
    const { rates, starts, final, averages } = await run({
      swaLrs: 0.05,
      swaEpochStart: 2,
      annealingEpochs: 2,
      annealingStrategy,
    });
    close(rates, [0.1, 0.1, 0.075, 0.05, 0.05]);
    expect(averages).toBe(4);
    close(final, meanOf(starts.slice(1)));
  }
});

test('the start may be a percentage; annealing follows a cosine, or is left out', async () => {
  expect((await run({ swaLrs: 0.05 })).averages).toBe(2);
  expect((await run({ swaLrs: 0.05, swaEpochStart: '1%' })).averages).toBe(5);
  const { rates } = await run({ swaLrs: 0.02, swaEpochStart: 1, annealingEpochs: 4 });
  close(
    rates,
    [0, 1, 2, 3, 4].map((t) => 0.1 - 0.08 * ((1 - Math.cos((Math.PI * t) / 4)) / 2)),
  );
  expect((await run({ swaLrs: 0.02, swaEpochStart: 3, annealingEpochs: 0 })).rates).toEqual([
    0.1, 0.1, 0.02, 0.02, 0.02,
  ]);
});

test('the rate is held against the schedulers of the module', async () => {
  class Scheduled extends BoringModule {
    override configureOptimizers(): never {
      const optimizer = super.configureOptimizers();
      return {
        optimizer,
        lrScheduler: { scheduler: new StepLR(optimizer, { stepSize: 1, gamma: 0.5 }), interval: 'step' },
      } as never;
    }
  }
  const { rates } = await run({ swaLrs: 0.01, swaEpochStart: 3, annealingEpochs: 0 }, Scheduled);
  close(rates, [0.1, 0.05, 0.01, 0.01, 0.01]);
});

/** Batch norm comes first, so that its statistics are those of the data, whatever the weights are. */
class Normalizing extends BoringModule {
  readonly norm = tf.layers.batchNormalization({ inputShape: [2], momentum: 0.9 });

  constructor() {
    super();
    this.norm.build([null, 2]);
  }

  override forward(x: tf.Tensor): tf.Tensor {
    return this.net.apply(this.norm.apply(x, { training: this.training })) as tf.Tensor;
  }

  statistics(): number[] {
    return [...(this.namedVariables().get('norm.moving_mean') as tf.Variable).dataSync()];
  }
}

test('the statistics of batch normalization are recomputed over the training data', async () => {
  await expectNoLeak(async () => {
    const swa = new StochasticWeightAveraging({ swaLrs: 0.05 });
    const statistics = await fitBoring(
      swa,
      {},
      { module: new Normalizing(), look: (m) => (m as Normalizing).statistics() },
    );
    const means = [...boringLoader(4)].map(({ x, y }) => {
      const mean = tf.tidy(() => [...tf.mean(x, 0).dataSync()]);
      tf.dispose([x, y]);
      return mean;
    });
    close(statistics as number[], meanOf(means));
  });
});

describe('a resumed run equals one that went through', () => {
  const make = () => [new StochasticWeightAveraging({ swaLrs: 0.01, swaEpochStart: 2, annealingEpochs: 2 })];
  test.for([2, 4, 6, 8, 11])('broken after batch %i', async (at) => {
    const [whole, resumed] = await wholeAndResumed(make, {
      at,
      module: () => new Normalizing(),
      outcome: (module, [swa]) => [module.weights(), (swa as StochasticWeightAveraging).averages],
    });
    expect(resumed).toEqual(whole);
  });
});

test('the last checkpoint holds the mean, those before it the trained weights', async () => {
  const dirPath = freshDirectory();
  const keeper = new ModelCheckpoint({ dirPath, saveLast: true, saveTopK: -1 });
  const swa = new StochasticWeightAveraging({ swaLrs: 0.05 });
  const live: number[][] = [];
  const seen: Callback = { onTrainEpochEnd: (_, module) => void live.push((module as BoringModule).weights()) };
  const look = (module: BoringModule) => module.weights();
  const final = await fitBoring([swa, seen, keeper], { enableCheckpointing: true }, { look });
  const modelIn = async (name: string) =>
    [...(await readCheckpoint(join(dirPath, name))).tensors]
      .filter(([key]) => key.startsWith('model/'))
      .flatMap(([, { data }]) => [...data]);
  expect(await modelIn('last.ckpt')).toEqual(final);
  expect(await modelIn('epoch=1-step=8.ckpt')).toEqual(live[1]);
});

test('an exception leaves the trained weights and leaks nothing', async () => {
  await expectNoLeak(async () => {
    const trap: Callback = {
      onTrainBatchEnd: (trainer) => {
        if (trainer.globalBatch === 6) throw new Error('broken');
      },
    };
    const swa = new StochasticWeightAveraging({ swaLrs: 0.05, swaEpochStart: 1 });
    await expect(fitBoring([swa, trap])).rejects.toThrow('broken');
  });
});

test('wrong options', async () => {
  expect(() => new StochasticWeightAveraging({ swaLrs: 0 })).toThrow(
    'option `swaLrs`: expected a number above 0, or one per parameter group, got 0 (number).',
  );
  expect(() => new StochasticWeightAveraging({ swaLrs: 1, swaEpochStart: 0.8 })).toThrow(
    "option `swaEpochStart`: expected an epoch from 1, such as 15 or '15ep', or a part of the training, such as '80%' or '0.8dur', got 0.8 (number).",
  );
  await expect(fitBoring(new StochasticWeightAveraging({ swaLrs: [0.1, 0.2] }))).rejects.toThrow(
    'option `swaLrs`: expected one rate, or one for each of 1 parameter groups, got 2.',
  );
  await expect(
    fitBoring(new StochasticWeightAveraging({ swaLrs: 0.1 }), { maxEpochs: -1, maxSteps: 1 }),
  ).rejects.toThrow(
    "option `swaEpochStart`: expected a number of epochs, since `maxEpochs` is not limited, got '80%'.",
  );
});
