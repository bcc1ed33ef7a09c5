/** When validation runs, and what it leaves alone: rows B of reference/lightning.md; and prediction. */
import {
  type Callback,
  Dropout,
  globalRandom,
  type LightningModule,
  MemoryLogger,
  seedEverything,
  Trainer,
  type TrainerOptions,
  tf,
} from 'kelvin';
import { expect, test } from 'vitest';
import { BoringModule, bare, boringLoader } from '../support/boring.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { collect } from '../support/recorder.ts';

assertFileLeaksNothing();

const flags = {
  ...bare,
  barebones: false,
  enableProgressBar: false,
  enableModelSummary: false,
  enableCheckpointing: false,
  numSanityValSteps: 0,
  logger: false,
} satisfies TrainerOptions;

async function points(batches: number, options: TrainerOptions): Promise<[number, number][]> {
  const module = new BoringModule();
  const seen = collect('validationStart', (trainer): [number, number] => [trainer.currentEpoch, trainer.globalBatch]);
  const trainer = new Trainer({ ...flags, maxEpochs: 2, ...options, callbacks: seen });
  await trainer.fit(module, boringLoader(batches), boringLoader(1)).finally(() => module.dispose());
  return seen.seen;
}

test('B1 B2 B3 the points of validation', async () => {
  expect(await points(4, { valCheckInterval: '50%' })).toEqual([
    [0, 2],
    [0, 4],
    [1, 6],
    [1, 8],
  ]);
  const third = [
    [0, 3],
    [0, 6],
    [0, 9],
    [1, 13],
    [1, 16],
    [1, 19],
  ];
  expect(await points(10, { valCheckInterval: '30%' })).toEqual(third);
  expect(await points(10, { valCheckInterval: 3 })).toEqual(third);
  expect(await points(4, { valCheckInterval: 5, checkValEveryNEpoch: null, maxEpochs: 3 })).toEqual([
    [1, 5],
    [2, 10],
  ]);
  expect(await points(2, { checkValEveryNEpoch: 2, maxEpochs: 5 })).toEqual([
    [1, 4],
    [3, 8],
  ]);
  expect(await points(2, { limitValBatches: 0 })).toEqual([]);
  expect(await messageFrom(() => points(4, { valCheckInterval: 5 }))).toMatchInlineSnapshot(`
    "ConfigError [interval-exceeds-epoch] Trainer: option \`valCheckInterval\`: expected at most the 4 batches of an epoch, got 5.
      help: to count batches across epochs, set \`checkValEveryNEpoch: null\`"
  `);
  expect(
    await messageFrom(() => points(4, { valCheckInterval: '50%', checkValEveryNEpoch: null })),
  ).toMatchInlineSnapshot(
    `"ConfigError [fraction-across-epochs] Trainer: option \`valCheckInterval\`: expected a count of batches, since \`checkValEveryNEpoch\` is null, got '50%'."`,
  );
});

test.for([
  [0, 0],
  [1, 1],
  [2, 2],
  [-1, 5],
  [100, 5],
] as const)('B7 a sanity check of %i: %i batches, without a trace', async ([numSanityValSteps, expected]) => {
  const module = new BoringModule();
  const rows: unknown[] = [];
  const batches = collect('validationBatchEnd', (trainer) => trainer.sanityChecking);
  const metrics = collect('trainStart', (trainer) => [
    trainer.callbackMetrics,
    trainer.loggedMetrics,
    trainer.progressBarMetrics,
  ]);
  const random = collect('trainStart', () => globalRandom().state());
  const own = module.validationStep;
  module.validationStep = (batch) => {
    globalRandom().normal();
    own.call(module, batch);
  };
  const restore = seedEverything(3);
  globalRandom().normal(); // the second of the pair is pending: it must be there afterwards, too
  const before = globalRandom().state();
  const logger = { logMetrics: (row: object) => rows.push(row) };
  await new Trainer({
    ...flags,
    logger,
    maxEpochs: 1,
    limitTrainBatches: 1,
    numSanityValSteps,
    callbacks: [batches, metrics, random],
  }).fit(module, boringLoader(1), boringLoader(5));
  restore();
  expect(batches.seen.filter(Boolean)).toHaveLength(expected);
  expect(metrics.seen).toEqual([[{}, {}, {}]]);
  expect(random.seen).toEqual([before]);
  expect(rows).toHaveLength(1); // the validation of the epoch
  module.dispose();
});

