import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CSVLogger, type CSVLoggerOptions, Trainer } from 'kelvin';
import { expect, test } from 'vitest';
import { BoringModule, bare, boringLoader } from '../support/boring.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { freshDirectory, warningsOf } from './support.ts';

assertFileLeaksNothing();

const content = (logger: CSVLogger): string => readFileSync(join(logger.logDir, 'metrics.csv'), 'utf8');

/** A logger that has logged `rows` and is closed. */
async function logged(rows: [Record<string, number>, number][], options: CSVLoggerOptions = {}): Promise<CSVLogger> {
  const logger = new CSVLogger(freshDirectory(), options);
  for (const [metrics, step] of rows) logger.logMetrics(metrics, step);
  await logger.finalize('success');
  return logger;
}

class Counting extends BoringModule {
  override trainingStep(batch: never, batchIdx = 0) {
    this.log('tl', batchIdx, { onStep: true, onEpoch: true });
    return super.trainingStep(batch);
  }
  override validationStep(_batch: never, batchIdx = 0) {
    this.log('vl', batchIdx);
  }
}

test('C14 the file of a fit is that of Lightning', async () => {
  const logger = new CSVLogger(freshDirectory());
  await expectNoLeak(async () => {
    const module = new Counting();
    module.saveHyperparameters({ lr: 0.1 });
    module.log = keepOnly(module, ['tl', 'vl']);
    const trainer = new Trainer({ ...bare, barebones: false, ...quiet, logger, maxEpochs: 2, logEveryNSteps: 1 });
    await trainer.fit(module, boringLoader(2), boringLoader(2));
    module.dispose();
  });
  expect(content(logger)).toBe(
    [
      'epoch,step,tl_epoch,tl_step,vl',
      '0,0,,0,',
      '0,1,,1,',
      '0,1,,,0.5',
      '0,1,0.5,,',
      '1,2,,0,',
      '1,3,,1,',
      '1,3,,,0.5',
      '1,3,0.5,,',
      '',
    ].join('\n'),
  );
  expect(readFileSync(join(logger.logDir, 'hparams.yaml'), 'utf8')).toBe('lr: 0.1\n');
});

const quiet = { enableProgressBar: false, enableModelSummary: false, enableCheckpointing: false };

function keepOnly(module: BoringModule, names: readonly string[]): BoringModule['log'] {
  const log = module.log.bind(module);
  return (name, value, options) => {
    if (names.includes(name)) log(name, value, options);
  };
}

test('nothing is on disk before the first write, and the version is the next free one', async () => {
  const directory = freshDirectory();
  const first = new CSVLogger(directory, { name: 'mnist' });
  first.logHyperparams({ lr: 1 });
  expect(first.logDir).toBe(join(directory, 'mnist', 'version_0'));
  expect(readdirSync(directory)).toEqual([]);
  first.logMetrics({ a: 1 }, 0);
  first.save();
  expect(new CSVLogger(directory, { name: 'mnist' }).version).toBe(1);
  expect(first.version).toBe(0);
  expect(new CSVLogger(directory, { name: '', version: 'best' }).logDir).toBe(join(directory, 'best'));
});

test('a column that joins later rewrites the file; rows are written when enough of them wait', async () => {
  const logger = new CSVLogger(freshDirectory(), { flushEveryNRows: 2 });
  logger.logMetrics({ b: 1 / 3 }, 0);
  expect(existsSync(logger.logDir)).toBe(false);
  logger.logMetrics({ b: Number.NaN }, 1);
  expect(content(logger)).toBe('b,step\n0.3333333333333333,0\nNaN,1\n');
  logger.logMetrics({ a: 1e-30 }, 2);
  logger.logMetrics({ c: -0.5 }, 3);
  expect(content(logger)).toBe('a,b,c,step\n,0.3333333333333333,,0\n,NaN,,1\n1e-30,,,2\n,,-0.5,3\n');
  expect(readdirSync(logger.logDir)).toEqual(['metrics.csv']);
});

