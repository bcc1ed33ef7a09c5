/** A run that was stopped anywhere and resumed ends exactly as one that was never stopped. */
import { join } from 'node:path';
import {
  type Callback,
  EarlyStopping,
  LambdaCallback,
  ModelCheckpoint,
  ReduceLROnPlateau,
  SGD,
  Trainer,
  type TrainerView,
} from 'kelvin';
import { beforeAll, expect, test } from 'vitest';
import { BoringModule, bare, boringLoader } from '../support/boring.ts';
import { filesIn, freshDirectory } from '../support/files.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { type Outcome, train } from '../support/resumable.ts';

assertFileLeaksNothing();

/** 3 epochs of 7 batches, windows of 3: 9 optimizer steps, 21 batches. */
let straight: Outcome;
beforeAll(async () => {
  straight = await train(1, {});
});

function expectSame(resumed: Outcome, whole: Outcome): void {
  expect(resumed.weights).toEqual(whole.weights);
  for (const batch in resumed.losses) expect(resumed.losses[batch], `batch ${batch}`).toBe(whole.losses[batch]);
  expect(resumed.metrics).toEqual(whole.metrics);
  expect(resumed).toMatchObject({ status: 'finished', steps: 9 });
}

const at = (batch: number, act: (trainer: TrainerView) => void | Promise<void>): Callback =>
  new LambdaCallback({ onTrainBatchEnd: (trainer) => (trainer.globalBatch === batch ? act(trainer) : undefined) });

test.for(Array.from({ length: 20 }, (_, i) => i + 1))(
  '§2.1 C4 a checkpoint made after batch %i of 21, in any place of window and epoch, resumes exactly',
  async (batch) => {
    const path = join(freshDirectory(), 'here.ckpt');
    await train(1, {}, { callbacks: [at(batch, (trainer) => trainer.saveCheckpoint(path))] });
    expectSame(await train(100 + batch, {}, { ckptPath: path }), straight);
  },
);

test.for([1, 2, 5, 7, 8, 10, 14, 20])('stopped by shouldStop in batch %i, last.ckpt resumes exactly', async (batch) => {
  const dirPath = freshDirectory();
  const stop = at(batch, (trainer) => {
    trainer.shouldStop = true;
  });
  const callbacks = [stop, new ModelCheckpoint({ dirPath, saveTopK: 0, saveLast: true })];
  expect(await train(1, {}, { callbacks })).toMatchObject({ status: 'stopped' });
  expectSame(await train(2, {}, { ckptPath: join(dirPath, 'last.ckpt') }), straight);
});

test.for([1, 3, 4, 8])('stopped by maxSteps after step %i, last.ckpt resumes exactly', async (maxSteps) => {
  const dirPath = freshDirectory();
  const callbacks = [new ModelCheckpoint({ dirPath, saveTopK: 0, saveLast: true })];
  expect(await train(1, { maxSteps }, { callbacks })).toMatchObject({ status: 'finished', steps: maxSteps });
  expectSame(await train(2, {}, { ckptPath: join(dirPath, 'last.ckpt') }), straight);
});

test('every checkpoint of everyNTrainSteps and of the epoch ends resumes exactly', async () => {
  for (const trigger of [{ everyNTrainSteps: 2 }, {}]) {
    const dirPath = freshDirectory();
    const callbacks = [new ModelCheckpoint({ dirPath, saveTopK: -1, ...trigger })];
    await train(1, {}, { callbacks });
    const names = filesIn(dirPath);
    expect(names.length).toBeGreaterThan(2);
    for (const name of names) expectSame(await train(3, {}, { ckptPath: join(dirPath, name) }), straight);
  }
});

test.for([3, 7, 12, 14])('§2.1 C12 interrupted by SIGINT in batch %i, last.ckpt resumes exactly', async (batch) => {
  const dirPath = freshDirectory();
  const mine = (): void => {};
  process.on('SIGINT', mine);
  const before = process.rawListeners('SIGINT');
  const callbacks = [at(batch, () => void process.emit('SIGINT')), new ModelCheckpoint({ dirPath })];
  const outcome = await train(1, { handleSignals: true }, { callbacks });
  expect(outcome.status).toBe('interrupted');
  expect(process.rawListeners('SIGINT')).toEqual(before);
  process.off('SIGINT', mine);
  expect(filesIn(dirPath)).toContain('last.ckpt');
  expectSame(await train(2, {}, { ckptPath: join(dirPath, 'last.ckpt') }), straight);
});

test('interrupted in the middle of a validation, it is validated again', async () => {
  const dirPath = freshDirectory();
  const interrupt = new LambdaCallback({
    onValidationBatchEnd: ({ currentEpoch }) => {
      if (currentEpoch === 1) process.emit('SIGINT');
    },
  });
  let ends = 0;
  const count = (): Callback =>
    new LambdaCallback({
      onValidationEnd: () => {
        ends++;
      },
    });
  const callbacks = [interrupt, new ModelCheckpoint({ dirPath }), count()];
  expect(await train(1, { handleSignals: true }, { callbacks })).toMatchObject({ status: 'interrupted' });
  expect(ends).toBe(1);
  const resumed = await train(2, {}, { ckptPath: join(dirPath, 'last.ckpt'), callbacks: [count()] });
  expectSame(resumed, straight);
  expect(ends).toBe(3);
});

