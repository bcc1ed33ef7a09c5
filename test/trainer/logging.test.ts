/** What reaches the loggers and the callbacks, under which name and at which step: rows C of reference/lightning.md. */
import { Trainer, type TrainerOptions, tf } from 'kelvin';
import { expect, test } from 'vitest';
import { type BoringBatch, BoringModule, bare, boringLoader } from '../support/boring.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
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

/** The module of reference/lightning.md §7.2. */
class Logging extends BoringModule {
  override trainingStep(batch: BoringBatch): tf.Tensor {
    const index = this.trainer.globalBatch % 3;
    this.log('loss', index, { onStep: true, onEpoch: true });
    this.log('only', index, { onStep: true, onEpoch: true });
    return super.trainingStep(batch);
  }
  override validationStep(): void {
    this.log('val', 1);
    this.log('val_both', 1, { onStep: true, onEpoch: true });
  }
  override onValidationEpochEnd(): void {
    this.log('vee', 1);
  }
  override onTrainStart(): void {
    this.log('ts', 1);
  }
  override onTrainEpochStart(): void {
    this.log('tes', 1);
  }
  override onTrainEpochEnd(): void {
    this.log('tee', 1);
  }
}

test('C1 C6 names and steps of all rows, and what callbacks see', async () => {
  const module = new Logging();
  const rows: string[] = [];
  const logger = {
    logMetrics: (row: object, step: number) => void rows.push(`${step}: ${Object.keys(row).sort().join(' ')}`),
  };
  const first = collect('trainBatchEnd', (trainer) => Object.keys(trainer.callbackMetrics).sort());
  const trainer = new Trainer({ ...flags, maxEpochs: 2, logEveryNSteps: 1, logger, callbacks: first });
  const { metrics } = await trainer.fit(module, boringLoader(3), boringLoader(2));
  const steps = (from: number) => [0, 1, 2].map((i) => `${from + i}: epoch loss_step only_step train_loss`);
  const epoch = (step: number, start: string) => [
    `${step}: epoch val val_both_epoch vee`,
    `${step}: epoch loss_epoch only_epoch tee tes${start}`,
  ];
  expect(rows).toEqual([
    ...steps(0),
    '0: val_both_step',
    '1: val_both_step',
    ...epoch(2, ' ts'),
    ...steps(3),
    '2: val_both_step',
    '3: val_both_step',
    ...epoch(5, ''),
  ]);
  expect(first.seen[0]).toEqual(['loss', 'loss_step', 'only', 'only_step', 'train_loss']);
  expect(metrics).toMatchObject({
    loss: 1,
    loss_step: 2,
    loss_epoch: 1,
    val: 1,
    val_both: 1,
    val_both_epoch: 1,
    vee: 1,
    ts: 1,
    tes: 1,
    tee: 1,
  });
  expect(Object.keys(trainer.loggedMetrics).sort()).toEqual([
    'loss_epoch',
    'loss_step',
    'only_epoch',
    'only_step',
    'tee',
    'tes',
    'train_loss',
    'ts',
    'val',
    'val_both_epoch',
    'val_both_step',
    'vee',
  ]);
  module.dispose();
});

async function stepsOfRows(batches: number, options: TrainerOptions): Promise<number[]> {
  const module = new BoringModule();
  const own = module.trainingStep;
  module.trainingStep = (batch) => {
    module.log('both', 1, { onStep: true, onEpoch: true });
    return own.call(module, batch);
  };
  const steps: number[] = [];
  await new Trainer({ ...flags, ...options, logger: { logMetrics: (_row, step) => void steps.push(step) } }).fit(
    module,
    boringLoader(batches),
  );
  module.dispose();
  return steps;
}

test('C2 C3 a row every n steps, one per epoch; with accumulation at the batches that close a window', async () => {
  expect(await stepsOfRows(64, { maxEpochs: 2 })).toEqual([49, 63, 99, 127]);
  expect(await stepsOfRows(10, { maxEpochs: 1, logEveryNSteps: 3 })).toEqual([2, 5, 8, 9]);
  expect(await stepsOfRows(10, { maxEpochs: 1, logEveryNSteps: 0 })).toEqual([9]);
  expect(await stepsOfRows(5, { maxEpochs: 1, logEveryNSteps: 1, accumulateGradBatches: 2 })).toEqual([0, 1, 2, 2]);
});

test('C5 reductions: a mean is weighted by batch size', async () => {
  const sizes = [4, 4, 2];
  const batches = sizes.map((size) => ({ x: tf.ones([size, 2]) as tf.Tensor2D, y: tf.ones([size, 1]) as tf.Tensor2D }));
  const module = new BoringModule();
  module.validationStep = (_batch, i = 0) => {
    for (const reduceFx of ['mean', 'sum', 'min', 'max'] as const) module.log(reduceFx, tf.scalar(i), { reduceFx });
    module.log('one', i, { batchSize: 1 });
  };
  const [results] = await new Trainer(bare).validate(module, batches);
  expect(results).toEqual({ mean: 0.8, sum: 3, min: 0, max: 2, one: 1 });
  tf.dispose(batches as never);
  module.dispose();
});

test('C7 a metric called step is the x value, and there is no epoch then', async () => {
  const module = new BoringModule();
  module.trainingStep = (batch) => {
    module.log('step', 100 + module.trainer.globalBatch);
    return BoringModule.prototype.trainingStep.call(module, batch);
  };
  const rows: [string, number][] = [];
  const logger = { logMetrics: (row: object, step: number) => void rows.push([Object.keys(row).join(), step]) };
  await new Trainer({ ...flags, maxEpochs: 1, logEveryNSteps: 1, logger }).fit(module, boringLoader(2));
  expect(rows).toEqual([
    ['train_loss', 100],
    ['train_loss', 101],
  ]);
  module.dispose();
});

