/** Checkpoints made in awkward places, and those of them that are found, passed over or cleared away. */
import { existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Callback,
  CSVLogger,
  EarlyStopping,
  LambdaCallback,
  ModelCheckpoint,
  Trainer,
  type TrainerOptions,
  type TrainerView,
  tf,
} from 'kelvin';
import { beforeEach, expect, test, vi } from 'vitest';
import { BoringModule, bare, boringLoader } from '../support/boring.ts';
import { filesIn, freshDirectory } from '../support/files.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';

assertFileLeaksNothing();

class Noisy extends BoringModule {
  readonly noise = tf.layers.dropout({ rate: 0.5 });

  override validationStep(batch: never): void {
    Math.random(); // validation draws from the stream of training
    super.validationStep(batch);
    this.log('each', 1, { onStep: true, onEpoch: false });
  }
}

const flags: TrainerOptions = {
  ...bare,
  barebones: false,
  enableProgressBar: false,
  enableModelSummary: false,
  numSanityValSteps: 0,
  logEveryNSteps: 1,
};

interface Options extends TrainerOptions {
  readonly ckptPath?: string;
  readonly extra?: readonly Callback[];
}

/** Two epochs of four batches. Returns the csv file and the weights. */
async function run(saveDir: string, { ckptPath, extra = [], ...options }: Options = {}) {
  const module = new Noisy();
  const csv = new CSVLogger(saveDir);
  const enableCheckpointing = extra.some(({ role }) => role === 'checkpoint');
  const own = { maxEpochs: 2, logger: csv, callbacks: extra, enableCheckpointing };
  try {
    const trainer = new Trainer({ ...flags, ...own, ...options });
    const result = await trainer.fit(module, boringLoader(4), boringLoader(2), { ckptPath });
    const weights = module.weights();
    return { ...result, weights, csv: readFileSync(join(csv.logDir, 'metrics.csv'), 'utf8') };
  } finally {
    module.dispose();
  }
}

type Hook = 'onTrainBatchEnd' | 'onValidationBatchEnd' | 'onValidationEnd' | 'onTrainEpochEnd';
const once = (hook: Hook, batch: number, act: (trainer: TrainerView) => Promise<void>): Callback => {
  let done = false;
  return new LambdaCallback({
    [hook]: async (trainer: TrainerView) => {
      if (done || trainer.globalBatch !== batch) return;
      done = true;
      await act(trainer);
    },
  });
};

test.for([
  ['onTrainBatchEnd', 3],
  ['onTrainBatchEnd', 4],
  ['onTrainBatchEnd', 8],
  ['onValidationBatchEnd', 4],
  ['onValidationEnd', 4],
  ['onValidationEnd', 8],
  ['onTrainEpochEnd', 4],
  ['onTrainEpochEnd', 8],
] as [Hook, number][])(
  'a checkpoint made in %s of batch %i: the rows of a resumed run are neither doubled nor lost',
  async ([hook, batch]) => {
    const expected = await run(freshDirectory());
    const directory = freshDirectory();
    const path = join(directory, 'here.ckpt');
    await run(directory, { extra: [once(hook, batch, (trainer) => trainer.saveCheckpoint(path))] });
    const resumed = await run(directory, { ckptPath: path });
    expect(resumed.csv).toBe(expected.csv);
    expect(resumed.weights).toEqual(expected.weights);
    expect(resumed).toMatchObject({ status: 'finished', epochs: 2, steps: 8 });
  },
);

test.for([4, 6])(
  'the validation and the epoch end that follow the last step of maxSteps %i are made up for',
  async (maxSteps) => {
    const options = { maxSteps, valCheckInterval: 2 };
    const expected = await run(freshDirectory(), options);
    const directory = freshDirectory();
    const path = join(directory, 'here.ckpt');
    await run(directory, {
      ...options,
      extra: [once('onTrainBatchEnd', maxSteps, (trainer) => trainer.saveCheckpoint(path))],
    });
    const resumed = await run(directory, { ...options, ckptPath: path });
    expect(resumed.csv).toBe(expected.csv);
    expect(resumed.epochs).toBe(expected.epochs);
  },
);

test('a run that was killed when an epoch had been broken off, with nothing left to do, ends as it would have', async () => {
  const options = { maxSteps: 6, valCheckInterval: 2 };
  const expected = await run(freshDirectory(), options);
  expect(expected.epochs).toBe(2);
  const directory = freshDirectory();
  const path = join(directory, 'here.ckpt');
  const save = once('onTrainEpochEnd', 6, (trainer) => trainer.saveCheckpoint(path));
  await run(directory, { ...options, extra: [save] });
  expect(await run(directory, { ...options, ckptPath: path })).toEqual(expected);
});