test('a checkpoint saved after fit goes on from there, also in the middle of an epoch and a window', async () => {
  const path = join(freshDirectory(), 'after.ckpt');
  const module = new BoringModule();
  const loader = boringLoader(5);
  const flags = { ...bare, accumulateGradBatches: 3 };
  const trainer = new Trainer({ ...flags, maxEpochs: 2, callbacks: stopAt(7) });
  await trainer.fit(module, loader);
  await expectNoLeak(() => trainer.saveCheckpoint(path));
  const resumed = new BoringModule();
  await new Trainer({ ...flags, maxEpochs: 2 }).fit(resumed, loader, undefined, { ckptPath: path });
  const whole = new BoringModule();
  await new Trainer({ ...flags, maxEpochs: 2 }).fit(whole, loader);
  expect(resumed.weights()).toEqual(whole.weights());
  for (const each of [module, resumed, whole]) each.dispose();
});

const stopAt = (batch: number): Callback =>
  at(batch, (trainer) => {
    trainer.shouldStop = true;
  });

class Plateau extends BoringModule {
  override configureOptimizers(): never {
    const optimizer = new SGD(this.parameters(), { lr: 0.1 });
    const scheduler = new ReduceLROnPlateau(optimizer, { patience: 0, factor: 0.5, threshold: 0.9 });
    return { optimizer, lrScheduler: { scheduler, monitor: 'val_loss' } } as never;
  }
}

test('D16 D23 §2.2 T3 an epoch-end checkpoint has the step of every scheduler in it, plateau included', async () => {
  const dirPath = freshDirectory();
  const rates: number[] = [];
  const run = async (maxEpochs: number, ckptPath?: string): Promise<number[]> => {
    const module = new Plateau();
    const trainer = new Trainer({ ...bare, maxEpochs, callbacks: new ModelCheckpoint({ dirPath, saveTopK: -1 }) });
    trainer.on('trainEpochStart', () => rates.push(trainer.optimizers[0]?.lr as number));
    await trainer.fit(module, boringLoader(2), boringLoader(1), { ckptPath });
    const weights = module.weights();
    module.dispose();
    return weights;
  };
  const whole = await run(4);
  expect(rates.splice(0)).toEqual([0.1, 0.1, 0.05, 0.025]);
  expect(await run(4, join(dirPath, 'epoch=1-step=4.ckpt'))).toEqual(whole);
  expect(rates).toEqual([0.05, 0.025]);
});

test('D18 early stopping goes on counting: a constant metric stops after 4 epochs in total', async () => {
  const path = join(freshDirectory(), 'two.ckpt');
  const run = async (maxEpochs: number, ckptPath?: string) => {
    const module = new BoringModule();
    module.validationStep = () => module.log('val_loss', 1);
    const trainer = new Trainer({ ...bare, maxEpochs, callbacks: new EarlyStopping({ monitor: 'val_loss' }) });
    const result = await trainer.fit(module, boringLoader(1), boringLoader(1), { ckptPath });
    await trainer.saveCheckpoint(path);
    module.dispose();
    return result;
  };
  expect(await run(2)).toMatchObject({ status: 'finished', epochs: 2 });
  expect(await run(10, path)).toMatchObject({ status: 'stopped', epochs: 4 });
});

test('D19 what cannot be resumed from says so', () =>
  expectNoLeak(async () => {
    const directory = freshDirectory();
    const [whole, light] = [join(directory, 'whole.ckpt'), join(directory, 'light.ckpt')];
    const run = async (maxEpochs: number, ckptPath?: string) => {
      const module = new BoringModule();
      const trainer = new Trainer({ ...bare, maxEpochs });
      try {
        return { ...(await trainer.fit(module, boringLoader(2), undefined, { ckptPath })), trainer };
      } finally {
        module.dispose();
      }
    };
    const module = new BoringModule();
    const trainer = new Trainer({ ...bare, maxEpochs: 3 });
    await trainer.fit(module, boringLoader(2));
    await trainer.saveCheckpoint(whole);
    await trainer.saveCheckpoint(light, { weightsOnly: true });
    module.dispose();
    const clean = async (body: () => unknown) => (await messageFrom(body)).replaceAll(directory, '<dir>');
    expect(await clean(() => run(2, whole))).toMatchInlineSnapshot(`
      "ConfigError [past-max-epochs] Trainer: option \`maxEpochs\`: expected at least 3, the epochs that the checkpoint has behind it, got 2.
        help: raise \`maxEpochs\`"
    `);
    expect(await clean(() => run(3, light))).toMatchInlineSnapshot(`
      "CheckpointError [weights-only-checkpoint] The checkpoint cannot be resumed from: expected a whole checkpoint, got one with weights only.
        help: load it with \`loadFromCheckpoint\` and start a new fit"
    `);
    expect(await clean(() => run(3, join(directory, 'none.ckpt')))).toMatchInlineSnapshot(`
      "CheckpointError [checkpoint-not-found] There is no checkpoint <dir>/none.ckpt.
        help: in <dir> there are light.ckpt, whole.ckpt"
    `);
    expect(await clean(() => run(3, 'best'))).toMatchInlineSnapshot(`
      "ConfigError [no-best-checkpoint] ckptPath 'best': expected a ModelCheckpoint that has saved one, got none.
        help: fit with a ModelCheckpoint first, or give a path"
    `);
    expect(await clean(() => run(3, 'last'))).toMatch(
      /^CheckpointError \[checkpoint-not-found\] There is no checkpoint in /,
    );
    expect(await run(3, whole)).toMatchObject({ status: 'finished', epochs: 3, steps: 6 });
  }));
