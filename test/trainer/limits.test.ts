/** Limits on batches: rows A13 to A16 and A24 of reference/lightning.md. */
import { DataLoader, fromTensors, ModelCheckpoint, Trainer, tf } from 'kelvin';
import { expect, test } from 'vitest';
import { BoringModule, bare, boringLoader } from '../support/boring.ts';
import { filesIn, freshDirectory } from '../support/files.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { collect } from '../support/recorder.ts';
import { train } from '../support/train.ts';

assertFileLeaksNothing();

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

test('A13 §2.1 C10 a percentage that leaves no batch is an error that names the smallest', async () => {
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

test('A24 §2.1 C17 a stream without length is validated at its end, also below the limit', async () => {
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
