/** The image classification examples, with a target accuracy. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataLoader, drawnDigits, seedEverything, startEngine, Trainer, tf } from 'kelvin';
import { afterAll, expect, test } from 'vitest';
import { Net } from '../../src/examples/image-classification/hand-written-module.ts';
import { trainClassifier } from '../../src/examples/image-classification/train.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';

assertFileLeaksNothing();
const directory = mkdtempSync(join(tmpdir(), 'kelvin-example-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const images = drawnDigits({ train: 3000, test: 500 });

test('the classifier learns digits', async () => {
  const metrics = await expectNoLeak(() =>
    trainClassifier({ images, epochs: 6, hidden: [64], logDir: directory, progress: false }),
  );
  expect(metrics.test_acc).toBeGreaterThan(0.85);
});

test('the module written by hand learns digits and predicts classes', async () => {
  await startEngine();
  await expectNoLeak(async () => {
    const restore = seedEverything(1);
    const net = new Net({ hidden: [64], lr: 3e-3, epochs: 5 });
    restore();
    const trainer = new Trainer({ barebones: true, maxEpochs: 5 });
    const test = new DataLoader(images.test, { batchSize: 250 });
    await trainer.fit(net, new DataLoader(images.train, { batchSize: 64, shuffle: true, seed: 1 }));
    const [metrics] = await trainer.test(net, test);
    expect(metrics?.test_acc).toBeGreaterThan(0.85);

    const predictions = (await trainer.predict(net, test)) as tf.Tensor1D[];
    const classes = predictions.flatMap((batch) => [...batch.dataSync()]);
    tf.dispose(predictions);
    const right = classes.filter((label, i) => label === images.test.columns.y.data[i]).length;
    expect(right / classes.length).toBeCloseTo(metrics?.test_acc as number, 5);
    net.dispose();
  });
});
