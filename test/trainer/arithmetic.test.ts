/** How many batches, steps and epochs a fit has: rows A of reference/lightning.md. */
import {
  type Callback,
  DataLoader,
  fromTensors,
  LambdaCallback,
  ModelCheckpoint,
  SGD,
  Trainer,
  type TrainerOptions,
  tf,
} from 'kelvin';
import { expect, test } from 'vitest';
import { BoringModule, bare, boringLoader } from '../support/boring.ts';
import { filesIn, freshDirectory } from '../support/files.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { collect, joined, recordingCallback } from '../support/recorder.ts';

assertFileLeaksNothing();

/** Fits a fresh module and counts. */
async function train(batches: number, options: TrainerOptions, val = 0) {
  const module = new BoringModule();
  module.lr = 0.001;
  let validations = 0;
  const trainer = new Trainer({ ...bare, ...options });
  trainer.on('validationEnd', () => validations++);
  const seen: [number, number][] = [];
  trainer.on('trainBatchStart', (_batch, batchIdx) => seen.push([trainer.currentEpoch, batchIdx]));
  const result = await trainer.fit(module, boringLoader(batches), val > 0 ? boringLoader(val) : undefined);
  module.dispose();
  return { ...result, validations, seen, trainer };
}

const stopOnce = (condition: (steps: number) => boolean): Callback =>
  new LambdaCallback({
    onTrainBatchEnd: (trainer) => {
      if (condition(trainer.globalStep)) trainer.shouldStop = true;
    },
  });

test('A1 accumulation of 3 over 4 batches, 3 epochs: 6 steps of 12 batches', async () => {
  const estimated = collect('fitStart', (trainer) => trainer.estimatedSteppingBatches);
  const result = await train(4, { maxEpochs: 3, accumulateGradBatches: 3, callbacks: estimated });
  expect(result).toMatchObject({ steps: 6, batches: 12, epochs: 3 });
  expect(estimated.seen).toEqual([6]);
});

test('A2 maxSteps 5 of 3 batches an epoch: the second epoch is broken off, and not validated', async () => {
  const result = await train(3, { maxSteps: 5 }, 1);
  expect(result.seen).toEqual([
    [0, 0],
    [0, 1],
    [0, 2],
    [1, 0],
    [1, 1],
  ]);
  expect(result).toMatchObject({ status: 'finished', steps: 5, epochs: 2, validations: 1 });
});

test('A4 whichever limit comes first', async () => {
  expect(await train(3, { maxSteps: 4, maxEpochs: 10 })).toMatchObject({ steps: 4, epochs: 2 });
  expect(await train(3, { maxSteps: 100, maxEpochs: 2 })).toMatchObject({ steps: 6, epochs: 2 });
});

test.for([{ maxEpochs: 0 }, { maxSteps: 0 }, { limitTrainBatches: 0 }])(
  'A5 %o: nothing is trained, nor checked',
  async (limit) => {
    const trace: string[] = [];
    const result = await train(3, { ...limit, callbacks: recordingCallback(trace, 'U') }, 1);
    expect(joined(trace)).toEqual(['U.setup', 'U.fitStart', 'U.fitEnd', 'U.teardown']);
    expect(result).toMatchObject({ status: 'finished', steps: 0 });
  },
);

test('A7 A8 a request to stop, and the minimums that come before it', async () => {
  const stopAt5 = { maxEpochs: 4, callbacks: stopOnce((steps) => steps >= 5) };
  expect(await train(3, stopAt5, 1)).toMatchObject({ status: 'stopped', epochs: 2, steps: 5, validations: 2 });
  expect(await train(3, { ...stopAt5, minSteps: 8 }, 1)).toMatchObject({ epochs: 3, steps: 8, validations: 3 });
  expect(await train(3, { ...stopAt5, minEpochs: 3 }, 1)).toMatchObject({ epochs: 3, steps: 9, validations: 3 });
});

test('A12 a second fit has nothing to do until a limit is raised', async () => {
  const module = new BoringModule();
  const trainer = new Trainer({ ...bare, maxEpochs: 2 });
  const run = () => trainer.fit(module, boringLoader(3));
  expect(await run()).toMatchObject({ steps: 6, epochs: 2 });
  expect(await run()).toMatchObject({ steps: 6, epochs: 2 });
  trainer.maxEpochs = 4;
  expect(await run()).toMatchObject({ steps: 12, epochs: 4 });
  trainer.maxEpochs = -1;
  trainer.maxSteps = 14;
  expect(await run()).toMatchObject({ steps: 14 });
  expect(await messageFrom(() => Object.assign(trainer, { maxEpochs: 1.5 }))).toMatchInlineSnapshot(
    `"ConfigError [invalid-option] Trainer: option \`maxEpochs\`: expected a whole number of at least -1, got 1.5 (number)."`,
  );
  module.dispose();
});

test.for([
  [1, 1],
  ['100%', 64],
  ['25%', 16],
  ['26%', 16],
  [1000, 64],
  [0, 0],
] as const)('A13 limitTrainBatches %s of 64: %i', async ([limitTrainBatches, batches]) => {
  expect(await train(64, { maxEpochs: 1, limitTrainBatches })).toMatchObject({ batches });
});

