/** The hook between the training batches of an epoch and its validation: lightning.md §2.1, complaint C2. */
import { LambdaCallback, SGD, StepLR, Trainer, type TrainerOptions } from 'kelvin';
import { expect, test } from 'vitest';
import { BoringModule, bare, boringLoader } from '../support/boring.ts';
import { freshDirectory } from '../support/files.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';

assertFileLeaksNothing();

const WATCHED = ['trainBatchEnd', 'trainBatchesEnd', 'validationStart', 'validationEnd', 'trainEpochEnd'] as const;

/** Notes the watched hooks with the number of batches trained on. */
function watch(trainer: Trainer): string[] {
  const seen: string[] = [];
  for (const hook of WATCHED) trainer.on(hook, () => seen.push(`${hook} ${trainer.globalBatch}`));
  return seen;
}

/** Epochs of three batches with a validation of one batch. */
async function trained(options: TrainerOptions, data: object = {}, prepare: (trainer: Trainer) => void = () => {}) {
  const module = new BoringModule();
  const trainer = new Trainer({ ...bare, maxEpochs: 2, ...options });
  const seen = watch(trainer);
  prepare(trainer);
  const result = await trainer.fit(module, { train: boringLoader(3), val: boringLoader(1), ...data });
  return { module, trainer, seen, result };
}

const ends = (seen: readonly string[]): string[] => seen.filter((line) => !line.startsWith('trainBatchEnd'));

test('C2 it is called once per epoch, after the last batch and before the validation', async () => {
  const { module, seen } = await trained({});
  expect(seen.slice(2)).toEqual([
    'trainBatchEnd 3',
    'trainBatchesEnd 3',
    'validationStart 3',
    'validationEnd 3',
    'trainEpochEnd 3',
    'trainBatchEnd 4',
    'trainBatchEnd 5',
    'trainBatchEnd 6',
    'trainBatchesEnd 6',
    'validationStart 6',
    'validationEnd 6',
    'trainEpochEnd 6',
  ]);
  module.dispose();
});

test('C2 validations within the epoch, none at all, and epochs that are not validated', async () => {
  const within = await trained({ maxEpochs: 1, valCheckInterval: 2 });
  expect(ends(within.seen)).toEqual(['validationStart 2', 'validationEnd 2', 'trainBatchesEnd 3', 'trainEpochEnd 3']);
  const without = await trained({ limitValBatches: 0 });
  const once = ['trainBatchesEnd 3', 'trainEpochEnd 3', 'trainBatchesEnd 6', 'trainEpochEnd 6'];
  expect(ends(without.seen)).toEqual(once);
  const second = await trained({ checkValEveryNEpoch: 2 });
  expect(ends(second.seen).filter((line) => line.startsWith('train'))).toEqual(once);
  for (const { module } of [within, without, second]) module.dispose();
});

test('C2 an epoch that is broken off: by a limit, a callback in a batch or in a validation, and -1', async () => {
  const limited = await trained({ maxSteps: 2 });
  expect(ends(limited.seen)).toEqual(['trainBatchesEnd 2', 'trainEpochEnd 2']);
  const stop = (hook: 'onTrainBatchEnd' | 'onValidationEnd') =>
    new LambdaCallback({
      [hook]: (trainer: { shouldStop: boolean }) => {
        trainer.shouldStop = true;
      },
    });
  const stopped = await trained({ callbacks: stop('onTrainBatchEnd') });
  expect(ends(stopped.seen)).toEqual(['trainBatchesEnd 1', 'validationStart 1', 'validationEnd 1', 'trainEpochEnd 1']);
  const late = await trained({ valCheckInterval: 2, callbacks: stop('onValidationEnd') });
  expect(ends(late.seen)).toEqual(['validationStart 2', 'validationEnd 2', 'trainBatchesEnd 2', 'trainEpochEnd 2']);
  const skips = new LambdaCallback({
    onTrainBatchStart: (_t, _m, _batch, batchIdx) => (batchIdx === 1 ? -1 : undefined),
  });
  const skipped = await trained({ maxEpochs: 1, callbacks: skips });
  expect(ends(skipped.seen)).toEqual(['trainBatchesEnd 1', 'trainEpochEnd 1']);
  for (const { module } of [limited, stopped, late, skipped]) module.dispose();
});

test.for([
  ['trainBatchEnd', ['trainBatchesEnd 3', 'validationStart 3', 'validationEnd 3', 'trainEpochEnd 3']],
  ['trainBatchesEnd', ['validationStart 3', 'validationEnd 3', 'trainEpochEnd 3']],
  ['validationStart', ['validationStart 3', 'validationEnd 3', 'trainEpochEnd 3']],
  ['validationEnd', ['trainEpochEnd 3']],
  ['trainEpochEnd', []],
] as const)('C2 a run resumed from a checkpoint made in %s does not call it a second time', async ([hook, owed]) => {
  const ckptPath = `${freshDirectory()}/here.ckpt`;
  const save = new LambdaCallback({
    [`on${hook[0]?.toUpperCase()}${hook.slice(1)}`]: async (trainer: Trainer) => {
      if (trainer.globalBatch === 3) await trainer.saveCheckpoint(ckptPath);
    },
  });
  const first = await trained({ maxEpochs: 1, callbacks: save });
  const resumed = await trained({ maxEpochs: 1 }, { ckptPath });
  // A validation that the checkpoint was made in is done anew, and one whose last hook has begun is done.
  expect(resumed.seen).toEqual(owed);
  first.module.dispose();
  resumed.module.dispose();
});

test.for(WATCHED)('C2 nor does a second fit after an interruption in %s', async (hook) => {
  const module = new BoringModule();
  const trainer = new Trainer({ ...bare, maxEpochs: 1 });
  const seen = watch(trainer);
  const controller = new AbortController();
  trainer.on(hook, () => trainer.globalBatch === 3 && controller.abort());
  const data = () => ({ train: boringLoader(3), val: boringLoader(1) });
  const first = await trainer.fit(module, { ...data(), signal: controller.signal });
  expect(first.status).toBe('interrupted');
  await trainer.fit(module, data());
  for (const line of ['trainBatchesEnd 3', 'trainEpochEnd 3']) {
    expect(seen.filter((each) => each === line)).toHaveLength(1);
  }
  expect(seen.indexOf('trainBatchesEnd 3')).toBeLessThan(seen.indexOf('validationStart 3'));
  module.dispose();
});

test('C2 a value logged there is one of the epoch; learning rates have changed by then, as in Lightning', async () => {
  class Rated extends BoringModule {
    override configureOptimizers(): never {
      const optimizer = new SGD(this.parameters(), { lr: 1 });
      return { optimizer, lrScheduler: new StepLR(optimizer, { stepSize: 1, gamma: 0.5 }) } as never;
    }
    override onTrainBatchesEnd(): void {
      this.log('rate', this.trainer.optimizers[0]?.lr ?? Number.NaN);
    }
  }
  const module = new Rated();
  const { metrics } = await new Trainer({ ...bare, maxEpochs: 2 }).fit(module, boringLoader(3), boringLoader(1));
  expect(metrics.rate).toBe(0.25);
  module.dispose();
});
