import {
  Adam,
  LambdaCallback,
  LearningRateMonitor,
  type LearningRateMonitorOptions,
  LinearLR,
  MemoryLogger,
  SGD,
  StepLR,
  Trainer,
  type TrainerOptions,
} from 'kelvin';
import { expect, test } from 'vitest';
import { BoringModule, bare, boringLoader } from '../support/boring.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';

assertFileLeaksNothing();

/** The rows `[x, values]` that the monitor writes in two epochs of four batches, and nothing else. */
async function rowsOf(
  configure: (module: BoringModule) => unknown,
  options: LearningRateMonitorOptions = {},
  flags: TrainerOptions = {},
): Promise<[number, Record<string, number>][]> {
  const logger = new MemoryLogger();
  await expectNoLeak(async () => {
    const module = new BoringModule();
    module.configureOptimizers = () => configure(module) as never;
    const trainer = new Trainer({
      ...bare,
      barebones: false,
      enableProgressBar: false,
      enableModelSummary: false,
      enableCheckpointing: false,
      logger,
      maxEpochs: 2,
      logEveryNSteps: 1,
      callbacks: new LearningRateMonitor(options),
      ...flags,
    });
    await trainer.fit(module, boringLoader(4));
    module.dispose();
  });
  return logger.rows
    .filter(({ metrics }) => !('train_loss' in metrics))
    .map(({ step, metrics }) => [step, { ...metrics }]);
}

const halving = (interval: 'step' | 'epoch') => (module: BoringModule) => {
  const optimizer = new SGD(module.parameters(), { lr: 1 });
  return { optimizer, lrScheduler: { scheduler: new StepLR(optimizer, { stepSize: 1, gamma: 0.5 }), interval } };
};

test('C13 in epochs: a row at the start of each', async () => {
  expect(await rowsOf(halving('epoch'), { loggingInterval: 'epoch' })).toEqual([
    [0, { 'lr-SGD': 1 }],
    [4, { 'lr-SGD': 0.5 }],
  ]);
});

test('C13 in steps: a row in each step that is logged', async () => {
  const rows = await rowsOf(halving('step'), { loggingInterval: 'step' }, { logEveryNSteps: 3 });
  expect(rows).toEqual([
    [2, { 'lr-SGD': 0.25 }],
    [5, { 'lr-SGD': 2 ** -5 }],
  ]);
  expect(await rowsOf(halving('step'), { loggingInterval: 'step' }, { logEveryNSteps: 0 })).toEqual([]);
});

test('C13 by default: at each epoch, and in steps when the rate has changed', async () => {
  const perEpoch = await rowsOf(halving('epoch'));
  expect(perEpoch.map(([x]) => x)).toEqual([0, 4]);
  const perStep = await rowsOf(halving('step'));
  expect(perStep).toEqual(Array.from({ length: 8 }, (_, x) => [x, { 'lr-SGD': 0.5 ** x }]));
});

test('with accumulation there is one row per window', async () => {
  const rows = await rowsOf(halving('step'), { loggingInterval: 'step' }, { accumulateGradBatches: 2 });
  expect(rows.map(([x]) => x)).toEqual([0, 1, 2, 3]);
});

test('C13 groups have rates of their own, a scheduler may give the name, momentum is there when asked for', async () => {
  const grouped = (module: BoringModule) => {
    const [kernel, bias] = module.parameters() as [never, never];
    const groups = [{ params: [kernel] }, { params: [bias], lr: 0.5 }];
    return new SGD(groups, { lr: 1, momentum: 0.9 });
  };
  const flags = { maxEpochs: 1 };
  expect(await rowsOf(grouped, { logMomentum: true }, flags)).toEqual([
    [0, { 'lr-SGD/pg1': 1, 'lr-SGD/pg2': 0.5, 'lr-SGD/pg1-momentum': 0.9, 'lr-SGD/pg2-momentum': 0.9 }],
  ]);
  const named = (module: BoringModule) => {
    const optimizer = new Adam(module.parameters(), { lr: 1 });
    const scheduler = new LinearLR(optimizer, { startFactor: 1, totalIters: 1 });
    return { optimizer, lrScheduler: { scheduler, name: 'rate' } };
  };
  expect(await rowsOf(named, { logMomentum: true }, flags)).toEqual([[0, { rate: 1, 'rate-momentum': 0.9 }]]);
});

test('C13 the weight decay is there when asked for, where the optimizer has one', async () => {
  const decaying = (module: BoringModule) => new SGD(module.parameters(), { lr: 1, weightDecay: 0.25 });
  expect(await rowsOf(decaying, { logWeightDecay: true }, { maxEpochs: 1 })).toEqual([
    [0, { 'lr-SGD': 1, 'lr-SGD-weight_decay': 0.25 }],
  ]);
});

test('C13 other callbacks can watch the rates', async () => {
  const rates: (number | undefined)[] = [];
  const watch = new LambdaCallback({
    onTrainEpochEnd: (trainer) => void rates.push(trainer.callbackMetrics['lr-SGD']),
  });
  await rowsOf(halving('epoch'), {}, { callbacks: [new LearningRateMonitor(), watch] });
  expect(rates).toEqual([1, 0.5]);
});

test('one monitor serves two fits', async () => {
  const monitor = new LearningRateMonitor({ loggingInterval: 'epoch' });
  for (let i = 0; i < 2; i++) {
    const rows = await rowsOf(halving('epoch'), {}, { callbacks: monitor });
    expect(rows.map(([x]) => x)).toEqual([0, 4]);
  }
});

test('C13 without a logger it throws, but not in a dev run', async () => {
  const module = new BoringModule();
  const flags = { ...bare, barebones: false, enableProgressBar: false, enableModelSummary: false, logger: false };
  const callbacks = new LearningRateMonitor();
  const trainer = new Trainer({ ...flags, callbacks, enableCheckpointing: false, maxEpochs: 1 });
  await expect(trainer.fit(module, boringLoader(1))).rejects.toThrow(
    'LearningRateMonitor: expected a trainer with a logger, got one without.\n  help: give the trainer a `logger`',
  );
  await new Trainer({ ...flags, callbacks, fastDevRun: true }).fit(module, boringLoader(1));
  module.dispose();
});

test('options are checked', () => {
  expect(() => new LearningRateMonitor({ loggingInterval: 'batch' as never })).toThrow(
    "option `loggingInterval`: expected 'step' or 'epoch', got 'batch' (string)",
  );
});
