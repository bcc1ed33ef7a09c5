import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TensorBoardLogger, Trainer } from 'kelvin';
import { type GraphNode, type HparamsData, readEvents, readScalars } from 'tensorboard-logger-ts';
import { expect, test } from 'vitest';
import { gitCommit } from '../../src/loggers/git-commit.ts';
import { BoringModule, bare, boringLoader } from '../support/boring.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { freshDirectory, warningsOf } from './support.ts';

assertFileLeaksNothing();

const flags = {
  ...bare,
  barebones: false,
  enableProgressBar: false,
  enableModelSummary: false,
  enableCheckpointing: false,
  logEveryNSteps: 1,
};

/** Steps and values of each curve. */
async function curves(directory: string): Promise<Record<string, [number, number][]>> {
  const scalars = await readScalars(directory);
  return Object.fromEntries(
    Object.entries(scalars).map(([tag, points]) => [tag, points.map(({ step, value }) => [step, value] as const)]),
  ) as Record<string, [number, number][]>;
}

async function hparamsIn(directory: string): Promise<HparamsData[]> {
  const found: HparamsData[] = [];
  for await (const { values } of readEvents(directory)) {
    for (const { hparams } of values) if (hparams !== undefined) found.push(hparams);
  }
  return found;
}

const steps = (points: readonly [number, number][] | undefined): number[] => (points ?? []).map(([step]) => step);

test('a fit is read back from the event file, with hyper-parameters and how it ended', async () => {
  const directory = freshDirectory();
  const logger = new TensorBoardLogger(directory, { name: 'line' });
  await expectNoLeak(async () => {
    const module = new BoringModule();
    module.saveHyperparameters({ lr: 0.1, model: { hidden: [4, 8], act: null }, fast: true });
    await new Trainer({ ...flags, logger, maxEpochs: 2 }).fit(module, boringLoader(3), boringLoader(1));
    module.dispose();
  });
  expect(logger.logDir).toBe(join(directory, 'line', 'version_0'));
  const { train_loss, val_loss, epoch } = await curves(logger.logDir);
  expect(steps(train_loss)).toEqual([0, 1, 2, 3, 4, 5]);
  expect(steps(val_loss)).toEqual([2, 5]);
  expect(epoch?.filter(([step]) => step === 2 || step === 5)).toEqual([
    [2, 0],
    [2, 0],
    [5, 1],
    [5, 1],
  ]);
  expect(readFileSync(join(logger.logDir, 'hparams.yaml'), 'utf8')).toBe(
    'lr: 0.1\nmodel:\n  hidden:\n    - 4\n    - 8\n  act: null\nfast: true\n',
  );
  expect(await hparamsIn(logger.logDir)).toEqual([
    {
      part: 'experiment',
      names: ['lr', 'model/hidden', 'model/act', 'fast'],
      metrics: ['train_loss', 'val_loss'],
    },
    {
      part: 'session-start',
      hparams: { lr: 0.1, 'model/hidden': '[4,8]', 'model/act': 'null', fast: true },
      groupName: '',
    },
    { part: 'session-end', status: 'success' },
  ]);
});

test('nothing is on disk before the first write', async () => {
  const directory = freshDirectory();
  const logger = new TensorBoardLogger(directory);
  logger.logHyperparams({ lr: 1 });
  expect([logger.version, logger.logDir]).toEqual([0, join(directory, 'default', 'version_0')]);
  await logger.finalize('failed');
  expect(readdirSync(directory)).toEqual([]);
  await logger.save();
  expect(existsSync(join(logger.logDir, 'hparams.yaml'))).toBe(true);
  await logger.finalize('success');
});

