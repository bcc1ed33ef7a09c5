/** Loaders that are asked for again: when, and how a resumed run gets the ones that there were. */
import { join } from 'node:path';
import {
  DataLoader,
  LambdaCallback,
  LightningDataModule,
  ModelCheckpoint,
  seedEverything,
  Trainer,
  type TrainerOptions,
} from 'kelvin';
import { expect, test } from 'vitest';
import { numbered } from '../data/support.ts';
import { type BoringBatch, BoringModule, bare, boringLoader } from '../support/boring.ts';
import { freshDirectory } from '../support/files.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { Recorded } from '../support/recorded-data.ts';

assertFileLeaksNothing();

test.for([
  [0, 'val(0) train(0)'],
  [1, 'val(0) train(0) train(1) val(1) train(2) val(2) train(3) val(3)'],
  [2, 'val(0) train(0) train(2) val(2)'],
  [3, 'val(0) train(0) train(3) val(3)'],
] as [number, string][])('E8 reloadDataloadersEveryNEpochs %i over 4 epochs', async ([every, expected]) => {
  const datamodule = new Recorded();
  const module = new BoringModule();
  const flags = {
    ...bare,
    barebones: false,
    enableProgressBar: false,
    enableModelSummary: false,
    logger: false,
    enableCheckpointing: false,
  };
  const trainer = new Trainer({ ...flags, maxEpochs: 4, reloadDataloadersEveryNEpochs: every });
  await trainer.fit(module, datamodule);
  const asked = datamodule.trace.flatMap((call) => /^D\.((?:train|val)\(.*)$/.exec(call)?.[1] ?? []);
  expect(asked.join(' ')).toBe(expected);
  module.dispose();
});

test('without a sanity check the training loader is asked for first: train, val, train, val', async () => {
  const datamodule = new Recorded();
  const module = new BoringModule();
  await new Trainer({ ...bare, maxEpochs: 2, reloadDataloadersEveryNEpochs: 1 }).fit(module, datamodule);
  expect(datamodule.trace.filter((call) => call.endsWith('(0)') || call.endsWith('(1)'))).toEqual([
    'D.train(0)',
    'D.val(0)',
    'D.train(1)',
    'D.val(1)',
  ]);
  module.dispose();
});

/** Another shuffled part of the data each time it is asked, by epoch and by chance. */
class Shards extends LightningDataModule {
  readonly seen: string[] = [];

  override trainDataloader(): object {
    const { currentEpoch } = this.trainer;
    const shift = Math.floor(Math.random() * 1000);
    const note = (text: string) => this.seen.push(`${currentEpoch}/${shift}: ${text}`);
    const collate = (samples: { y: number }[]): BoringBatch => {
      note(samples.map(({ y }) => y).join());
      return [...boringLoader(1, samples.length)][0] as BoringBatch;
    };
    const dataset = { length: 6, get: (i: number) => ({ y: currentEpoch * 10 + i }) };
    return new DataLoader(dataset, { batchSize: 2, shuffle: true, collate });
  }
}

test('with reloads, a checkpoint after any batch or epoch resumes with the loaders that there were', async () => {
  const run = async (seed: number, options: TrainerOptions, ckptPath?: string) => {
    const restore = seedEverything(seed);
    const [module, datamodule] = [new BoringModule(), new Shards()];
    await new Trainer({ ...bare, maxEpochs: 4, reloadDataloadersEveryNEpochs: 2, ...options }).fit(module, {
      datamodule,
      ckptPath,
    });
    const weights = module.weights();
    module.dispose();
    restore();
    return { seen: datamodule.seen, weights };
  };
  const whole = await run(1, {});
  expect(new Set(whole.seen.map((line) => line.split(':')[0]))).toHaveProperty('size', 2);
  for (let batch = 1; batch < 12; batch++) {
    const path = join(freshDirectory(), 'here.ckpt');
    const save = new LambdaCallback({
      onTrainBatchEnd: (trainer) => (trainer.globalBatch === batch ? trainer.saveCheckpoint(path) : undefined),
    });
    await run(1, { callbacks: save });
    const resumed = await run(50 + batch, {}, path);
    expect(resumed.seen).toEqual(whole.seen.slice(batch));
    expect(resumed.weights).toEqual(whole.weights);
  }
  const dirPath = freshDirectory();
  await run(1, { maxEpochs: 2, callbacks: new ModelCheckpoint({ dirPath, saveTopK: 0, saveLast: true }) });
  expect((await run(9, {}, join(dirPath, 'last.ckpt'))).seen).toEqual(whole.seen.slice(6));
});

test('§2.1 C17 a reload that gives an empty or a used-up loader is an error that names it', async () => {
  const module = new BoringModule();
  const trainWith = (loaders: object[]) => {
    Object.assign(module, { trainDataloader: () => loaders.shift() });
    return messageFrom(() => new Trainer({ ...bare, maxEpochs: 3, reloadDataloadersEveryNEpochs: 1 }).fit(module));
  };
  const stream = boringLoader(2)[Symbol.iterator]();
  expect(await trainWith([boringLoader(1), empty])).toContain('DataError [empty-loader] The train loader');
  expect(await trainWith([stream, stream])).toContain('DataError [exhausted-loader] The train loader');
  expect(await trainWith([boringLoader(1)])).toContain('ConfigError [missing-loader] trainer.fit');
  module.dispose();
});

const empty = new DataLoader(numbered(1), { batchSize: 2, dropLast: true });