test('D18 a run that was killed after early stopping had decided stops there, unless it is given more patience', async () => {
  const directory = freshDirectory();
  const attempt = async (patience: number, ckptPath?: string) => {
    const module = new BoringModule();
    module.validationStep = () => module.log('val_loss', 1);
    const trainer = new Trainer({
      ...bare,
      maxEpochs: 6,
      callbacks: [new EarlyStopping({ monitor: 'val_loss', patience }), new ModelCheckpoint({ dirPath: directory })],
    });
    const result = await trainer.fit(module, boringLoader(1), boringLoader(1), { ckptPath });
    module.dispose();
    return result;
  };
  expect(await attempt(2)).toMatchObject({ status: 'stopped', epochs: 3 });
  const decided = join(directory, filesIn(directory)[0] as string);
  expect(await attempt(2, decided)).toMatchObject({ status: 'stopped', epochs: 3 });
  expect(await attempt(4, decided)).toMatchObject({ status: 'stopped', epochs: 5 });
});

test('what the module does at the end of a batch is in the checkpoint of that batch', async () => {
  const dirPath = freshDirectory();
  const seen: number[] = [];
  const module = new BoringModule();
  module.onTrainBatchEnd = () => void seen.push(1);
  module.onSaveCheckpoint = ({ state }) => {
    state.user.seen = seen.length;
  };
  const read: unknown[] = [];
  const callbacks = new ModelCheckpoint({ dirPath, everyNTrainSteps: 2, saveTopK: -1 });
  await new Trainer({ ...bare, maxEpochs: 1, callbacks }).fit(module, boringLoader(4));
  module.onLoadCheckpoint = ({ state }) => void read.push(state.user.seen);
  const trainer = new Trainer({ ...bare, maxEpochs: 1 });
  await trainer.fit(module, boringLoader(4), undefined, { ckptPath: join(dirPath, 'epoch=0-step=2.ckpt') });
  module.dispose();
  expect(read).toEqual([2]);
});

const warnings: string[] = [];
beforeEach(() => {
  warnings.length = 0;
  const spy = vi.spyOn(process, 'emitWarning').mockImplementation((text) => void warnings.push(String(text)));
  return () => spy.mockRestore();
});

test("ckptPath 'last' passes over a damaged checkpoint with a warning, and says so when all are damaged", async () => {
  const dirPath = freshDirectory();
  const keep = () => new ModelCheckpoint({ dirPath, everyNTrainSteps: 2, saveTopK: -1 });
  const expected = await run(freshDirectory(), { extra: [keep()] });
  const names = filesIn(dirPath);
  for (const [i, name] of names.entries()) utimesSync(join(dirPath, name), i, i);
  const spoil = (name: string): void =>
    writeFileSync(join(dirPath, name), readFileSync(join(dirPath, name)).subarray(0, -9));
  spoil('epoch=1-step=8.ckpt');
  const resumed = await run(freshDirectory(), { ckptPath: 'last', extra: [keep()] });
  expect(resumed.weights).toEqual(expected.weights);
  expect(warnings.map((text) => text.replaceAll(dirPath, '<dir>'))).toMatchInlineSnapshot(`
    [
      "The checkpoint <dir>/epoch=1-step=8.ckpt is damaged, and the one before it is used: it ends within tensor 'model/net.0.kernel'",
    ]
  `);
  for (const name of filesIn(dirPath)) spoil(name);
  const message = await messageFrom(() => run(freshDirectory(), { ckptPath: 'last', extra: [keep()] }));
  expect(message.replaceAll(dirPath, '<dir>')).toMatch(
    /^CheckpointError \[checkpoint-corrupt\] The checkpoint <dir>\/epoch=/,
  );
});

test("ckptPath 'last' in a new process finds the checkpoints of the newest earlier version", async () => {
  const saveDir = freshDirectory();
  const expected = await run(freshDirectory());
  await run(saveDir, { maxEpochs: 1, extra: [new ModelCheckpoint()] });
  mkdirSync(join(saveDir, 'default', 'version_1')); // of a run that was killed early
  const resumed = await run(saveDir, { ckptPath: 'last', extra: [new ModelCheckpoint()] });
  expect(resumed.csv).toBe(expected.csv);
  expect(filesIn(join(saveDir, 'default'))).toEqual(['version_0', 'version_1']);
  expect(filesIn(join(saveDir, 'default', 'version_0', 'checkpoints'))).toEqual(['epoch=1-step=8.ckpt']);
});

test('what a killed process has left of a checkpoint is no checkpoint, and is cleared away later', async () => {
  const dirPath = freshDirectory();
  const [old, recent, mine] = [
    '.last.ckpt.999999999-1.tmp',
    '.last.ckpt.999999999-2.tmp',
    `.last.ckpt.${process.pid}-999.tmp`,
  ].map((name) => join(dirPath, name)) as [string, string, string];
  for (const path of [old, recent, mine]) writeFileSync(path, 'half');
  for (const path of [old, mine]) utimesSync(path, 1, 1);
  expect(
    await messageFrom(() => run(freshDirectory(), { ckptPath: 'last', extra: [new ModelCheckpoint({ dirPath })] })),
  ).toContain('checkpoint-not-found');
  await run(freshDirectory(), { maxEpochs: 1, extra: [new ModelCheckpoint({ dirPath })] });
  expect([old, recent, mine].map((path) => existsSync(path))).toEqual([false, true, true]);
});
