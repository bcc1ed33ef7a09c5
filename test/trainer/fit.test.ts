import { LightningDataModule, Trainer, tf } from 'kelvin';
import { expect, test } from 'vitest';
import { BoringModule, bare, boringLoader } from '../support/boring.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';

assertFileLeaksNothing();

test('fit trains the module and leaks nothing', async () => {
  await expectNoLeak(async () => {
    const module = new BoringModule();
    const trainer = new Trainer({ ...bare, maxEpochs: 20 });
    const result = await trainer.fit(module, boringLoader(5), boringLoader(2));
    expect(result).toMatchObject({ status: 'finished', epochs: 20, steps: 100, batches: 100 });
    expect(result.metrics.val_loss).toBeLessThan(1e-3);
    expect(tf.getBackend()).toBe(process.env.KELVIN_TEST_ENGINE ?? 'wasm');
    module.dispose();
  });
});

test('E8 a data module is prepared, set up, asked for its loaders and torn down, in each stage', async () => {
  const calls: string[] = [];
  class Points extends LightningDataModule {
    override prepareData() {
      calls.push('prepareData');
    }
    override setup(stage: string) {
      calls.push(`setup ${stage}`);
    }
    override trainDataloader() {
      calls.push('loader');
      return boringLoader(1);
    }
    override testDataloader() {
      return this.trainDataloader();
    }
    override teardown(stage: string) {
      calls.push(`teardown ${stage}`);
    }
  }
  const [module, data] = [new BoringModule(), new Points()];
  const trainer = new Trainer({ ...bare, maxEpochs: 2 });
  await trainer.fit(module, data);
  await trainer.test(module, data);
  expect(calls).toEqual(
    ['fit', 'test'].flatMap((stage) => ['prepareData', `setup ${stage}`, 'loader', `teardown ${stage}`]),
  );
  module.dispose();
});
