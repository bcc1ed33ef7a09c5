/** What ModelCheckpoint leaves on disk: rows D of reference/lightning.md, with val_loss 3, 1, 2, .5 over four epochs. */
import { join } from 'node:path';
import {
  ModelCheckpoint,
  type ModelCheckpointOptions,
  readCheckpoint,
  Trainer,
  type TrainerOptions,
  type TrainerView,
} from 'kelvin';
import { expect, test } from 'vitest';
import { BoringModule, bare, boringLoader } from '../support/boring.ts';
import { filesIn, freshDirectory } from '../support/files.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { collect } from '../support/recorder.ts';

assertFileLeaksNothing();

/** Validates to one value after the other. */
class Scripted extends BoringModule {
  readonly #values: readonly number[];
  constructor(values: readonly number[]) {
    super();
    this.#values = values;
  }
  override validationStep(): void {
    if (this.trainer.sanityChecking) return;
    this.log('val_loss', this.#values[this.trainer.currentEpoch] as number);
  }
}

async function run(options: ModelCheckpointOptions, flags: TrainerOptions = {}, batches = 2, values = [3, 1, 2, 0.5]) {
  const dirPath = freshDirectory();
  const checkpoint = new ModelCheckpoint({ dirPath, ...options });
  const module = new Scripted(values);
  const trainer = new Trainer({ ...bare, maxEpochs: 4, ...flags, callbacks: checkpoint });
  await trainer.fit(module, boringLoader(batches), boringLoader(1)).finally(() => module.dispose());
  return { files: filesIn(dirPath), checkpoint, dirPath };
}

test('D1 by default the newest', async () => {
  expect((await run({})).files).toEqual(['epoch=3-step=8.ckpt']);
});

test.for([
  [{ saveTopK: 2 }, ['epoch=1-step=4.ckpt', 'epoch=3-step=8.ckpt'], 'epoch=3-step=8.ckpt', 0.5],
  [{ saveTopK: 2, mode: 'max' }, ['epoch=0-step=2.ckpt', 'epoch=2-step=6.ckpt'], 'epoch=0-step=2.ckpt', 3],
  [{ saveTopK: 1 }, ['epoch=3-step=8.ckpt'], 'epoch=3-step=8.ckpt', 0.5],
] as const)('D2 the best %o: %o', async ([options, files, best, score]) => {
  const { checkpoint, dirPath, ...result } = await run({ monitor: 'val_loss', ...options });
  expect(result.files).toEqual(files);
  expect(checkpoint.bestModelPath).toBe(join(dirPath, best));
  expect(checkpoint.bestModelScore).toBe(score);
});

test('D3 all, none, and none but the last', async () => {
  const all = [0, 1, 2, 3].map((epoch) => `epoch=${epoch}-step=${2 * epoch + 2}.ckpt`);
  expect((await run({ saveTopK: -1 })).files).toEqual(all);
  expect((await run({ saveTopK: 0 })).files).toEqual([]);
  expect((await run({ saveTopK: 0, saveLast: true })).files).toEqual(['last.ckpt']);
});

test('§2.1 C3 last.ckpt is the last state, not the last that was among the best', async () => {
  for (const everyNTrainSteps of [undefined, 3]) {
    const { dirPath } = await run(
      { monitor: 'val_loss', saveLast: true, ...(everyNTrainSteps ? { everyNTrainSteps, saveTopK: 0 } : {}) },
      {},
      2,
      [0.5, 1, 2, 3],
    );
    const { state } = await readCheckpoint(join(dirPath, 'last.ckpt'));
    expect(state).toMatchObject({ epoch: 4, globalStep: 8 });
  }
});

test('ties keep the earliest, NaN is worst', async () => {
  expect((await run({ monitor: 'val_loss' }, {}, 2, [1, 1, 1, 1])).files).toEqual(['epoch=0-step=2.ckpt']);
  expect((await run({ monitor: 'val_loss' }, {}, 2, [Number.NaN, 2, Number.NaN, 3])).files).toEqual([
    'epoch=1-step=4.ckpt',
  ]);
});

test('D4 templates', async () => {
  const named = await run({ filename: '{epoch:02d}-{val_loss:.2f}', monitor: 'val_loss' });
  expect(named.files).toEqual(['epoch=03-val_loss=0.50.ckpt']);
  const plain = await run({ filename: 'e{epoch}-v{val_loss:.2f}', monitor: 'val_loss', autoInsertMetricName: false });
  expect(plain.files).toEqual(['e3-v0.50.ckpt']);
  const unknown = await run({ filename: '{step}-{f1}', autoInsertMetricName: false });
  expect(unknown.files).toEqual(['8-0.ckpt']);
  expect((await run({ filename: 'same', saveTopK: -1 })).files).toEqual([
    'same-v1.ckpt',
    'same-v2.ckpt',
    'same-v3.ckpt',
    'same.ckpt',
  ]);
});

test('D8 D12 after validation where that runs within epochs; after every step of the optimizer', async () => {
  const steps = (files: string[]) => files.map((file) => Number(/step=(\d+)/.exec(file)?.[1]));
  const within = await run({ saveTopK: -1 }, { maxEpochs: 2, valCheckInterval: 2 }, 4);
  expect(steps(within.files)).toEqual([2, 4, 6, 8]);
  const every = await run({ saveTopK: -1, everyNTrainSteps: 1 }, { accumulateGradBatches: 2 });
  expect(steps(every.files)).toEqual([1, 2, 3, 4]);
  expect(steps((await run({ saveTopK: -1, everyNEpochs: 2 })).files)).toEqual([4, 8]);
});

test('D9 D13 a metric that nobody logs, and options that contradict one another', async () => {
  const module = new BoringModule();
  const twins = new Trainer({ ...bare, callbacks: [new ModelCheckpoint(), new ModelCheckpoint()] });
  expect({
    missing: await messageFrom(() => run({ monitor: 'val_acc', saveOnException: false })),
    topK: await messageFrom(() => new ModelCheckpoint({ saveTopK: 2 })),
    triggers: await messageFrom(() => new ModelCheckpoint({ everyNTrainSteps: 1, everyNEpochs: 1 })),
    negative: await messageFrom(() => new ModelCheckpoint({ saveTopK: -2 })),
    zero: await messageFrom(() => new ModelCheckpoint({ everyNEpochs: 0 })),
    threeTriggers: await messageFrom(() => new ModelCheckpoint({ trainTimeInterval: '1h', everyNTrainSteps: 1 })),
    bareTime: await messageFrom(() => new ModelCheckpoint({ trainTimeInterval: 60 as never })),
    mode: await messageFrom(() => new ModelCheckpoint({ mode: 'best' as 'min' })),
    unknown: await messageFrom(() => new ModelCheckpoint({ save_last: true } as never)),
    sameKey: await messageFrom(() => twins.fit(module, boringLoader(1))),
  }).toMatchInlineSnapshot(`
    {
      "bareTime": "ConfigError [invalid-option] ModelCheckpoint: option \`trainTimeInterval\`: expected a time such as '30min' or '90s', got 60 (number).",
      "missing": "ConfigError [missing-monitor] ModelCheckpoint: the metric \`val_acc\`: expected a metric that the module logs, got only \`val_loss\`, \`train_loss\`.
      help: log it: \`this.log('val_acc', value)\` in \`validationStep\` or \`trainingStep\`",
      "mode": "ConfigError [invalid-option] ModelCheckpoint: option \`mode\`: expected 'min' or 'max', got 'best' (string).",
      "negative": "ConfigError [invalid-option] ModelCheckpoint: option \`saveTopK\`: expected a whole number of at least -1, got -2 (number).",
      "sameKey": "ConfigError [same-state-key] Two callbacks save their state as \`ModelCheckpoint()\`: expected a key of its own for each.
      help: give one of them another \`stateKey\`, or other options",
      "threeTriggers": "ConfigError [conflicting-options] ModelCheckpoint: option \`trainTimeInterval\`: expected one trigger, got two: \`everyNTrainSteps\` is given as well.",
      "topK": "ConfigError [conflicting-options] ModelCheckpoint: option \`saveTopK\`: expected -1, 0 or 1, since there is no \`monitor\` to judge by, got 2.",
      "triggers": "ConfigError [conflicting-options] ModelCheckpoint: option \`everyNEpochs\`: expected one trigger, got two: \`everyNTrainSteps\` is given as well.",
      "unknown": "ConfigError [unknown-option] ModelCheckpoint: unknown option \`save_last\`.
      help: did you mean \`saveLast\`?",
      "zero": "ConfigError [invalid-option] ModelCheckpoint: option \`everyNEpochs\`: expected a whole number of at least 1, or with its unit, such as '3ep', got 0 (number).",
    }
  `);
  module.dispose();
});

test("D20 §2.2 T2 'best' and 'last' have weights of their own, without ckptPath they are the module's", async () => {
  const dirPath = freshDirectory();
  const module = new Scripted([3, 1, 2]);
  const callbacks = [
    new ModelCheckpoint({ dirPath, monitor: 'val_loss', saveLast: true }),
    collect('trainEpochEnd', () => module.weights()),
  ] as const;
  const trainer = new Trainer({ ...bare, maxEpochs: 3, callbacks });
  await trainer.fit(module, boringLoader(2), boringLoader(1));
  const [, best, last] = callbacks[1].seen;
  module.lr = 5;
  const tested = async (ckptPath?: string) => {
    await trainer.test(module, boringLoader(1), { ckptPath });
    return module.weights();
  };
  expect(await tested()).toEqual(last);
  expect(await tested('best')).toEqual(best);
  expect(await tested()).toEqual(best); // they stay
  expect(await tested('last')).toEqual(last);
  expect(best).not.toEqual(last);
  module.dispose();
});

test('D24 D25 an exception saves what was trained, once; without the option nothing', async () => {
  for (const saveOnException of [true, false]) {
    const dirPath = freshDirectory();
    const heard: string[] = [];
    const module = new BoringModule();
    module.onTrainBatchStart = (_batch, batchIdx) => {
      if (batchIdx === 2) throw new Error('boom');
    };
    const note = (what: string) => () => void heard.push(what);
    const other = {
      onException: note('exception'),
      onTrainEnd: note('trainEnd'),
      onFitEnd: note('fitEnd'),
      teardown: note('teardown'),
    };
    const trainer = new Trainer({ ...bare, callbacks: [new ModelCheckpoint({ dirPath, saveOnException }), other] });
    await expect(trainer.fit(module, boringLoader(4))).rejects.toThrow('boom');
    expect(filesIn(dirPath)).toEqual(saveOnException ? ['epoch=0-step=2.ckpt'] : []);
    expect(heard).toEqual(['exception']);
    expect(trainer.status).toBe('failed');
    module.dispose();
  }
});

test('without a directory it saves below the run directory of the logger', async () => {
  const defaultRootDir = freshDirectory();
  const module = new BoringModule();
  const seen = collect('fitEnd', (trainer: TrainerView) =>
    trainer.callbacks.find((each) => each.role === 'checkpoint'),
  );
  const flags = { ...bare, barebones: false, enableProgressBar: false, enableModelSummary: false, logger: false };
  await new Trainer({ ...flags, defaultRootDir, maxEpochs: 1, callbacks: seen }).fit(module, boringLoader(1));
  expect((seen.seen[0] as ModelCheckpoint).bestModelPath).toBe(
    join(defaultRootDir, 'runs', 'checkpoints', 'epoch=0-step=1.ckpt'),
  );
  module.dispose();
});

test('a time between saves: after the batch at which it has passed, and anew from there', async () => {
  let now = 0;
  const saves = await run({ saveTopK: -1, trainTimeInterval: '2s', clock: () => (now += 800) });
  // The clock is read at the start and once per batch, and once more at each save.
  expect(saves.files.map((file) => Number(/step=(\d+)/.exec(file)?.[1]))).toEqual([3, 6]);
});

test('saveOnTrainEpochEnd: at the ends of epochs or of validation, whatever the cadence', async () => {
  const within = await run({ saveTopK: -1, saveOnTrainEpochEnd: true }, { maxEpochs: 2, valCheckInterval: 2 }, 4);
  expect(within.files).toEqual(['epoch=0-step=4.ckpt', 'epoch=1-step=8.ckpt']);
  const { dirPath, files } = await run({ saveOnTrainEpochEnd: false }, { maxEpochs: 1 });
  expect(files).toEqual(['epoch=0-step=2.ckpt']);
  const { state } = await readCheckpoint(join(dirPath, 'epoch=0-step=2.ckpt'));
  expect(state).toMatchObject({ epoch: 0, progress: { epoch: 0, epochBatch: 2, validations: 1 } });
});

test('enableVersionCounter: false writes over a file of the same name', async () => {
  for (const saveTopK of [-1, 1]) {
    const { files, checkpoint, dirPath } = await run({ filename: 'same', saveTopK, enableVersionCounter: false });
    expect(files).toEqual(['same.ckpt']);
    expect(checkpoint.bestModelPath).toBe(join(dirPath, 'same.ckpt'));
    expect((await readCheckpoint(checkpoint.bestModelPath)).state).toMatchObject({ globalStep: 8 });
  }
});
