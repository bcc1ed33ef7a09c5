/** A fit that was stopped within an epoch is gone on with by a second fit of the same trainer, as if it never had been. */
import { type Callback, LambdaCallback, type Trainer, tf } from 'kelvin';
import { expect, test } from 'vitest';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { Resumable, resumableLoaders } from '../support/resumable.ts';
import { abortAt, again, fitRepeatedly } from '../support/second-fit.ts';

type Batch = Parameters<Resumable['trainingStep']>[0];

assertFileLeaksNothing();

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
      const whole = await fitRepeatedly([again]);
      const parts = await fitRepeatedly([abortAt(hook, n), again]);
      expect(parts.endings[0]).toMatchObject(['interrupted', expect.any(Number), expect.any(Number)]);
      expect(parts.endings[1]).toEqual(['finished', 3, 21]);
      expect(parts.outcome).toEqual(whole.outcome);
      expect(parts.logger.rows).toEqual(whole.logger.rows);
    }),
);

test.for([1, 2, 4, 5])('stopped by maxSteps %i, with accumulation over the end of it', async (maxSteps) =>
  expectNoLeak(async () => {
    const whole = await fitRepeatedly([again], { maxEpochs: 3 });
    const raised = (trainer: Trainer): undefined => {
      trainer.maxSteps = -1;
    };
    const parts = await fitRepeatedly([again, again, raised], { maxSteps });
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
    const whole = await fitRepeatedly([again]);
    const parts = await fitRepeatedly([again, again, again, again], { callbacks: stops });
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
    const whole = await fitRepeatedly([again], {}, parts);
    const stopped = await fitRepeatedly([abortAt('trainBatchEnd', n), again], {}, parts);
    expect(stopped.endings.map((ending) => (ending as unknown[])[0])).toEqual(['interrupted', 'finished']);
    expect(stopped.outcome).toEqual(whole.outcome);
    expect(stopped.logger.rows).toEqual(whole.logger.rows);
  }),
);