test('two fits with one logger write two files of one run', async () => {
  const logger = new TensorBoardLogger(freshDirectory());
  const module = new BoringModule();
  const trainer = new Trainer({ ...flags, logger, maxEpochs: 1 });
  await trainer.fit(module, boringLoader(2));
  const more = new Trainer({ ...flags, logger, maxEpochs: 1 });
  await more.fit(module, boringLoader(1));
  await more.test(module, boringLoader(1));
  module.dispose();
  expect(readdirSync(logger.logDir).filter((name) => name.includes('tfevents'))).toHaveLength(3);
  const { train_loss, test_loss } = await curves(logger.logDir);
  expect([steps(train_loss), steps(test_loss)]).toEqual([[0, 1, 0], [0]]);
});

test('a resumed run goes on in the same directory and shows no step twice', async () => {
  const directory = freshDirectory();
  const first = new TensorBoardLogger(directory);
  first.logMetrics({ seen: 1 }, 1000); // on an x axis of its own, far ahead of the other
  for (let step = 0; step < 4; step++) first.logMetrics({ loss: step, epoch: 0 }, step);
  const state = first.stateDict();
  for (let step = 4; step < 6; step++) first.logMetrics({ loss: step, epoch: 0 }, step);
  first.logMetrics({ seen: 2 }, 3); // dropped, although its x value comes before the checkpoint's
  await first.finalize('interrupted');

  const second = new TensorBoardLogger(directory);
  expect(second.version).toBe(1);
  second.logHyperparams({ lr: 1 });
  second.loadStateDict(state, 4);
  expect(second.logDir).toBe(first.logDir);
  for (let step = 4; step < 8; step++) second.logMetrics({ loss: 10 * step, epoch: 0 }, step);
  await second.finalize('success');
  expect((await curves(first.logDir)).loss).toEqual([
    [0, 0],
    [1, 1],
    [2, 2],
    [3, 3],
    [4, 40],
    [5, 50],
    [6, 60],
    [7, 70],
  ]);
  expect((await curves(first.logDir)).seen).toEqual([[1000, 1]]);
  expect(readdirSync(join(directory, 'default'))).toEqual(['version_0']);
});

test('an open logger that is resumed starts a new file', async () => {
  const logger = new TensorBoardLogger(freshDirectory(), { version: 'a' });
  logger.logMetrics({ loss: 0 }, 0);
  const state = logger.stateDict();
  for (let step = 1; step < 3; step++) logger.logMetrics({ loss: step }, step);
  logger.loadStateDict(state, 1);
  logger.logMetrics({ loss: 9 }, 1);
  await logger.finalize('success');
  expect((await curves(logger.logDir)).loss).toEqual([
    [0, 0],
    [1, 9],
  ]);
});

test('the writer is there for all else that TensorBoard shows', async () => {
  const logger = new TensorBoardLogger(freshDirectory());
  logger.experiment.addText('notes', 'wider', 0);
  logger.logMetrics({ loss: 1 }, 0);
  expect(logger.experiment).toBe(logger.experiment);
  await logger.finalize('success');
  const tags: string[] = [];
  for await (const { values } of readEvents(logger.logDir)) tags.push(...values.map(({ tag }) => tag));
  expect(tags).toEqual(['notes', 'loss', 'run/environment']);
});

test('the metrics beside the hyper-parameters can be chosen, and the whole be switched off', async () => {
  const chosen = new TensorBoardLogger(freshDirectory(), { hparamMetrics: ['acc'] });
  const none = new TensorBoardLogger(freshDirectory(), { logHparams: false });
  for (const logger of [chosen, none]) {
    logger.logHyperparams({ lr: 1 });
    logger.logMetrics({ loss: 1 }, 0);
    await logger.save();
    logger.logHyperparams({ lr: 2 }); // TensorBoard has shown the first; the file takes the new one
    await logger.finalize('failed');
    expect(readFileSync(join(logger.logDir, 'hparams.yaml'), 'utf8')).toBe('lr: 2\n');
  }
  expect(await hparamsIn(none.logDir)).toEqual([]);
  expect(await hparamsIn(chosen.logDir)).toMatchObject([
    { metrics: ['acc'] },
    { hparams: { lr: 1 } },
    { status: 'failure' },
  ]);
});

