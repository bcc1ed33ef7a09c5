/** Training on several loaders at once: batches, limits, memory, and resume in the middle of an epoch. */
import { join } from 'node:path';
import {
  Adam,
  CombinedLoader,
  DataLoader,
  LambdaCallback,
  LightningModule,
  losses,
  seedEverything,
  Trainer,
  type TrainerOptions,
  tf,
} from 'kelvin';
import { expect, test } from 'vitest';
import { numbered } from '../data/support.ts';
import { type BoringBatch, BoringModule, bare, boringLoader } from '../support/boring.ts';
import { freshDirectory } from '../support/files.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';

assertFileLeaksNothing();

type Pair = { a: { x: tf.Tensor2D; y: tf.Tensor1D }; b: { x: tf.Tensor2D; y: tf.Tensor1D } };

/** Fits the sum of what two loaders say; notes the labels that it has seen. */
class Two extends LightningModule<Pair> {
  readonly net = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2], kernelInitializer: 'ones' })] });
  readonly seen: string[] = [];

  trainingStep({ a, b }: Pair): tf.Tensor {
    this.seen.push(`${this.currentEpoch}: ${a.y.dataSync()}|${b.y.dataSync()}`);
    const x = tf.concat([a.x, b.x]).div(10);
    const y = tf.concat([a.y, b.y]).toFloat().div(10).expandDims(1);
    return losses.mse(this.net.apply(x) as tf.Tensor, y);
  }

  override configureOptimizers(): Adam {
    return new Adam(this.parameters(), { lr: 0.05 });
  }
}

const members = () => ({
  a: new DataLoader<Pair['a']>(numbered(10), { batchSize: 2, shuffle: true }),
  b: new DataLoader<Pair['b']>(numbered(4), { batchSize: 2, shuffle: true }),
});

async function run(
  seed: number,
  options: TrainerOptions,
  { ckptPath, mode = 'maxSizeCycle' as const }: { ckptPath?: string; mode?: 'maxSizeCycle' | 'minSize' } = {},
) {
  const restore = seedEverything(seed);
  const module = new Two();
  const train = new CombinedLoader(members(), mode);
  const result = await new Trainer({ ...bare, maxEpochs: 3, ...options }).fit(module, { train }, { ckptPath });
  const weights = [...module.namedVariables().values()].flatMap((variable) => [...variable.dataSync()]);
  module.dispose();
  restore();
  return { ...result, weights, seen: module.seen };
}

test('{ train: { a, b } } is a CombinedLoader; the longest sets the length; everything is disposed of', async () => {
  await expectNoLeak(async () => {
    const module = new Two();
    const trainer = new Trainer({ ...bare, maxEpochs: 1 });
    let batches = 0;
    trainer.on('trainStart', () => {
      batches = trainer.numTrainingBatches;
    });
    expect(await trainer.fit(module, { train: members() })).toMatchObject({ batches: 5, steps: 5 });
    expect(batches).toBe(5);
    module.dispose();
  });
});

test.for([3, '60%'] as const)(
  'limitTrainBatches %s counts joined batches, of the longest member',
  async (limitTrainBatches) => {
    expect((await run(1, { maxEpochs: 1, limitTrainBatches })).seen).toHaveLength(3);
    expect((await run(1, { maxEpochs: 1, limitTrainBatches: 3 }, { mode: 'minSize' })).seen).toHaveLength(2);
  },
);

test.for(['maxSizeCycle', 'minSize'] as const)('%s: a checkpoint after any batch resumes exactly', async (mode) => {
  const whole = await run(1, {}, { mode });
  for (let batch = 1; batch < whole.seen.length; batch++) {
    const path = join(freshDirectory(), 'here.ckpt');
    const save = new LambdaCallback({
      onTrainBatchEnd: (trainer) => (trainer.globalBatch === batch ? trainer.saveCheckpoint(path) : undefined),
    });
    await run(1, { callbacks: save }, { mode });
    const resumed = await run(100 + batch, {}, { mode, ckptPath: path });
    expect(resumed.seen).toEqual(whole.seen.slice(batch));
    expect(resumed.weights).toEqual(whole.weights);
  }
});

/** Sums the losses of whatever batches it gets. */
class Any extends BoringModule {
  counts = { train: 0, val: 0 };

  override trainingStep(batch: never): tf.Tensor {
    this.counts.train++;
    return tf.addN(
      Object.values(batch as object)
        .filter(Boolean)
        .map((part) => super.trainingStep(part as BoringBatch)),
    );
  }

  override validationStep(batch: never): void {
    this.counts.val++;
    super.validationStep(batch);
  }
}

const stream = (count: number): Iterable<BoringBatch> => ({
  [Symbol.iterator]: () => boringLoader(count)[Symbol.iterator](),
});

test('A24 an unsized member: validation at the end of the stream, also with a limit beyond it', async () => {
  for (const limitTrainBatches of ['100%', 10] as const) {
    const module = new Any();
    const train = new CombinedLoader([stream(5), boringLoader(2)]);
    const trainer = new Trainer({ ...bare, maxEpochs: 2, limitTrainBatches });
    const steps: number[] = [];
    trainer.once('fitStart', () => steps.push(trainer.estimatedSteppingBatches));
    await trainer.fit(module, { train: train as never, val: boringLoader(1) });
    expect(module.counts).toEqual({ train: 10, val: 2 });
    expect(steps).toEqual([limitTrainBatches === 10 ? 20 : Number.POSITIVE_INFINITY]);
    module.dispose();
  }
});

test('maxSize: a member that is over gives undefined; batches of a ready array survive', async () => {
  const ready = [...boringLoader(1)];
  const module = new Any();
  const train = new CombinedLoader({ a: ready, b: boringLoader(3) }, 'maxSize');
  expect(await new Trainer({ ...bare, maxEpochs: 2 }).fit(module, { train: train as never })).toMatchObject({
    steps: 6,
  });
  expect(ready[0]?.x.isDisposed).toBe(false);
  tf.dispose(ready as never);
  module.dispose();
});

test('evaluation: a record, an array and a sequential CombinedLoader are several loaders; other modes are one', async () => {
  const module = new BoringModule();
  const trainer = new Trainer(bare);
  const two = { a: boringLoader(2), b: boringLoader(1) };
  const keys = (rows: object[]): string[] => rows.flatMap((row) => Object.keys(row));
  const expected = ['val_loss/dataloader_idx_0', 'val_loss/dataloader_idx_1'];
  expect(keys(await trainer.validate(module, Object.values(two)))).toEqual(expected);
  expect(keys(await trainer.validate(module, two))).toEqual(expected);
  const ready = { a: [...boringLoader(2)], b: [...boringLoader(1)] };
  expect(keys(await trainer.validate(module, ready))).toEqual(expected);
  tf.dispose(ready as never);
  expect(keys(await trainer.validate(module, new CombinedLoader(two, 'sequential')))).toEqual(expected);
  module.validationStep = (batch) => {
    const { a, b } = batch as unknown as { a: BoringBatch; b: BoringBatch };
    module.log('both', a.x.sum().add(b.x.sum()));
  };
  expect(keys(await trainer.validate(module, new CombinedLoader(two, 'minSize') as never))).toEqual(['both']);
  module.dispose();
});
