import { Trainer, tf } from 'kelvin';
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
    expect(tf.getBackend()).toBe('wasm');
    module.dispose();
  });
});