test('a disk that takes nothing is reported once and ends nothing', async () => {
  const directory = freshDirectory();
  writeFileSync(join(directory, 'default'), 'a file where a directory should be');
  const logger = new TensorBoardLogger(directory);
  const texts = await warningsOf(async () => {
    logger.logHyperparams({ lr: 1 });
    for (let step = 0; step < 5; step++) logger.logMetrics({ a: 1 }, step);
    await logger.save();
    await logger.finalize('success');
  });
  expect(texts).toHaveLength(1);
  expect(texts[0]).toMatch(
    /^TensorBoardLogger cannot write, and training goes on without it: Cannot make an event file/,
  );
});

test('options are checked', () => {
  expect(() => new TensorBoardLogger('runs', { nane: 'x' } as never)).toThrow(
    'TensorBoardLogger: unknown option `nane`.\n  help: did you mean `name`?',
  );
});

test('the network is drawn, and configuration and environment are told, once per run', async () => {
  const logger = new TensorBoardLogger(freshDirectory());
  const module = new BoringModule();
  module.saveHyperparameters({ lr: 0.1, note: 'a|b' });
  for (let i = 0; i < 2; i++) {
    await new Trainer({ ...flags, logger, maxEpochs: 1 }).fit(module, boringLoader(1));
  }
  module.dispose();
  const graphs: (readonly GraphNode[])[] = [];
  const texts: Record<string, string[]> = {};
  for await (const { graph, values } of readEvents(logger.logDir)) {
    if (graph !== undefined) graphs.push(graph);
    for (const { tag, texts: found = [] } of values) {
      if (tag.startsWith('run/')) texts[tag] = [...(texts[tag] ?? []), ...found];
    }
  }
  expect(graphs.map((nodes) => nodes.map(({ op, inputs, outputShape }) => [op, inputs?.length, outputShape]))).toEqual([
    [
      ['InputLayer', 0, [null, 2]],
      ['Dense', 1, [null, 1]],
    ],
  ]);
  expect(graphs[0]?.[0]?.name).toMatch(/^net\//);
  expect(texts['run/config']).toEqual(['```yaml\nlr: 0.1\nnote: a|b\n```']);
  expect(texts['run/environment']).toHaveLength(1);
  expect(texts['run/environment']?.[0]).toContain(`| Node.js | ${process.version} |`);
  expect(texts['run/environment']?.[0]).toContain('| engine | wasm |');
});

test('graph and text can be switched off', async () => {
  const logger = new TensorBoardLogger(freshDirectory(), { logGraph: false, logRunText: false });
  const module = new BoringModule();
  await new Trainer({ ...flags, logger, maxEpochs: 1 }).fit(module, boringLoader(1));
  module.dispose();
  for await (const { graph, values } of readEvents(logger.logDir)) {
    expect([graph, values.find(({ plugin }) => plugin === 'text')]).toEqual([undefined, undefined]);
  }
});

test('the commit is read from the files of git', () => {
  const directory = freshDirectory();
  const git = join(directory, '.git');
  mkdirSync(join(git, 'refs/heads'), { recursive: true });
  writeFileSync(join(git, 'HEAD'), 'ref: refs/heads/main\n');
  expect(gitCommit(directory)).toBeUndefined();
  writeFileSync(join(git, 'packed-refs'), '# pack-refs\nabc refs/heads/other\ndef refs/heads/main\n');
  mkdirSync(join(directory, 'deep/er'), { recursive: true });
  expect(gitCommit(join(directory, 'deep/er'))).toEqual({ commit: 'def', branch: 'main' });
  writeFileSync(join(git, 'refs/heads/main'), '123\n');
  expect(gitCommit(directory)).toEqual({ commit: '123', branch: 'main' });
  writeFileSync(join(git, 'HEAD'), '456\n');
  expect(gitCommit(directory)).toEqual({ commit: '456' });
});