test('names with commas and quotes survive a rewrite', async () => {
  const logger = await logged([[{ 'acc,"top 5"': 1 }, 0]]);
  logger.logMetrics({ z: 2 }, 1);
  logger.save();
  expect(content(logger)).toBe('"acc,""top 5""",step,z\n1,0,\n,1,2\n');
});

test('a resumed run drops the steps that it takes again and goes on in the same file', async () => {
  const directory = freshDirectory();
  const first = new CSVLogger(directory);
  first.logMetrics({ loss: 3, epoch: 0 }, 0);
  first.logMetrics({ val_step: 7 }, 900);
  const state = first.stateDict();
  first.logMetrics({ loss_epoch: 2, epoch: 0 }, 0);
  first.logMetrics({ val_step: 8 }, 0);
  first.logMetrics({ loss: 1, epoch: 1 }, 1);
  first.save();

  const second = new CSVLogger(directory);
  expect(second.logDir).toBe(join(directory, 'default', 'version_1'));
  second.loadStateDict(state, 1);
  expect(second.logDir).toBe(first.logDir);
  second.logMetrics({ loss: 1.5, epoch: 1 }, 1);
  await second.finalize('success');
  expect(content(second)).toBe('epoch,loss,loss_epoch,step,val_step\n0,3,,0,\n,,,900,7\n1,1.5,,1,\n');
});

test('a resumed run leaves the directory alone when its options name another', () => {
  const directory = freshDirectory();
  const logger = new CSVLogger(directory, { version: 'again' });
  logger.loadStateDict({ name: 'default', version: 4 }, 10);
  expect(logger.version).toBe('again');
  const other = new CSVLogger(directory, { name: 'other' });
  other.loadStateDict({ name: 'default', version: 4 }, 10);
  expect(other.version).toBe(0);
});

test('a line that a crash has torn is dropped', async () => {
  const logger = await logged([[{ a: 1 }, 0]]);
  appendFileSync(join(logger.logDir, 'metrics.csv'), '2,');
  logger.logMetrics({ a: 3 }, 2);
  logger.save();
  expect(content(logger)).toBe('a,step\n1,0\n3,2\n');
});

test('two fits with one logger fill one file', async () => {
  const logger = new CSVLogger(freshDirectory());
  const module = new BoringModule();
  const trainer = () => new Trainer({ ...bare, barebones: false, ...quiet, logger, maxEpochs: 1, logEveryNSteps: 1 });
  await trainer().fit(module, boringLoader(2));
  await trainer().fit(module, boringLoader(2));
  module.dispose();
  const lines = content(logger).trimEnd().split('\n');
  expect(lines.map((line) => line.split(',').slice(0, 2).join())).toEqual(['epoch,step', '0,0', '0,1', '0,0', '0,1']);
});

test('a disk that takes nothing is reported once and ends nothing', async () => {
  const directory = freshDirectory();
  writeFileSync(join(directory, 'default'), 'a file where a directory should be');
  const logger = new CSVLogger(directory, { flushEveryNRows: 1 });
  const texts = await warningsOf(async () => {
    logger.logHyperparams({ lr: 1 });
    for (let step = 0; step < 5; step++) logger.logMetrics({ a: 1 }, step);
    await logger.finalize('success');
  });
  expect(texts).toHaveLength(1);
  expect(texts[0]).toMatch(/^CSVLogger cannot write, and training goes on without it: ENOTDIR/);
});

test('options are checked', () => {
  expect(() => new CSVLogger('runs', { flushEveryNRow: 1 } as never)).toThrow(
    'CSVLogger: unknown option `flushEveryNRow`.\n  help: did you mean `flushEveryNRows`?',
  );
  expect(() => new CSVLogger('runs', { version: -1 })).toThrow(
    'CSVLogger: option `version`: expected a whole number of at least 0',
  );
});
