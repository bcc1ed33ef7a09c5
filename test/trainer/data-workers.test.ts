/** Training on data from workers: resumed in the middle of an epoch, and ended by an AbortSignal, with nothing left over. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  DataLoader,
  type Dataset,
  fromModule,
  LightningModule,
  ModelCheckpoint,
  SGD,
  StreamLoader,
  Trainer,
  tf,
} from 'kelvin';
import { afterAll, describe, expect, test } from 'vitest';
import { filesIn, freshDirectory } from '../support/files.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';

assertFileLeaksNothing();

const folder = freshDirectory();
afterAll(() => rm(folder, { recursive: true }));

type Batch = { x: tf.Tensor2D; y: tf.Tensor1D };

/** One weight that takes a step for each sample, so that it tells which samples came, and in which order. */
class Trace extends LightningModule<Batch> {
  weight = tf.tidy(() => tf.variable(tf.scalar(0)));
  readonly seen: number[] = [];
  override trainingStep({ y }: Batch) {
    this.seen.push(...y.dataSync());
    return this.weight.mul(y.toFloat().mean()).square().add(this.weight.mul(0.1)) as tf.Scalar;
  }
  override configureOptimizers() {
    return new SGD(this.parameters(), { lr: 0.01 });
  }
}

const open = () =>
  fromModule<Dataset<unknown, Batch>>(new URL('../data/fixtures/worker-data.mjs', import.meta.url), 'openNumbers', {
    length: 20,
  });

const options = { batchSize: 3, shuffle: true, seed: 5 };
const quiet = { enableProgressBar: false, enableModelSummary: false, logger: false } as const;

describe('fit', () => {
  test('resumes in the middle of an epoch with the samples that an uninterrupted run sees', async () => {
    await expectNoLeak(async () => {
      const whole = new Trace();
      await new Trainer({ ...quiet, maxEpochs: 2, enableCheckpointing: false }).fit(whole, {
        train: new DataLoader<Batch>(await open(), options),
      });
      const dirPath = join(folder, 'resume');
      const first = new Trace();
      const loader = new DataLoader<Batch>(await open(), { ...options, workers: 2 });
      const checkpoint = new ModelCheckpoint({ dirPath, everyNTrainSteps: 4, saveTopK: -1 });
      await new Trainer({ ...quiet, maxSteps: 4, callbacks: [checkpoint] }).fit(first, { train: loader });
      const second = new Trace();
      const again = new DataLoader<Batch>(await open(), { ...options, seed: 1, workers: 1 });
      const ckptPath = join(dirPath, filesIn(dirPath).find((name) => name.includes('step=4')) as string);
      await new Trainer({ ...quiet, maxEpochs: 2, enableCheckpointing: false }).fit(
        second,
        { train: again },
        { ckptPath },
      );
      expect([...first.seen, ...second.seen]).toEqual(whole.seen);
      expect(second.weight.dataSync()).toEqual(whole.weight.dataSync());
      await loader.close();
      await again.close();
      for (const module of [whole, first, second]) module.weight.dispose();
    });
  });

  test('ends cleanly when aborted, on workers and on a stream', async () => {
    async function* endless() {
      for (let i = 0; ; i++) yield { x: Float32Array.of(i), y: i };
    }
    const loader = new DataLoader<Batch>(await open(), { ...options, workers: 1 });
    for (const train of [loader, new StreamLoader<Batch>(endless, { batchSize: 2 })]) {
      await expectNoLeak(async () => {
        const module = new Trace();
        const abort = new AbortController();
        module.onTrainBatchEnd = () => abort.abort();
        const { status } = await new Trainer({ ...quiet, maxEpochs: 5, enableCheckpointing: false }).fit(
          module,
          { train },
          { signal: abort.signal },
        );
        expect([status, module.seen.length > 0]).toEqual(['interrupted', true]);
        module.weight.dispose();
      });
    }
    await loader.close();
  });
});
