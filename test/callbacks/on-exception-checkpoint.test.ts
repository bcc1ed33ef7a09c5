import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Callback, EMAWeightAveraging, OnExceptionCheckpoint, Trainer } from 'kelvin';
import { expect, test } from 'vitest';
import { BoringModule, boringLoader } from '../support/boring.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { freshDirectory, quiet } from './support.ts';

assertFileLeaksNothing();

const failing = (batch: number): Callback => ({
  onTrainBatchStart: ({ globalBatch }) => {
    if (globalBatch === batch) throw new Error('power cut');
  },
});

/** Runs with a backup in `dirPath`; fails in the batch `failAt`. Returns the weights. */
async function run(dirPath: string, { failAt = -1, resume = false, stage = 'train' } = {}): Promise<number[]> {
  const module = new BoringModule();
  const backup = new OnExceptionCheckpoint({ dirPath });
  const callbacks = [new EMAWeightAveraging({ decay: 0.9 }), failing(failAt), backup];
  const trainer = new Trainer({ ...quiet, maxEpochs: 3, callbacks });
  const ckptPath = resume ? join(dirPath, 'on_exception.ckpt') : undefined;
  const fitting = trainer.fit(module, { train: boringLoader(4), val: boringLoader(1), ckptPath });
  try {
    if (failAt >= 0) await expect(fitting).rejects.toThrow('power cut');
    else await fitting;
    expect(backup.path, stage).toBe(join(dirPath, 'on_exception.ckpt'));
    return module.weights();
  } finally {
    module.dispose();
  }
}

test.for([1, 4, 6, 11])(
  'D26: a crash in batch %i and a rerun from the backup equal a straight run; the backup is gone then',
  async (failAt) => {
    await expectNoLeak(async () => {
      const dirPath = freshDirectory();
      const expected = await run(freshDirectory());
      await run(dirPath, { failAt });
      expect(existsSync(join(dirPath, 'on_exception.ckpt'))).toBe(true);
      expect(await run(dirPath, { resume: true })).toEqual(expected);
      expect(existsSync(join(dirPath, 'on_exception.ckpt'))).toBe(false);
    });
  },
);

test('before the first batch there is nothing to save, and in a dev run nothing is', async () => {
  const dirPath = freshDirectory();
  await run(dirPath, { failAt: 0 });
  expect(existsSync(join(dirPath, 'on_exception.ckpt'))).toBe(false);
  const module = new BoringModule();
  const callbacks = [new OnExceptionCheckpoint({ dirPath }), failing(1)];
  const trainer = new Trainer({ ...quiet, fastDevRun: 3, callbacks });
  await expect(trainer.fit(module, boringLoader(4))).rejects.toThrow('power cut');
  module.dispose();
  expect(existsSync(join(dirPath, 'on_exception.ckpt'))).toBe(false);
});

test('after Ctrl-C the backup is kept', async () => {
  const dirPath = freshDirectory();
  const module = new BoringModule();
  const interrupting: Callback = {
    onTrainBatchEnd: ({ globalBatch }) => {
      if (globalBatch === 2) process.emit('SIGINT');
    },
  };
  const callbacks = [new OnExceptionCheckpoint({ dirPath, filename: 'backup' }), interrupting];
  const { status } = await new Trainer({ ...quiet, handleSignals: true, maxEpochs: 1, callbacks }).fit(
    module,
    boringLoader(4),
  );
  module.dispose();
  expect(status).toBe('interrupted');
  expect(existsSync(join(dirPath, 'backup.ckpt'))).toBe(true);
});

test('wrong options', () => {
  expect(() => new OnExceptionCheckpoint({ dirpath: '.' } as never)).toThrow(
    'OnExceptionCheckpoint: unknown option `dirpath`.\n  help: did you mean `dirPath`?',
  );
});
