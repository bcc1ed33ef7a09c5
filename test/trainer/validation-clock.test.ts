/** The clock of training, for validation intervals and limits in time: it goes on over a resume and over a second fit. */
import { LambdaCallback, Trainer, type TrainerOptions } from 'kelvin';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { BoringModule, bare, boringLoader } from '../support/boring.ts';
import { freshDirectory } from '../support/files.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';

assertFileLeaksNothing();

let now = 0;
beforeEach(() => {
  now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
});
afterEach(() => void vi.restoreAllMocks());

/** A batch takes 100 ms. Epochs of 5 batches. */
function timed(options: TrainerOptions = {}) {
  const validated: number[] = [];
  const clock = new LambdaCallback({
    onTrainBatchStart: () => {
      now += 100;
    },
  });
  const trainer = new Trainer({
    ...bare,
    maxEpochs: 3,
    valCheckInterval: '300ms',
    ...options,
    callbacks: [clock, ...((options.callbacks ?? []) as LambdaCallback[])],
  });
  trainer.on('validationStart', () => void validated.push(trainer.globalBatch));
  return { trainer, validated };
}

const WHOLE = [3, 6, 9, 12, 15];

test('validations come whenever so much time has passed, epochs notwithstanding', async () => {
  const module = new BoringModule();
  const { trainer, validated } = timed();
  await trainer.fit(module, boringLoader(5), boringLoader(1));
  expect(validated).toEqual(WHOLE);
  module.dispose();
});

test.for([2, 3, 4, 5, 8])(
  'a run resumed from a checkpoint after batch %i validates when it would have',
  async (batch) => {
    const ckptPath = `${freshDirectory()}/here.ckpt`;
    const module = new BoringModule();
    const save = new LambdaCallback({
      onTrainBatchEnd: (at) => (at.globalBatch === batch ? at.saveCheckpoint(ckptPath) : undefined),
    });
    const first = timed({ callbacks: [save] });
    await first.trainer.fit(module, boringLoader(5), boringLoader(1));
    now += 1_000_000; // the time between the runs is no training
    const second = timed();
    await second.trainer.fit(module, boringLoader(5), boringLoader(1), { ckptPath });
    expect(second.validated).toEqual(WHOLE.filter((at) => at >= batch));
    module.dispose();
  },
);

test.for([2, 3, 4, 8])('a second fit after an interruption in batch %i does, too', async (batch) => {
  const module = new BoringModule();
  const { trainer, validated } = timed();
  const controller = new AbortController();
  trainer.on('trainBatchEnd', () => trainer.globalBatch === batch && controller.abort());
  await trainer.fit(module, { train: boringLoader(5), val: boringLoader(1), signal: controller.signal });
  now += 1_000_000;
  await trainer.fit(module, boringLoader(5), boringLoader(1));
  expect(validated).toEqual(WHOLE);
  module.dispose();
});

test('a checkpoint made after the fit knows how long it took', async () => {
  const module = new BoringModule();
  const ckptPath = `${freshDirectory()}/done.ckpt`;
  const { trainer } = timed({ maxEpochs: 1 });
  await trainer.fit(module, boringLoader(5), boringLoader(1));
  now += 1_000_000;
  await trainer.saveCheckpoint(ckptPath);
  const second = timed({ maxTime: '700ms' });
  const result = await second.trainer.fit(module, boringLoader(5), boringLoader(1), { ckptPath });
  expect(result.batches).toBe(7); // 500 ms of the first run, 200 of this one
  module.dispose();
});

test('stopped by maxTime: a second fit takes no step while the time is up', async () => {
  const module = new BoringModule();
  const { trainer } = timed({ maxTime: '700ms' });
  const first = await trainer.fit(module, boringLoader(5), boringLoader(1));
  now += 1_000_000;
  const second = await trainer.fit(module, boringLoader(5), boringLoader(1));
  expect([first.batches, second.batches]).toEqual([7, 7]);
  module.dispose();
});
