/** A run that fails and is resumed leaves the same logs as one that went through. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CSVLogger, LambdaCallback, LearningRateMonitor, ModelCheckpoint, TensorBoardLogger, Trainer } from 'kelvin';
import { readScalars } from 'tensorboard-logger-ts';
import { expect, test } from 'vitest';
import { BoringModule, bare, boringLoader } from '../support/boring.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { freshDirectory } from './support.ts';

assertFileLeaksNothing();

/** Logs validation per step, too: rows with an x axis of their own. */
class Logging extends BoringModule {
  override trainingStep(batch: never) {
    const loss = super.trainingStep(batch);
    this.log('both', loss, { onStep: true, onEpoch: true });
    return loss;
  }

  override validationStep(batch: never): void {
    super.validationStep(batch);
    this.log('seen', 1, { onStep: true, onEpoch: true, batchSize: 1 });
  }
}

interface RunOptions {
  /** The batch before which the run fails. */
  failAt?: number | undefined;
  ckptPath?: string | undefined;
  /** 0: a checkpoint at the end of each epoch. */
  everyNTrainSteps: number;
}

function setUp(directory: string, { failAt, everyNTrainSteps }: RunOptions) {
  const csv = new CSVLogger(directory, { name: 'csv' });
  const trainer = new Trainer({
    ...bare,
    barebones: false,
    enableProgressBar: false,
    enableModelSummary: false,
    numSanityValSteps: 0,
    logger: [new TensorBoardLogger(directory, { name: 'tb' }), csv],
    callbacks: [
      new LearningRateMonitor({ loggingInterval: 'step' }),
      new ModelCheckpoint({
        ...(everyNTrainSteps === 0 ? {} : { everyNTrainSteps }),
        saveTopK: -1,
        dirPath: join(directory, 'checkpoints'),
        saveOnException: false,
      }),
      new LambdaCallback({
        onTrainBatchStart: ({ globalBatch }) => {
          if (globalBatch === failAt) throw new Error('power cut');
        },
      }),
    ],
    maxEpochs: 3,
    logEveryNSteps: 1,
  });
  return { csv, trainer };
}

async function run(directory: string, options: RunOptions): Promise<string> {
  const module = new Logging();
  const { csv, trainer } = setUp(directory, options);
  const fitting = trainer.fit(module, boringLoader(4), boringLoader(2), { ckptPath: options.ckptPath });
  if (options.failAt === undefined) await fitting;
  else await expect(fitting).rejects.toThrow('power cut');
  module.dispose();
  return readFileSync(join(csv.logDir, 'metrics.csv'), 'utf8');
}

test.for([
  [3, 5],
  [3, 7],
  [3, 9],
  [0, 5],
  [0, 8],
  [0, 11],
])(
  'saving every %i steps (0: at epoch ends), failing in batch %i and resuming leaves the logs of a whole run',
  async ([every, failAt]) => {
    const everyNTrainSteps = every as number;
    await expectNoLeak(async () => {
      const [whole, broken] = [freshDirectory(), freshDirectory()];
      const expected = await run(whole, { everyNTrainSteps });
      await run(broken, { failAt, everyNTrainSteps });
      expect(await run(broken, { ckptPath: 'last', everyNTrainSteps })).toBe(expected);
      for (const name of ['csv', 'tb']) expect(readdirSync(join(broken, name))).toEqual(['version_0']);
      const [a, b] = await Promise.all(
        [whole, broken].map((directory) => readScalars(join(directory, 'tb', 'version_0'))),
      );
      for (const tag of ['train_loss', 'both_epoch', 'val_loss', 'lr-SGD']) {
        const points = (curves: typeof a) => curves?.[tag]?.map(({ step, value }) => [step, value]);
        expect(points(b), tag).toEqual(points(a));
      }
    });
  },
);
