/** A fit that was stopped within an epoch is gone on with by a second fit of the same trainer, as if it never had been. */
import { type Callback, LambdaCallback, MemoryLogger, seedEverything, Trainer, type TrainerOptions, tf } from 'kelvin';
import { expect, test } from 'vitest';
import { bare } from '../support/boring.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { Resumable, resumableLoaders } from '../support/resumable.ts';

type Batch = Parameters<Resumable['trainingStep']>[0];

assertFileLeaksNothing();

const flags: TrainerOptions = {
  ...bare,
  barebones: false,
  enableProgressBar: false,
  enableModelSummary: false,
  enableCheckpointing: false,
  maxEpochs: 3,
  accumulateGradBatches: 3,
  logEveryNSteps: 1,
};

/** Fits as often as `fits` says, with one trainer, one module and new loaders each time. 7 batches an epoch. */
async function run(
  fits: readonly ((trainer: Trainer) => { signal?: AbortSignal } | undefined)[],
  options: TrainerOptions = {},
  { make = () => new Resumable(), loaders = resumableLoaders }: { make?: () => Resumable; loaders?: () => object } = {},
) {
  const restoreRandom = seedEverything(11);
  const module = make();
  const logger = new MemoryLogger();
  const trainer = new Trainer({ ...flags, logger, ...options });
  const losses: number[] = [];
  trainer.on('trainBatchEnd', ({ loss }) => losses.push(loss?.dataSync()[0] as number));
  const endings: unknown[] = [];
  let metrics = {};
  for (const prepare of fits) {
    const given = prepare(trainer) ?? {};
    const result = await trainer.fit(module, loaders(), given);
    endings.push([result.status, result.epochs, result.batches]);
    metrics = result.metrics;
  }
  const outcome = { losses, metrics, weights: module.weights() };
  module.dispose();
  restoreRandom();
  return { outcome, endings, logger };
}

/** Aborts the first fit when `hook` is called for the n-th time. */
function abortAt(hook: 'trainBatchEnd' | 'validationBatchEnd', n: number) {
  return (trainer: Trainer) => {
    const controller = new AbortController();
    let calls = 0;
    trainer.on(hook, () => {
      if (!trainer.sanityChecking && ++calls === n) controller.abort();
    });
    return { signal: controller.signal };
  };
}
const again = (): undefined => undefined;

test.for([
  ['trainBatchEnd', 1],
  ['trainBatchEnd', 5],
  ['trainBatchEnd', 7],
  ['trainBatchEnd', 14],
  ['trainBatchEnd', 20],
  ['validationBatchEnd', 1],
  ['validationBatchEnd', 4],
] as const)(
  'aborted at %s %i and gone on with: the same losses, weights and metrics, and no row twice',
  async ([hook, n]) =>
    expectNoLeak(async () => {
      const whole = await run([again]);
      const parts = await run([abortAt(hook, n), again]);
      expect(parts.endings[0]).toMatchObject(['interrupted', expect.any(Number), expect.any(Number)]);
      expect(parts.endings[1]).toEqual(['finished', 3, 21]);
      expect(parts.outcome).toEqual(whole.outcome);
      expect(parts.logger.rows).toEqual(whole.logger.rows);
    }),
);

test.for([1, 2, 4, 5])('stopped by maxSteps %i, with accumulation over the end of it', async (maxSteps) =>
  expectNoLeak(async () => {
    const whole = await run([again], { maxEpochs: 3 });
    const raised = (trainer: Trainer): undefined => {
      trainer.maxSteps = -1;
    };
    const parts = await run([again, again, raised], { maxSteps });
    expect(parts.endings[1]).toEqual(parts.endings[0]); // nothing to be done until the limit is raised
    expect(parts.endings[2]).toEqual(['finished', 3, 21]);
    expect(parts.outcome).toEqual(whole.outcome);
  }),
);

test('stopped by a callback in the middle of an open window, three times', async () =>
  expectNoLeak(async () => {
    const stops: Callback = new LambdaCallback({
      onTrainBatchEnd: (trainer) => {
        if ([2, 8, 13].includes(trainer.globalBatch)) trainer.shouldStop = true;
      },
    });
    const whole = await run([again]);
    const parts = await run([again, again, again, again], { callbacks: stops });
    expect(parts.outcome).toEqual(whole.outcome);
    expect(parts.endings.at(-1)).toEqual(['finished', 3, 21]);
  }));

/** Trains on the batches of two loaders at once. */
class Twofold extends Resumable {
  override trainingStep(batch: Batch): tf.Scalar {
    const { main, more } = batch as unknown as Readonly<Record<'main' | 'more', Batch>>;
    return tf.add(super.trainingStep(main), this.lossOf(more)) as tf.Scalar;
  }
}

/** Seven batches of 4 beside two that are walked through again and again. */
const twoLoaders = () => {
  const { train, val } = resumableLoaders();
  return { train: { main: train, more: resumableLoaders().val }, val };
};

test.for([1, 5, 7, 9])('two loaders at once, aborted in batch %i and gone on with', async (n) =>
  expectNoLeak(async () => {
    const parts = { make: () => new Twofold(), loaders: twoLoaders };
    const whole = await run([again], {}, parts);
    const stopped = await run([abortAt('trainBatchEnd', n), again], {}, parts);
    expect(stopped.endings.map((ending) => (ending as unknown[])[0])).toEqual(['interrupted', 'finished']);
    expect(stopped.outcome).toEqual(whole.outcome);
    expect(stopped.logger.rows).toEqual(whole.logger.rows);
  }),
);
