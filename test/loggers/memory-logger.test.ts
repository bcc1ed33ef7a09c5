import { MemoryLogger, Trainer } from 'kelvin';
import { expect, test } from 'vitest';
import { BoringModule, bare, boringLoader } from '../support/boring.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';

assertFileLeaksNothing();

test('the rows of a fit and its hyper-parameters are kept', async () => {
  const logger = new MemoryLogger();
  await expectNoLeak(async () => {
    const module = new BoringModule();
    module.saveHyperparameters({ lr: 0.1 });
    const trainer = new Trainer({
      ...bare,
      barebones: false,
      enableProgressBar: false,
      enableModelSummary: false,
      enableCheckpointing: false,
      logger,
      maxEpochs: 2,
      logEveryNSteps: 2,
    });
    await trainer.fit(module, boringLoader(2), boringLoader(1));
    module.dispose();
  });
  expect(logger.rows.map(({ step, metrics }) => [step, ...Object.keys(metrics)])).toEqual([
    [1, 'train_loss', 'epoch'],
    [1, 'val_loss', 'epoch'],
    [3, 'train_loss', 'epoch'],
    [3, 'val_loss', 'epoch'],
  ]);
  expect(logger.hparams).toEqual({ lr: 0.1 });
});

test('a resume forgets the steps that are taken again; rows are copies', () => {
  const logger = new MemoryLogger();
  const metrics = { a: 1 };
  for (const step of [0, 1, 2]) logger.logMetrics(metrics, step);
  metrics.a = 2;
  logger.loadStateDict({}, 1);
  expect(logger.rows).toEqual([{ step: 0, metrics: { a: 1 } }]);
});