test('A13 a percentage that leaves no batch is an error that names the smallest', async () => {
  expect(await messageFrom(() => train(64, { maxEpochs: 1, limitTrainBatches: '0.1%' }))).toMatchInlineSnapshot(`
    "ConfigError [limit-leaves-no-batch] Trainer: option \`limitTrainBatches\`: expected at least one of 64 batches, got '0.1%' (string).
      help: the smallest usable percentage is '1.563%' (1/64)"
  `);
});

test.for([
  [3, '50%', 1],
  [10, '25%', 2],
  [10, '19%', 1],
  [7, '99%', 6],
] as const)('A14 of %i validation batches %s: %i', async ([count, limitValBatches, expected]) => {
  const module = new BoringModule();
  const batches = collect('validationBatchEnd', () => 1);
  await new Trainer({ ...bare, limitValBatches, callbacks: batches }).validate(module, boringLoader(count));
  expect(batches.seen).toHaveLength(expected);
  module.dispose();
});

test('A15 fastDevRun: three batches of everything, no rows, no checkpoint, no sanity check', async () => {
  const dirPath = freshDirectory();
  const sanity = collect('sanityCheckStart', () => 1);
  const rows: unknown[] = [];
  const val = collect('validationBatchEnd', () => 1);
  const result = await train(
    5,
    {
      barebones: false,
      enableProgressBar: false,
      enableModelSummary: false,
      fastDevRun: 3,
      maxEpochs: 2,
      checkValEveryNEpoch: 2,
      logger: { logMetrics: (row) => rows.push(row) },
      callbacks: [sanity, val, new ModelCheckpoint({ dirPath, saveLast: true })],
    },
    4,
  );
  expect(result).toMatchObject({ steps: 3, batches: 3, epochs: 1, validations: 1 });
  expect([val.seen.length, sanity.seen.length, rows.length]).toEqual([3, 0, 0]);
  expect(filesIn(dirPath)).toEqual([]);
});

test('A16 overfitBatches: the same two batches in the same order in each epoch, also of a shuffling loader', async () => {
  const xs = tf.tensor2d(Array.from({ length: 40 }, (_, i) => [i, 1]));
  const ys = tf.zeros([40, 1]) as tf.Tensor2D;
  const loader = new DataLoader(fromTensors({ x: xs, y: ys } as never), { batchSize: 4, shuffle: true, seed: 1 });
  const seen = collect('trainBatchStart', (_trainer, batch) => [...(batch as { x: tf.Tensor }).x.dataSync()]);
  const val = collect('validationBatchEnd', () => 1);
  const module = new BoringModule();
  const result = await new Trainer({ ...bare, overfitBatches: 2, maxEpochs: 2, callbacks: [seen, val] }).fit(
    module,
    loader as never,
    boringLoader(5),
  );
  expect(result.steps).toBe(4);
  expect(val.seen).toHaveLength(4);
  expect(seen.seen.slice(2)).toEqual(seen.seen.slice(0, 2));
  tf.dispose([xs, ys]);
  module.dispose();
});

test('A17 four batches of 8 accumulated are one of 32, also with a shorter last window and batches of other sizes', async () => {
  const run = async (sizes: number[], accumulateGradBatches: number): Promise<number[]> => {
    const module = new BoringModule();
    let row = 0;
    const batches = sizes.map((size) => {
      const rows = Array.from({ length: size }, () => [Math.sin(row), Math.cos(3 * row++)]);
      return { x: tf.tensor2d(rows), y: tf.tensor2d(rows.map(([a, b]) => [2 * (a as number) - (b as number)])) };
    });
    await new Trainer({ ...bare, maxEpochs: 3, accumulateGradBatches }).fit(module, batches);
    const weights = module.weights();
    module.dispose();
    tf.dispose(batches as never);
    return weights;
  };
  const close = (a: number[], b: number[]): void => {
    for (const [i, value] of a.entries()) expect(Math.abs(value - (b[i] as number))).toBeLessThan(1e-6);
  };
  close(await run([8, 8, 8, 8], 4), await run([32], 1));
  close(await run([8, 8, 8, 8, 8], 4), await run([32, 8], 1)); // the last window holds one batch
  close(await run([8, 4, 1, 3, 2, 1], 4), await run([16, 3], 1));
  close(await run([1, 1, 1], 1), await run([1, 1, 1], 1));
});

test('A19 what hooks see of the counters', async () => {
  const at = (hook: Parameters<typeof collect>[0]) =>
    collect(hook, (trainer) => [trainer.currentEpoch, trainer.globalStep]);
  const hooks = {
    start: at('trainBatchStart'),
    before: at('beforeOptimizerStep'),
    end: at('trainBatchEnd'),
    epochEnd: at('trainEpochEnd'),
    trainEnd: at('trainEnd'),
  };
  await train(2, { maxEpochs: 2, callbacks: Object.values(hooks) });
  expect(hooks.start.seen).toEqual([
    [0, 0],
    [0, 1],
    [1, 2],
    [1, 3],
  ]);
  expect(hooks.before.seen).toEqual([
    [0, 0],
    [0, 1],
    [1, 2],
    [1, 3],
  ]);
  expect(hooks.end.seen).toEqual([
    [0, 1],
    [0, 2],
    [1, 3],
    [1, 4],
  ]);
  expect(hooks.epochEnd.seen).toEqual([
    [0, 2],
    [1, 4],
  ]);
  expect(hooks.trainEnd.seen).toEqual([[2, 4]]);
});

