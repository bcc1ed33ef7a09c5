/** What a resumed run does with a checkpoint that does not quite fit it, and with hooks that are owed to a batch. */
import { join } from 'node:path';
import {
  type Callback,
  EarlyStopping,
  MemoryLogger,
  OnExceptionCheckpoint,
  SGD,
  StepLR,
  seedEverything,
  Trainer,
  type TrainerOptions,
  tf,
} from 'kelvin';
import { expect, test } from 'vitest';
import { quiet } from '../callbacks/support.ts';
import { BoringModule, boringLoader } from '../support/boring.ts';
import { freshDirectory } from '../support/files.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';

assertFileLeaksNothing();

/** The warnings of Kelvin's while `body` runs. */
async function warningsOf(body: () => Promise<unknown>): Promise<string[]> {
  const seen: string[] = [];
  const listen = (warning: Error & { code?: string }): void => {
    if (warning.name === 'KelvinWarning') seen.push(`${warning.code}: ${warning.message}`);
  };
  process.on('warning', listen);
  await body();
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', listen);
  return seen;
}

/** A module with a variable more, if asked for. */
class Grown extends BoringModule {
  readonly extra?: tf.Variable;
  constructor({ extra = false, strict = true } = {}) {
    super();
    if (extra) this.extra = tf.tidy(() => tf.variable(tf.zeros([1])));
    this.strictLoading = strict;
  }
  override configureOptimizers(): SGD {
    return new SGD(
      this.parameters().filter((each) => each !== this.extra),
      { lr: 0.1 },
    );
  }
}

async function fitted(module: BoringModule, options: TrainerOptions & { ckptPath?: string }, path?: string) {
  const { ckptPath, ...flags } = options;
  const trainer = new Trainer({ ...quiet, maxEpochs: 1, ...flags });
  await trainer.fit(module, { train: boringLoader(2), val: boringLoader(1), ckptPath });
  if (path !== undefined) await trainer.saveCheckpoint(path);
  return trainer;
}

test('a state whose callback is not there any more is named in a warning', async () => {
  const path = join(freshDirectory(), 'a.ckpt');
  const [first, second] = [new BoringModule(), new BoringModule()];
  await fitted(first, { callbacks: new EarlyStopping({ monitor: 'val_loss' }) }, path);
  expect(await warningsOf(() => fitted(second, { maxEpochs: 2, ckptPath: path }))).toEqual([
    'callback-missing: The checkpoint has the states of callbacks that are not there now: EarlyStopping(val_loss,min)',
  ]);
  for (const module of [first, second]) module.dispose();
});

test('D21 strictLoading: weights that are missing or too many are an error, or named in a warning', async () => {
  const path = join(freshDirectory(), 'a.ckpt');
  const small = new Grown();
  const trainer = await fitted(small, {}, path);
  const [strict, loose] = [new Grown({ extra: true }), new Grown({ extra: true, strict: false })];
  const resume = { maxEpochs: 2, ckptPath: path };
  expect(await messageFrom(() => fitted(strict, resume))).toContain('[checkpoint-does-not-fit]');
  const inPart = "checkpoint-fits-in-part: The checkpoint fits Grown in part: it lacks 'extra'";
  expect(await warningsOf(() => fitted(loose, resume))).toEqual([inPart]);
  expect(await warningsOf(() => trainer.test(loose, boringLoader(1), { ckptPath: path }))).toEqual([inPart]);
  expect(loose.weights().slice(0, 3)).toEqual(small.weights());
  for (const module of [small, strict, loose]) module.dispose();
});

test("ckptPath 'last' finds what OnExceptionCheckpoint has saved elsewhere, when it is newer", async () => {
  const [dirPath, defaultRootDir] = [freshDirectory(), freshDirectory()];
  const callbacks = () => new OnExceptionCheckpoint({ dirPath });
  const flags = { defaultRootDir, enableCheckpointing: true, maxEpochs: 3 };
  const broken = new BoringModule();
  broken.onTrainBatchStart = () => {
    if (broken.trainer.globalBatch === 3) throw new Error('boom');
  };
  await expect(fitted(broken, { ...flags, callbacks: [callbacks(), savesNothing] })).rejects.toThrow('boom');
  const [resumed, whole] = [new BoringModule(), new BoringModule()];
  const starts: number[] = [];
  const watch: Callback = { onTrainStart: (trainer) => void starts.push(trainer.globalBatch) };
  await fitted(resumed, { ...flags, callbacks: [callbacks(), watch], ckptPath: 'last' });
  await fitted(whole, { maxEpochs: 3 });
  expect(starts).toEqual([3]);
  expect(resumed.weights()).toEqual(whole.weights());
  for (const module of [broken, resumed, whole]) module.dispose();
});

/** In place of the default ModelCheckpoint, which would save as well when something throws. */
const savesNothing: Callback = { role: 'checkpoint' };

/** Schedulers of the newer intervals, and a row that is logged between the last batch and validation. */
class Scheduled extends BoringModule {
  override onTrainBatchesEnd(): void {
    this.log('batches_end', this.trainer.globalBatch);
  }
  override configureOptimizers(): never {
    const [kernel, bias] = this.parameters() as [tf.Variable, tf.Variable];
    return (['validation', 'batch'] as const).map((interval, i) => {
      const optimizer = new SGD([i === 0 ? kernel : bias], { lr: 0.1 });
      const scheduler = new StepLR(optimizer, { stepSize: 1, gamma: 0.8 });
      return { name: interval, optimizer, lrScheduler: { scheduler, interval } };
    }) as never;
  }
  override trainingStep(batch: Parameters<BoringModule['trainingStep']>[0]): never {
    const loss = super.trainingStep(batch);
    return { losses: { validation: loss, batch: loss } } as never;
  }
}

test.for(['trainBatchEnd 2', 'trainBatchEnd 4', 'trainBatchesEnd 4', 'validationBatchEnd 4', 'validationEnd 4'])(
  'a checkpoint made in %s resumes exactly: onTrainBatchesEnd, schedulers by batch and by validation',
  (place) =>
    expectNoLeak(async () => {
      const path = join(freshDirectory(), 'here.ckpt');
      const [hook, batch] = place.split(' ') as [string, string];
      const run = async (options: TrainerOptions & { ckptPath?: string }) => {
        const restore = seedEverything(1);
        const module = new Scheduled();
        const logger = new MemoryLogger();
        const { ckptPath, ...flags } = options;
        const trainer = new Trainer({ ...quiet, logger, logEveryNSteps: 1, maxEpochs: 2, ...flags });
        const data = { train: boringLoader(4), val: boringLoader(2), ckptPath };
        const { metrics } = await trainer.fit(module, data);
        const outcome = { weights: module.weights(), rates: trainer.learningRates, metrics };
        const rows = logger.rows.filter(({ metrics: row }) => 'batches_end' in row).map(({ step }) => step);
        module.dispose();
        restore();
        return { outcome, rows };
      };
      const save: Callback = {
        role: 'checkpoint',
        [`on${hook.charAt(0).toUpperCase()}${hook.slice(1)}`]: (trainer: Trainer) =>
          trainer.globalBatch === Number(batch) ? trainer.saveCheckpoint(path) : undefined,
      };
      const whole = await run({ callbacks: save, enableCheckpointing: true });
      expect(whole.rows).toEqual([3, 7]);
      const resumed = await run({ ckptPath: path });
      expect(resumed.outcome).toEqual(whole.outcome);
      expect(resumed.rows.at(-1)).toBe(7);
    }),
);
