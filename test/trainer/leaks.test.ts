/** A run leaves no tensor behind: not in many steps, and not when anything at all throws. */
import { DataLoader, type LoggerLike, ModelCheckpoint, type ModuleView, Trainer, tf } from 'kelvin';
import { expect, test } from 'vitest';
import { BoringModule, bare, boringLoader } from '../support/boring.ts';
import { freshDirectory } from '../support/files.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { Wasteful } from '../support/wasteful.ts';

assertFileLeaksNothing();

test('§2.2 T1 the number of tensors is flat over 2000 steps', () =>
  expectNoLeak(async () => {
    const module = new Wasteful();
    const counts: number[] = [];
    const trainer = new Trainer({ ...bare, maxEpochs: 2, accumulateGradBatches: 2 });
    trainer.on('trainBatchEnd', () => {
      if (trainer.globalBatch % 64 === 63) counts.push(tf.memory().numTensors);
    });
    await trainer.fit(module, boringLoader(1000), boringLoader(3));
    expect(counts).toHaveLength(31);
    const [first] = counts;
    // Values of an epoch wait to be read in batches of 32: that, and no more, is how the counts may differ.
    for (const count of counts.slice(1)) expect(Math.abs(count - (first as number))).toBeLessThanOrEqual(33);
    expect(counts.slice(0, 15)).toEqual(Array.from({ length: 15 }, () => first));
    module.dispose();
  }));

test('batches that the loader gives again and again are left alone, also when a step returns them', () =>
  expectNoLeak(async () => {
    const module = new Wasteful();
    module.predictStep = ({ x }) => x as never;
    const batches = [...boringLoader(3)];
    const trainer = new Trainer({ ...bare, maxEpochs: 2 });
    await trainer.fit(module, batches, batches);
    const predictions = (await trainer.predict(module, batches)) as tf.Tensor[];
    tf.dispose(predictions);
    for (const { x, y } of batches) expect([x.isDisposed, y.isDisposed]).toEqual([false, false]);
    tf.dispose(batches as never);
    module.dispose();
  }));

test('steps that return nothing leave nothing of their forward pass', () =>
  expectNoLeak(async () => {
    const module = new BoringModule();
    const own = module.trainingStep;
    module.trainingStep = (batch) => {
      own.call(module, batch);
      return undefined as never;
    };
    const counts = new Set<number>();
    const trainer = new Trainer({ ...bare, maxEpochs: 1 });
    trainer.on('trainBatchEnd', () => counts.add(tf.memory().numTensors));
    expect(await trainer.fit(module, boringLoader(20))).toMatchObject({ steps: 0, batches: 20 });
    expect(counts.size).toBe(1);
    module.dispose();
  }));

test.for(['train', 'val'])('a %s loader that throws in mid-epoch: nothing is left', (which) =>
  expectNoLeak(async () => {
    for (const length of [5, undefined]) {
      const broken = {
        ...(length === undefined ? {} : { length }),
        *[Symbol.iterator]() {
          yield* boringLoader(3);
          throw new Error('the disk is gone');
        },
      };
      const module = new Wasteful();
      const [train, val] = which === 'train' ? [broken, undefined] : [boringLoader(2), broken];
      const trainer = new Trainer({ ...bare, maxEpochs: 1, accumulateGradBatches: 2 });
      await expect(trainer.fit(module, train, val)).rejects.toThrow('the disk is gone');
      module.dispose();
    }
  }),
);

test('an epoch that is left early leaves nothing of the batches that were prepared', () =>
  expectNoLeak(async () => {
    const dataset = {
      length: 40,
      get: async (i: number) => ({
        x: { data: new Float32Array([i, 1]), shape: [2], dtype: 'float32' as const },
        y: { data: new Float32Array([i]), shape: [1], dtype: 'float32' as const },
      }),
    };
    const loader = new DataLoader(dataset, { batchSize: 4, prefetch: 4 }) as never;
    const endless = {
      async *[Symbol.asyncIterator]() {
        while (true) yield* boringLoader(1);
      },
    };
    for (const train of [loader, endless]) {
      const module = new BoringModule();
      module.lr = 1e-6;
      await new Trainer({ ...bare, maxSteps: 3 }).fit(module, train);
      module.dispose();
    }
  }));

test('a logger, a metric and a checkpoint that throw: nothing is left', () =>
  expectNoLeak(async () => {
    const broken: LoggerLike = {
      logMetrics: () => {
        throw new Error('no space');
      },
    };
    const quiet = {
      ...bare,
      barebones: false,
      enableProgressBar: false,
      enableModelSummary: false,
      numSanityValSteps: 0,
    };
    const failing = async (options: object, message: string): Promise<void> => {
      const module = new Wasteful();
      await expect(new Trainer({ ...quiet, maxEpochs: 1, ...options }).fit(module, boringLoader(3))).rejects.toThrow(
        message,
      );
      module.dispose();
    };
    const dirPath = freshDirectory();
    await failing({ logger: broken, logEveryNSteps: 1, enableCheckpointing: false }, 'no space');
    const onTrainBatchEnd = (_: unknown, module: ModuleView) => module.log('x', module.parameters()[0] as tf.Tensor);
    await failing(
      { logger: false, enableCheckpointing: false, callbacks: { onTrainBatchEnd } },
      'a tensor with one element',
    );
    await failing({ logger: false, callbacks: new ModelCheckpoint({ monitor: 'no_such', dirPath }) }, 'no_such');
  }));
