/** A short form of `npm run check:mnist`, which trains the same network on all of MNIST and compares it with PyTorch. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DataLoader, ImageClassificationModel, mlp, mnist, seedEverything, subset, Trainer } from 'kelvin';
import { expect, test } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';

assertFileLeaksNothing();

const directory = fileURLToPath(new URL('../../../shared/data/mnist', import.meta.url));
const here = existsSync(directory);
const first = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

test.skipIf(!here)(
  `784-800-800-10 makes few errors after two epochs on 6,000 MNIST images${here ? '' : ' (skipped: ../shared/data/mnist is not here)'}`,
  async () => {
    const data = await mnist({ dataDir: directory, download: false });
    const restore = seedEverything(0);
    const model = new ImageClassificationModel({
      encoder: mlp({ inputs: [28, 28, 1], hidden: [800, 800] }),
      classes: 10,
    });
    const train = new DataLoader(subset(data.train, first(6000)), { batchSize: 128, shuffle: true });
    const test = new DataLoader(subset(data.test, first(2000)), { batchSize: 500 });
    const trainer = new Trainer({ maxEpochs: 2, barebones: true, engine: 'wasm' });
    await trainer.fit(model, { train });
    const [result] = await trainer.test(model, test);
    restore();
    model.dispose();
    // About 10 % errors among the first 2,000 test images, which are the harder ones; all of MNIST and 20 epochs: 1.4 %.
    expect(result?.test_acc).toBeGreaterThan(0.88);
    expect(result?.test_acc).toBeLessThan(0.98);
  },
);
