/** The order of all hooks in validate, test and predict, in the sanity check, and where an evaluation breaks off. */
import { expect, test } from 'vitest';
import { boringLoader } from '../support/boring.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { joined, recorded } from '../support/recorder.ts';

assertFileLeaksNothing();

test('§7.1 §2.2 T11 validate: two batches, no gradients, rows at the end', async () => {
  const { trace, module, trainer } = recorded();
  await trainer.validate(module, boringLoader(2));
  expect(joined(trace)).toMatchInlineSnapshot(`
    [
      "M.configureCallbacks",
      "U/K/M.setup",
      "M.configureModel",
      "M.validationModelEval",
      "U/K/M.validationStart",
      "U/K/M.validationEpochStart",
      "U/K/M.validationBatchStart",
      "M.validationStep",
      "U/K/M.validationBatchEnd",
      "U/K/M.validationBatchStart",
      "M.validationStep",
      "U/K/M.validationBatchEnd",
      "U/K/M.validationEpochEnd",
      "L.log(0: epoch val_loss)",
      "U/M/K.validationEnd",
      "M.validationModelTrain",
      "U/K/M.teardown",
      "L.finalize(success)",
    ]
  `);
  module.dispose();
});

test('§7.1 §2.2 T11 test', async () => {
  const { trace, module, trainer } = recorded();
  await trainer.test(module, boringLoader(1));
  expect(joined(trace)).toMatchInlineSnapshot(`
    [
      "M.configureCallbacks",
      "U/K/M.setup",
      "M.configureModel",
      "M.testModelEval",
      "U/K/M.testStart",
      "U/K/M.testEpochStart",
      "U/K/M.testBatchStart",
      "M.testStep",
      "U/K/M.testBatchEnd",
      "U/K/M.testEpochEnd",
      "L.log(0: epoch test_loss)",
      "U/K/M.testEnd",
      "M.testModelTrain",
      "U/K/M.teardown",
      "L.finalize(success)",
    ]
  `);
  module.dispose();
});

test('§7.1 §2.2 T11 predict: nothing is logged', async () => {
  const { trace, module, trainer } = recorded();
  await trainer.predict(module, boringLoader(1), { returnPredictions: false });
  expect(joined(trace)).toMatchInlineSnapshot(`
    [
      "M.configureCallbacks",
      "U/K/M.setup",
      "M.configureModel",
      "M.predictModelEval",
      "U/K/M.predictStart",
      "U/K/M.predictEpochStart",
      "U/K/M.predictBatchStart",
      "M.predictStep",
      "U/K/M.predictBatchEnd",
      "U/K/M.predictEpochEnd",
      "U/K/M.predictEnd",
      "M.predictModelTrain",
      "U/K/M.teardown",
      "L.finalize(success)",
    ]
  `);
  module.dispose();
});

test('a second call: the module is configured once in its life', async () => {
  const { trace, module, trainer } = recorded();
  await trainer.test(module, boringLoader(1));
  trace.length = 0;
  await trainer.test(module, boringLoader(1));
  expect(joined(trace).slice(0, 3)).toEqual(['M.configureCallbacks', 'U/K/M.setup', 'M.testModelEval']);
  module.dispose();
});

test('§7.1 the sanity check alone: callbacks hear of it, loggers do not', async () => {
  const { trace, module, trainer } = recorded({ maxEpochs: 1, numSanityValSteps: 1 });
  await trainer.fit(module, boringLoader(1), boringLoader(2));
  const order = joined(trace);
  expect(order.slice(order.indexOf('U/K/M.fitStart'), order.indexOf('U/K/M.trainStart') + 1)).toMatchInlineSnapshot(`
    [
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
  module.dispose();
});

test('D25 an exception in a validation step: every mode is put back, and nothing of the end is called', () =>
  expectNoLeak(async () => {
    const { trace, module, trainer } = recorded({ maxEpochs: 1, numSanityValSteps: 0 });
    module.validationStep = () => {
      throw new Error('boom');
    };
    await expect(trainer.fit(module, boringLoader(1), boringLoader(1))).rejects.toThrow('boom');
    const order = joined(trace);
    expect(order.slice(order.indexOf('U/M/K.trainBatchEnd'))).toMatchInlineSnapshot(`
      [
        "U/M/K.trainBatchEnd",
        "L.log(0: epoch train_loss)",
        "U/K/M.trainBatchesEnd",
        "M.validationModelEval",
        "U/K/M.validationStart",
        "U/K/M.validationEpochStart",
        "U/K/M.validationBatchStart",
        "M.validationModelTrain",
        "U/K/M.exception",
        "L.finalize(failed)",
      ]
    `);
    expect(module.training).toBe(true);
    module.dispose();
  }));

test('an exception in predict: the hook, the loggers, no end', async () => {
  const { trace, module, trainer } = recorded();
  module.predictStep = () => {
    throw new Error('boom');
  };
  await expect(trainer.predict(module, boringLoader(1))).rejects.toThrow('boom');
  expect(joined(trace).slice(-3)).toMatchInlineSnapshot(`
    [
      "M.predictModelTrain",
      "U/K/M.exception",
      "L.finalize(failed)",
    ]
  `);
  module.dispose();
});

test('interrupted within a validation of fit: its epoch does not end, and onInterrupt comes once', async () => {
  const { trace, module, trainer } = recorded({ maxEpochs: 2, numSanityValSteps: 0 });
  const controller = new AbortController();
  trainer.on('validationBatchEnd', () => controller.abort());
  const data = { train: boringLoader(1), val: boringLoader(3), signal: controller.signal };
  expect(await trainer.fit(module, data)).toMatchObject({ status: 'interrupted', steps: 1 });
  const order = joined(trace);
  expect(order.slice(order.indexOf('U/K/M.trainBatchesEnd'))).toMatchInlineSnapshot(`
    [
      "U/K/M.trainBatchesEnd",
      "M.validationModelEval",
      "U/K/M.validationStart",
      "U/K/M.validationEpochStart",
      "U/K/M.validationBatchStart",
      "M.validationStep",
      "U/K/M.validationBatchEnd",
      "M.validationModelTrain",
      "U/K/M.interrupt",
      "U/K/M.trainEnd",
      "U/K/M.fitEnd",
      "U/K/M.teardown",
      "L.finalize(interrupted)",
    ]
  `);
  module.dispose();
});

test('interrupted within test: what was done is returned, and the run ends in order', async () => {
  const { trace, module, trainer } = recorded();
  const controller = new AbortController();
  trainer.on('testBatchEnd', () => controller.abort());
  await trainer.test(module, boringLoader(3), { signal: controller.signal });
  const order = joined(trace);
  expect(order.slice(order.indexOf('U/K/M.testBatchStart'))).toMatchInlineSnapshot(`
    [
      "U/K/M.testBatchStart",
      "M.testStep",
      "U/K/M.testBatchEnd",
      "M.testModelTrain",
      "U/K/M.teardown",
      "L.finalize(interrupted)",
    ]
  `);
  module.dispose();
});