test('B6 a validation in the middle of an accumulation window leaves it alone; after a whole one no gradients are held', () =>
  expectNoLeak(async () => {
    const run = async (valCheckInterval: 1 | '100%') => {
      const module = new BoringModule();
      const held: number[] = [];
      const trainer = new Trainer({
        ...flags,
        logger: false,
        maxEpochs: 2,
        accumulateGradBatches: 2,
        valCheckInterval,
      });
      trainer.on('validationStart', () => held.push(tf.memory().numTensors));
      await trainer.fit(module, boringLoader(4), boringLoader(1));
      const weights = module.weights();
      module.dispose();
      return { weights, held };
    };
    const [often, once] = [await run(1), await run('100%')];
    expect(often.weights).toEqual(once.weights);
    const [first, second, third, fourth] = often.held as [number, number, number, number];
    expect([first - second, third - fourth]).toEqual([2, 2]); // the sums of two parameters, in an open window
  }));

test('B9 two validation loaders: one after the other, one epoch, one row', async () => {
  const module = new BoringModule();
  module.validationStep = (_batch, batchIdx = 0) => {
    module.log('v', batchIdx);
  };
  const logger = new MemoryLogger();
  const order = collect('validationBatchStart', (_trainer, _batch, batchIdx, dataloaderIdx) => [
    dataloaderIdx,
    batchIdx,
  ]);
  const starts = collect('validationEpochStart', () => 1);
  const trainer = new Trainer({ ...flags, logger, callbacks: [order, starts] });
  const results = await trainer.validate(module, [boringLoader(2), boringLoader(3)]);
  expect(order.seen).toEqual([
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
    [1, 2],
  ]);
  expect(starts.seen).toHaveLength(1);
  expect(results).toEqual([{ 'v/dataloader_idx_0': 0.5 }, { 'v/dataloader_idx_1': 1 }]);
  expect(trainer.callbackMetrics).toEqual({ 'v/dataloader_idx_0': 0.5, 'v/dataloader_idx_1': 1 });
  module.dispose();
});

class Nested extends BoringModule {
  readonly frozen = new BoringModule().freeze();
  readonly resting = new BoringModule().eval();
  readonly active = new BoringModule();
  readonly norm = tf.sequential({
    layers: [tf.layers.batchNormalization({ inputShape: [2] }), new Dropout({ rate: 0.5 })],
  });

  override forward(x: tf.Tensor): tf.Tensor {
    return super.forward(this.norm.apply(x, { training: this.training }) as tf.Tensor);
  }

  modes(): boolean[] {
    return [this, this.frozen, this.resting, this.active].map((module: LightningModule<never>) => module.training);
  }
}

test('B10 evaluation changes neither weights nor batch-norm statistics, and puts every mode back', () =>
  expectNoLeak(async () => {
    const module = new Nested();
    const during = { train: [] as boolean[][], val: [] as boolean[][] };
    const callbacks: Callback = {
      onTrainBatchStart: () => void during.train.push(module.modes()),
      onValidationBatchStart: () => void during.val.push(module.modes()),
    };
    const trainer = new Trainer({ ...flags, maxEpochs: 2, callbacks });
    await trainer.fit(module, boringLoader(1), boringLoader(1));
    expect(during).toEqual({
      train: [
        [true, false, false, true],
        [true, false, false, true],
      ],
      val: [
        [false, false, false, false],
        [false, false, false, false],
      ],
    });
    const before = module.weights();
    await trainer.validate(module, boringLoader(2));
    tf.dispose((await trainer.predict(module, boringLoader(2))) as tf.Tensor[]);
    expect(module.weights()).toEqual(before);
    module.validationStep = () => {
      throw new Error('boom');
    };
    await expect(trainer.validate(module, boringLoader(2))).rejects.toThrow('boom');
    expect(module.modes()).toEqual([true, false, false, true]);
    module.dispose();
  }));

test('E10 predictions: a list per batch, a list of lists for several loaders, limited', () =>
  expectNoLeak(async () => {
    const module = new BoringModule();
    const shapes = (results: unknown): unknown =>
      Array.isArray(results) ? results.map(shapes) : (results as tf.Tensor).shape;
    const predict = async (loaders: never, options: TrainerOptions = {}) => {
      const results = await new Trainer({ ...bare, ...options }).predict(module, loaders);
      const found = shapes(results);
      tf.dispose(results as never);
      return found;
    };
    const one = [4, 1];
    expect(await predict(boringLoader(3) as never)).toEqual([one, one, one]);
    expect(await predict([boringLoader(1), boringLoader(2)] as never)).toEqual([[one], [one, one]]);
    expect(await predict(boringLoader(3) as never, { limitPredictBatches: 2 })).toEqual([one, one]);
    module.dispose();
  }));
