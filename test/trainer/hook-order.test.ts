/** The order of all hooks, as reference/lightning.md §7.1 has it from PyTorch Lightning. */
import { SGD, StepLR } from 'kelvin';
import { expect, test } from 'vitest';
import { boringLoader } from '../support/boring.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { joined, recorded } from '../support/recorder.ts';

assertFileLeaksNothing();

test('§7.1 fit: two epochs of two batches, a sanity check, a scheduler per epoch, checkpoint callbacks last', async () => {
  const { trace, module, trainer } = recorded({ maxEpochs: 2, numSanityValSteps: 1, gradientClipVal: 0.5 });
  module.configureOptimizers = () => {
    trace.push('M.configureOptimizers');
    const optimizer = new SGD(module.parameters(), { lr: 0.1 });
    return { optimizer, lrScheduler: new StepLR(optimizer, { stepSize: 1 }) } as never;
  };
  await trainer.fit(module, boringLoader(2), boringLoader(1));
  const order = joined(trace);
  const epoch = order.slice(order.indexOf('U/K/M.trainEpochStart'), order.lastIndexOf('U/K/M.trainEpochStart'));
  const setup = order.slice(0, order.indexOf('U/K/M.trainEpochStart'));
  const end = order.slice(order.lastIndexOf('U/M/K.trainEpochEnd'));
  expect(setup).toMatchInlineSnapshot(`
    [
      "M.configureCallbacks",
      "U/K/M.setup",
      "M.configureModel",
      "M.configureOptimizers",
      "U/K/M.fitStart",
      "U/K.sanityCheckStart",
      "M.validationModelEval",
      "U/K/M.validationStart",
      "U/K/M.validationEpochStart",
      "U/K/M.validationBatchStart",
      "M.validationStep",
      "U/K/M.validationBatchEnd",
      "U/K/M.validationEpochEnd",
      "U/M/K.validationEnd",
      "M.validationModelTrain",
      "U/K.sanityCheckEnd",
      "U/K/M.trainStart",
    ]
  `);
  expect(epoch).toMatchInlineSnapshot(`
    [
      "U/K/M.trainEpochStart",
      "U/K/M.trainBatchStart",
      "M.trainingStep",
      "U/K/M.beforeZeroGrad",
      "U/K/M.beforeBackward",
      "U/K/M.afterBackward",
      "U/K/M.beforeOptimizerStep",
      "M.configureGradientClipping",
      "M.optimizerStep",
      "U/M/K.trainBatchEnd",
      "L.log(0: epoch train_loss)",
      "U/K/M.trainBatchStart",
      "M.trainingStep",
      "U/K/M.beforeZeroGrad",
      "U/K/M.beforeBackward",
      "U/K/M.afterBackward",
      "U/K/M.beforeOptimizerStep",
      "M.configureGradientClipping",
      "M.optimizerStep",
      "M.lrSchedulerStep",
      "U/M/K.trainBatchEnd",
      "L.log(1: epoch train_loss)",
      "U/K/M.trainBatchesEnd",
      "M.validationModelEval",
      "U/K/M.validationStart",
      "U/K/M.validationEpochStart",
      "U/K/M.validationBatchStart",
      "M.validationStep",
      "U/K/M.validationBatchEnd",
      "U/K/M.validationEpochEnd",
      "L.log(1: epoch val_loss)",
      "U/M/K.validationEnd",
      "M.validationModelTrain",
      "U/M/K.trainEpochEnd",
    ]
  `);
  expect(end).toMatchInlineSnapshot(`
    [
      "U/M/K.trainEpochEnd",
      "U/K/M.trainEnd",
      "U/K/M.fitEnd",
      "U/K/M.teardown",
      "L.finalize(success)",
    ]
  `);
  module.dispose();
});

test('D25 an exception: onException once, loggers failed, no trainEnd, no fitEnd, no teardown', async () => {
  const { trace, module, trainer } = recorded({ maxEpochs: 1, numSanityValSteps: 0 });
  module.trainingStep = () => {
    throw new Error('boom');
  };
  await expect(trainer.fit(module, boringLoader(2))).rejects.toThrow('boom');
  expect(trainer.status).toBe('failed');
  expect(joined(trace)).toMatchInlineSnapshot(`
    [
      "M.configureCallbacks",
      "U/K/M.setup",
      "M.configureModel",
      "M.configureOptimizers",
      "U/K/M.fitStart",
      "U/K/M.trainStart",
      "U/K/M.trainEpochStart",
      "U/K/M.trainBatchStart",
      "U/K/M.exception",
      "L.finalize(failed)",
    ]
  `);
  module.dispose();
});

test('A7 §2.2 T13 a request to stop in batch 1 of 4 ends the batch, validates, and ends epoch and training', async () => {
  const { trace, module, trainer } = recorded({ maxEpochs: 3, numSanityValSteps: 0, logger: false });
  trainer.on('trainBatchEnd', (_output, _batch, batchIdx) => {
    if (batchIdx === 1) trainer.shouldStop = true;
  });
  const result = await trainer.fit(module, boringLoader(4), boringLoader(1));
  expect(result).toMatchObject({ status: 'stopped', steps: 2, epochs: 1 });
  const hooks = joined(trace);
  expect(hooks.slice(hooks.lastIndexOf('U/M/K.trainBatchEnd'))).toMatchInlineSnapshot(`
    [
      "U/M/K.trainBatchEnd",
      "U/K/M.trainBatchesEnd",
      "M.validationModelEval",
      "U/K/M.validationStart",
      "U/K/M.validationEpochStart",
      "U/K/M.validationBatchStart",
      "M.validationStep",
      "U/K/M.validationBatchEnd",
      "U/K/M.validationEpochEnd",
      "U/M/K.validationEnd",
      "M.validationModelTrain",
      "U/M/K.trainEpochEnd",
      "U/K/M.trainEnd",
      "U/K/M.fitEnd",
      "U/K/M.teardown",
    ]
  `);
  module.dispose();
});

test('-1 from onTrainBatchStart ends the epoch: the batch is not trained on, nothing is validated', async () => {
  const { trace, module, trainer } = recorded({ maxEpochs: 1, numSanityValSteps: 0, logger: false });
  module.onTrainBatchStart = (_batch, batchIdx) => (batchIdx === 1 ? -1 : undefined);
  const result = await trainer.fit(module, boringLoader(4), boringLoader(1));
  expect(result).toMatchObject({ status: 'finished', steps: 1, epochs: 1 });
  const hooks = joined(trace);
  expect(hooks.slice(hooks.lastIndexOf('U/K.trainBatchStart'))).toMatchInlineSnapshot(`
    [
      "U/K.trainBatchStart",
      "U/K/M.trainBatchesEnd",
      "U/M/K.trainEpochEnd",
      "U/K/M.trainEnd",
      "U/K/M.fitEnd",
      "U/K/M.teardown",
    ]
  `);
  module.dispose();
});
