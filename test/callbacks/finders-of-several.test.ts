/** The finders with several optimizers: one rate is turned, all step, and everything is put back. */
import { BatchSizeFinder, LearningRateFinder, lrFind, Trainer, tf } from 'kelvin';
import { expect, test } from 'vitest';
import { bare, boringLoader } from '../support/boring.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { ByName } from '../support/pair.ts';

assertFileLeaksNothing();

const range = { minLr: 1e-3, maxLr: 0.5, numTraining: 12, earlyStopThreshold: null } as const;

test('the loss of the named optimizer is followed, and depends on its rate', () =>
  expectNoLeak(async () => {
    const module = new ByName();
    const before = module.weights();
    const trainer = new Trainer(bare);
    const first = await lrFind(trainer, module, boringLoader(3), { ...range, optimizer: 'first', updateAttr: false });
    const second = await lrFind(trainer, module, boringLoader(3), { ...range, optimizer: 'second', updateAttr: false });
    expect(module.weights()).toEqual(before);
    expect(first.losses).toHaveLength(12);
    // The losses of the first batch, before any step: those of the two optimizers, each by itself.
    const [batch] = [...boringLoader(1)];
    if (batch === undefined) throw new Error('no batch');
    tf.tidy(() => {
      expect(first.losses[0]).toBeCloseTo(module.lossA(batch).dataSync()[0] as number, 5);
      expect(second.losses[0]).toBeCloseTo(module.lossB(batch).dataSync()[0] as number, 5);
    });
    tf.dispose([batch.x, batch.y]);
    module.dispose();
  }));

test('training goes on with the rate that was found, in the one optimizer alone; its state is untouched', () =>
  expectNoLeak(async () => {
    const module = new ByName();
    const finder = new LearningRateFinder({ ...range, numTraining: 40, optimizer: 'second' });
    const rates: unknown[] = [];
    const trainer = new Trainer({ ...bare, maxSteps: 1, callbacks: finder });
    trainer.on('trainBatchStart', () => rates.push(trainer.learningRates));
    await trainer.fit(module, boringLoader(3));
    const { suggestion } = finder.result ?? {};
    expect(suggestion).toBeGreaterThan(0);
    expect(rates).toEqual([{ 'lr-first': 0.1, 'lr-second': suggestion }]);
    module.dispose();
  }));

test('a batch size is looked for with all optimizers stepping', () =>
  expectNoLeak(async () => {
    const module = new ByName();
    const before = module.weights();
    const finder = new BatchSizeFinder({ loader: (size) => boringLoader(8 / size, size), maxVal: 8 });
    await new Trainer({ ...bare, maxSteps: 0, callbacks: finder }).fit(module, boringLoader(2));
    expect([finder.batchSize, module.weights()]).toEqual([8, before]);
    module.dispose();
  }));
