/** C1: a metric has the x axis that was chosen for it, in every logger and after a resume. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CSVLogger, type LoggerLike, MemoryLogger, TensorBoardLogger, Trainer } from 'kelvin';
import { readScalars } from 'tensorboard-logger-ts';
import { expect, test } from 'vitest';
import { freshDirectory } from '../loggers/support.ts';
import { type BoringBatch, BoringModule, bare, boringLoader } from '../support/boring.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';

assertFileLeaksNothing();

class Axes extends BoringModule {
  override trainingStep(batch: BoringBatch) {
    this.log('by_sample', this.globalStep, { xAxis: 'sample', onStep: true, onEpoch: true });
    this.log('by_epoch', this.globalStep, { xAxis: 'epoch', onEpoch: true });
    return super.trainingStep(batch);
  }

  override validationStep(): void {
    this.log('val_by_epoch', 1, { xAxis: 'epoch' });
    this.log('val_by_sample', 2, { xAxis: 'sample' });
    this.log('val', 3);
  }
}

const flags = {
  ...bare,
  barebones: false,
  enableCheckpointing: false,
  enableProgressBar: false,
  enableModelSummary: false,
  logEveryNSteps: 2,
  maxEpochs: 2,
};

async function trainWith(logger: LoggerLike, module: BoringModule = new Axes(), options: object = {}): Promise<void> {
  await new Trainer({ ...flags, logger, ...options }).fit(module, boringLoader(4), boringLoader(1));
  module.dispose();
}

test('§2.1 C1 each metric stands at its own x value; rows hold what was logged for them', async () => {
  const logger = new MemoryLogger();
  await trainWith(logger);
  const rows = logger.rows.map(({ metrics, step, axis }) => {
    const names = Object.keys(metrics).join(' ');
    return axis === undefined ? `${names} @ step ${step}` : `${names} @ ${axis.name} ${axis.x}`;
  });
  expect(rows).toEqual([
    'by_sample_step @ sample 8',
    'by_epoch_step train_loss epoch @ step 1',
    'by_sample_step @ sample 16',
    'by_epoch_step train_loss epoch @ step 3',
    'val_by_epoch @ epoch 0',
    'val_by_sample @ sample 16',
    'val epoch @ step 3',
    'by_sample_epoch @ sample 16',
    'by_epoch_epoch @ epoch 0',
    'by_sample_step @ sample 24',
    'by_epoch_step train_loss epoch @ step 5',
    'by_sample_step @ sample 32',
    'by_epoch_step train_loss epoch @ step 7',
    'val_by_epoch @ epoch 1',
    'val_by_sample @ sample 32',
    'val epoch @ step 7',
    'by_sample_epoch @ sample 32',
    'by_epoch_epoch @ epoch 1',
  ]);
});

test('§2.1 C1 a module may have a default; values of steps stay where epochs are no axis', async () => {
  const logger = new MemoryLogger();
  const module = new BoringModule();
  module.defaultXAxis = 'epoch';
  await trainWith(logger, module);
  expect(logger.rows.map(({ step, axis }) => axis?.x ?? `step ${step}`)).toEqual([
    'step 1',
    'step 3',
    0,
    'step 5',
    'step 7',
    1,
  ]);
});

test('§2.1 C1 the axis of time counts the milliseconds of training, upwards', async () => {
  const logger = new MemoryLogger();
  const module = new BoringModule();
  module.defaultXAxis = 'time';
  await trainWith(logger, module, { logEveryNSteps: 1 });
  const times = logger.rows.map(({ axis }) => axis?.x as number);
  expect(times).toEqual([...times].sort((a, b) => a - b));
  expect(times.every((time) => Number.isInteger(time) && time >= 0)).toBe(true);
});

test('§2.1 C1 TensorBoard has the metric at its x value, the csv file has a column for it beside the step', async () => {
  const directory = freshDirectory();
  const board = new TensorBoardLogger(directory, { logGraph: false, logRunText: false });
  await trainWith([board, new CSVLogger(directory)] as never);
  const scalars = await readScalars(board.logDir);
  const pointsOf = (tag: string): number[] => (scalars[tag] ?? []).map(({ step }) => step);
  expect(pointsOf('val_by_epoch')).toEqual([0, 1]);
  expect(pointsOf('val_by_sample')).toEqual([16, 32]);
  expect(pointsOf('val')).toEqual([3, 7]);
  expect(pointsOf('epoch')).not.toContain(32);
  const [header, ...lines] = readFileSync(join(board.logDir, 'metrics.csv'), 'utf8').trim().split('\n');
  const column = (line: string, name: string): string =>
    line.split(',')[(header as string).split(',').indexOf(name)] as string;
  const own = lines.filter((line) => column(line, 'val_by_sample') !== '');
  expect(own.map((line) => ['epoch', 'step', 'sample', 'val_by_sample'].map((name) => column(line, name)))).toEqual([
    ['0', '3', '16', '2'],
    ['1', '7', '32', '2'],
  ]);
});

test.for([3, 4, 5])('§2.1 C1 resumed after batch %i the rows are those of a run that never stopped', async (at) => {
  const [straight, cut] = [freshDirectory(), freshDirectory()];
  const path = join(cut, 'mid.ckpt');
  await trainWith(new CSVLogger(straight));
  const save = async (trainer: { globalBatch: number; saveCheckpoint(path: string): Promise<void> }): Promise<void> => {
    if (trainer.globalBatch === at) await trainer.saveCheckpoint(path);
  };
  await trainWith(new CSVLogger(cut), new Axes(), { callbacks: { onTrainBatchEnd: save } });
  const module = new Axes();
  const trainer = new Trainer({ ...flags, logger: new CSVLogger(cut) });
  await trainer.fit(module, boringLoader(4), boringLoader(1), { ckptPath: path });
  module.dispose();
  const rows = (directory: string): string =>
    readFileSync(join(directory, 'default', 'version_0', 'metrics.csv'), 'utf8');
  expect(rows(cut)).toBe(rows(straight));
});

test('§2.1 C1 an axis that is none, and epochs for a value of steps, are errors', async () => {
  const attempt = (options: object): Promise<string> => {
    const module = new BoringModule();
    module.validationStep = () => module.log('x', 1, options as never);
    return messageFrom(() => trainWith(new MemoryLogger(), module)).finally(() => module.dispose());
  };
  expect(await attempt({ xAxis: 'epochs' })).toMatchInlineSnapshot(
    `"ConfigError [invalid-axis] log('x'): expected \`xAxis\` to be 'step', 'epoch', 'sample' or 'time', got 'epochs' (string)."`,
  );
  expect(await attempt({ xAxis: 'epoch', onStep: true, onEpoch: false })).toMatchInlineSnapshot(
    `"ConfigError [epoch-axis-without-epoch] log('x'): expected \`onEpoch\`, since \`xAxis\` is 'epoch', got a value of single steps."`,
  );
});
