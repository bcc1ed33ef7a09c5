/** The order of all hooks in a resumed and in an interrupted fit, as reference/lightning.md §7.1 has it. */
import type { TrainerOptions } from 'kelvin';
import { expect, test } from 'vitest';
import { boringLoader } from '../support/boring.ts';
import { freshDirectory } from '../support/files.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { joined, recorded } from '../support/recorder.ts';

assertFileLeaksNothing();

const noted = (letter: string, trace: string[]) => ({
  stateKey: letter,
  stateDict: () => {
    trace.push(`${letter}.stateDict`);
    return {};
  },
  loadStateDict: () => void trace.push(`${letter}.loadStateDict`),
});

const run = (options: TrainerOptions = {}) => recorded({ maxEpochs: 2, numSanityValSteps: 1, ...options }, noted);

/** A checkpoint made after `batch` batches of epochs of two. */
async function checkpointAt(batch: number): Promise<string> {
  const path = `${freshDirectory()}/here.ckpt`;
  const { module, trainer } = run({ logger: false });
  const save = module.onTrainEpochEnd;
  module.onTrainBatchEnd = async () => {
    if (trainer.globalBatch === batch && batch % 2 === 1) await trainer.saveCheckpoint(path);
  };
  module.onTrainEpochEnd = async () => {
    save?.call(module);
    if (trainer.globalBatch === batch) await trainer.saveCheckpoint(path);
  };
  await trainer.fit(module, boringLoader(2), boringLoader(1));
  module.dispose();
  return path;
}

async function resumed(batch: number): Promise<string[]> {
  const { trace, module, trainer } = run();
  await trainer.fit(module, { train: boringLoader(2), val: boringLoader(1), ckptPath: await checkpointAt(batch) });
  module.dispose();
  const order = joined(trace);
  return order.slice(0, order.indexOf('M.trainingStep'));
}

test('resume from the end of an epoch: module and callbacks load before optimizers are made; a sanity check', async () => {
  expect(await resumed(2)).toMatchInlineSnapshot(`
    [
      "M.configureCallbacks",
      "U/K/M.setup",
      "M.configureModel",
      "U/K/M.loadCheckpoint",
      "M.configureOptimizers",
      "U/K/M.fitStart",
      "U/K.loadStateDict",
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
      "U/K/M.trainEpochStart",
      "U/K/M.trainBatchStart",
    ]
  `);
});

test('resume within an epoch: no sanity check, and the epoch is not begun again', async () => {
  expect(await resumed(3)).toMatchInlineSnapshot(`
    [
      "M.configureCallbacks",
      "U/K/M.setup",
      "M.configureModel",
      "U/K/M.loadCheckpoint",
      "M.configureOptimizers",
      "U/K/M.fitStart",
      "U/K.loadStateDict",
      "U/K/M.trainStart",
      "L.log(2: epoch train_loss)",
      "U/K/M.trainBatchStart",
    ]
  `);
});

test('a checkpoint: the states of the callbacks, then the hook', async () => {
  const { trace, module, trainer } = run({ maxEpochs: 1, logger: false, numSanityValSteps: 0 });
  await trainer.fit(module, boringLoader(1));
  trace.length = 0;
  await trainer.saveCheckpoint(`${freshDirectory()}/x.ckpt`);
  expect(joined(trace)).toMatchInlineSnapshot(`
    [
      "U/K.stateDict",
      "U/K/M.saveCheckpoint",
    ]
  `);
  module.dispose();
});

test('interrupted in batch 1 of 4: the batch ends, nothing is validated, onInterrupt, and an orderly end', async () => {
  const { trace, module, trainer } = run({ numSanityValSteps: 0 });
  const controller = new AbortController();
  trainer.on('beforeBackward', () => controller.abort());
  const data = { train: boringLoader(4), val: boringLoader(1), signal: controller.signal };
  expect(await trainer.fit(module, data)).toMatchObject({ status: 'interrupted', steps: 1 });
  const order = joined(trace);
  expect(order.slice(order.indexOf('M.trainingStep'))).toMatchInlineSnapshot(`
    [
      "M.trainingStep",
      "U/K/M.beforeZeroGrad",
      "U/K/M.beforeBackward",
      "U/K/M.afterBackward",
      "U/K/M.beforeOptimizerStep",
      "M.configureGradientClipping",
      "M.optimizerStep",
      "U/M/K.trainBatchEnd",
      "L.log(0: epoch train_loss)",
      "U/K/M.interrupt",
      "U/K/M.trainEnd",
      "U/K/M.fitEnd",
      "U/K/M.teardown",
      "L.finalize(interrupted)",
    ]
  `);
  module.dispose();
});