test('C8 §2.1 C15 what cannot be logged says why', async () => {
  const texts: Record<string, string> = {};
  const attempt = async (what: string, method: string, log: (module: BoringModule) => void) => {
    const module = new BoringModule();
    const own = (module as never as Record<string, ((...args: unknown[]) => unknown) | undefined>)[method];
    Object.assign(module, {
      [method]: (...args: unknown[]) => {
        log(module);
        return own?.apply(module, args);
      },
    });
    texts[what] = await messageFrom(() =>
      new Trainer({ ...bare, maxEpochs: 1 }).fit(module, boringLoader(1), boringLoader(1)),
    );
    module.dispose();
  };
  const log =
    (...args: unknown[]) =>
    (module: BoringModule) =>
      (module.log as (...all: unknown[]) => void)(...args);
  await attempt('forbidden hook', 'onFitStart', log('x', 1));
  await attempt('outside', 'configureOptimizers', log('x', 1));
  await attempt('step in an epoch hook', 'onTrainEpochEnd', log('x', 1, { onStep: true }));
  await attempt('both off', 'trainingStep', log('x', 1, { onStep: false, onEpoch: false }));
  await attempt('nested', 'trainingStep', log('x', { a: 1 }));
  await attempt('string', 'trainingStep', log('x', 'high'));
  await attempt('vector', 'trainingStep', (module) => module.log('x', tf.ones([2])));
  await attempt('unknown option', 'trainingStep', log('x', 1, { onEpoc: true }));
  await attempt('reserved', 'trainingStep', log('x/dataloader_idx_0', 1));
  await attempt('reduction', 'trainingStep', log('x', 1, { reduceFx: 'median' }));
  let calls = 0;
  await attempt('changed options', 'trainingStep', (module) => {
    module.log('x', 1);
    if (calls++ === 0) module.log('x', 1, { progBar: true });
  });
  expect(texts).toMatchInlineSnapshot(`
    {
      "both off": "ConfigError [logged-nowhere] log('x'): expected \`onStep\` or \`onEpoch\`, got neither.",
      "changed options": "ConfigError [changed-log-options] log('x'): expected \`progBar\` to be false (boolean), as when it was first logged in trainingStep, got true (boolean).",
      "forbidden hook": "ConfigError [not-loggable-here] log('x'): got called in onFitStart, where nothing is logged.
      help: log in a step, in a batch hook, or at the start or end of an epoch",
      "nested": "ConfigError [invalid-log-value] log('x'): expected a number, a boolean or a tensor with one element, got {"a":1} (object).",
      "outside": "ConfigError [not-loggable-here] log('x'): got called outside of all hooks and steps.
      help: log in a step, in a batch hook, or at the start or end of an epoch",
      "reduction": "ConfigError [invalid-reduction] log('x'): expected \`reduceFx\` to be 'mean', 'sum', 'min' or 'max', got 'median' (string).",
      "reserved": "ConfigError [reserved-name] log('x/dataloader_idx_0'): expected a name without \`/dataloader_idx_\`, got 'x/dataloader_idx_0' (string).",
      "step in an epoch hook": "ConfigError [no-step-here] log('x'): expected \`onStep\` to be false in onTrainEpochEnd, got true.",
      "string": "ConfigError [invalid-log-value] log('x'): expected a number, a boolean or a tensor with one element, got 'high' (string).",
      "unknown option": "ConfigError [unknown-option] log('x'): unknown option \`onEpoc\`.
      help: did you mean \`onEpoch\`?",
      "vector": "ConfigError [invalid-log-value] log('x'): expected a tensor with one element, got shape [2], dtype float32.",
    }
  `);
});

test('logging is possible in the optimizer’s step and in clipping', async () => {
  const module = new BoringModule();
  module.optimizerStep = (_epoch, _batchIdx, _optimizer, apply) => {
    module.log('stepping', 1);
    apply();
  };
  const { metrics } = await new Trainer({ ...bare, maxEpochs: 1 }).fit(module, boringLoader(1));
  expect(metrics).toHaveProperty('stepping', 1);
  module.dispose();
});

test('C11 what the module logs at the end of an epoch is seen by monitors and checkpoints, not by others', async () => {
  const module = new BoringModule();
  module.onTrainEpochEnd = () => module.log('late', 7);
  const look = (role?: 'monitor' | 'checkpoint') =>
    Object.assign(
      collect('trainEpochEnd', (trainer) => trainer.callbackMetrics.late),
      role && { role },
    );
  const callbacks = [look(), look('monitor'), look('checkpoint')];
  await new Trainer({ ...bare, maxEpochs: 1, callbacks }).fit(module, boringLoader(1));
  expect(callbacks.map(({ seen }) => seen[0])).toEqual([undefined, 7, 7]);
  module.dispose();
});

test('C12 metrics are those of the last call; after it they can still be read', async () => {
  const module = new BoringModule();
  const trainer = new Trainer({ ...bare, maxEpochs: 2 });
  const { metrics } = await trainer.fit(module, boringLoader(2), boringLoader(1));
  expect(Object.keys(metrics).sort()).toEqual(['train_loss', 'val_loss']);
  expect(trainer.callbackMetrics).toEqual(metrics);
  const [tested] = await trainer.test(module, boringLoader(1));
  expect(trainer.callbackMetrics).toEqual(tested);
  expect(Object.keys(tested as object)).toEqual(['test_loss']);
  module.dispose();
});
