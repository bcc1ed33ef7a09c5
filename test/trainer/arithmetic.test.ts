/** How many steps and epochs a fit has: rows A of reference/lightning.md; limits on batches and accumulation are told beside this. */
import { type Callback, LambdaCallback, SGD, StepLR, Trainer, type TrainerOptions, tf } from 'kelvin';
import { expect, test } from 'vitest';
import { BoringModule, bare, boringLoader } from '../support/boring.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { collect, joined, recordingCallback } from '../support/recorder.ts';
import { train } from '../support/train.ts';

assertFileLeaksNothing();

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

test('A10 a stop in the first batch: a scheduler of interval step has been stepped once', () =>
  expectNoLeak(async () => {
    class Halving extends BoringModule {
      override configureOptimizers() {
        const optimizer = new SGD(this.parameters(), { lr: 1 });
        const scheduler = new StepLR(optimizer, { stepSize: 1, gamma: 0.5 });
        return { optimizer, lrScheduler: { scheduler, interval: 'step' as const } } as never;
      }
    }
    const module = new Halving();
    const trainer = new Trainer({ ...bare, maxEpochs: 2 });
    const rates: number[] = [];
    trainer.on('trainBatchEnd', () => {
      trainer.shouldStop = true;
    });
    trainer.on('trainEnd', () => rates.push(...Object.values(trainer.learningRates)));
    expect(await trainer.fit(module, boringLoader(4))).toMatchObject({ steps: 1, status: 'stopped' });
    expect(rates).toEqual([0.5]);
    module.dispose();
  }));

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