test.for(['norm', 'value'] as const)(
  'A21 clipping by %s: once per window, the hook before it sees unclipped gradients',
  async (gradientClipAlgorithm) => {
    const module = new BoringModule();
    module.lr = 1;
    let calls = 0;
    const size = (gradients: Readonly<Record<string, tf.Tensor>>): number => {
      const values = Object.values(gradients).flatMap((gradient) => [...gradient.dataSync()]);
      return gradientClipAlgorithm === 'norm' ? Math.hypot(...values) : Math.max(...values.map(Math.abs));
    };
    const before = collect('beforeOptimizerStep', (_trainer, _optimizer, gradients) => size(gradients as never));
    const after: number[] = [];
    module.configureGradientClipping = function (this: BoringModule, ...args) {
      calls++;
      const clipped = BoringModule.prototype.configureGradientClipping.apply(this, args);
      after.push(size(clipped));
      return clipped;
    };
    const flags = { ...bare, maxEpochs: 1, accumulateGradBatches: 2, gradientClipVal: 0.5, gradientClipAlgorithm };
    await new Trainer({ ...flags, callbacks: before }).fit(module, boringLoader(5));
    expect(calls).toBe(3);
    expect(before.seen[0]).toBeGreaterThan(0.5);
    after.forEach((value, i) => {
      expect(value).toBeLessThanOrEqual(0.5 + 1e-6);
      expect(value).toBeCloseTo(Math.min(0.5, before.seen[i] as number), 4);
    });
    module.dispose();
  },
);

test('A22 maxTime ends the run after the batch in which it is up; minEpochs and minSteps go before it', async () => {
  const slowInThird: Callback = {
    onTrainBatchEnd(trainer) {
      const until = performance.now() + (trainer.globalBatch === 3 ? 2000 : 0);
      while (performance.now() < until); // a batch that takes its time
    },
  };
  const limited: TrainerOptions = { maxTime: '2s', maxEpochs: -1, callbacks: slowInThird };
  expect(await train(5, limited)).toMatchObject({ status: 'finished', steps: 3 });
  expect(await train(2, { maxTime: '1ms', minEpochs: 8 })).toMatchObject({ epochs: 8, steps: 16 });
  expect(await train(2, { maxTime: '1ms', minSteps: 5 })).toMatchObject({ steps: 5 });
});

test('A24 a stream without length is validated at its end, also below the limit', async () => {
  const stream = {
    *[Symbol.iterator]() {
      yield* boringLoader(5);
    },
  };
  const points: number[] = [];
  const last: boolean[] = [];
  for (const limitTrainBatches of [10, 3]) {
    const module = new BoringModule();
    const trainer = new Trainer({ ...bare, maxEpochs: 2, limitTrainBatches });
    trainer.on('validationStart', () => points.push(trainer.globalBatch));
    trainer.on('trainBatchEnd', () => last.push(trainer.isLastBatch));
    await trainer.fit(module, stream, boringLoader(1));
    module.dispose();
  }
  expect(points).toEqual([5, 10, 3, 6]);
  expect(last.slice(0, 5)).toEqual([false, false, false, false, true]);
});

test('globalStep counts steps that were taken: an optimizerStep that does not apply is none', async () => {
  const module = new BoringModule();
  module.optimizerStep = (_epoch, batchIdx, _optimizer, apply) => {
    if (batchIdx % 2 === 0) apply();
  };
  expect(await new Trainer({ ...bare, maxEpochs: 1 }).fit(module, boringLoader(6))).toMatchObject({
    steps: 3,
    batches: 6,
  });
  module.dispose();
});

test('configureModel is called once in the life of a module; parameter groups may be added while training', async () => {
  const module = new BoringModule();
  const late = tf.tidy(() => tf.variable(tf.zeros([1])));
  let calls = 0;
  module.configureModel = () => {
    calls++;
    Object.assign(module, { late });
  };
  const own = module.trainingStep;
  module.trainingStep = (batch) => tf.add(own.call(module, batch), tf.sum(late)) as tf.Tensor;
  module.configureOptimizers = () =>
    new SGD(
      module.parameters().filter((each) => each !== late),
      { lr: 0.1 },
    );
  const trainer = new Trainer({ ...bare, maxEpochs: 2 });
  trainer.on('trainEpochStart', () => {
    if (trainer.currentEpoch === 1) (trainer.optimizers[0] as SGD).addParamGroup({ params: [late] });
  });
  await trainer.fit(module, boringLoader(2));
  await trainer.test(module, boringLoader(1));
  expect(calls).toBe(1);
  expect(late.dataSync()[0]).toBeCloseTo(-0.2, 6);
  module.dispose();
  tf.disposeVariables();
});
