/** Profilers: what they count, what they write, and that the trainer tells them everything. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Callback,
  ChromeTraceProfiler,
  EarlyStopping,
  ModelCheckpoint,
  PassThroughProfiler,
  SimpleProfiler,
  Trainer,
  type TrainerOptions,
  tf,
} from 'kelvin';
import { expect, test } from 'vitest';
import { Paper } from '../callbacks/screen.ts';
import { BoringModule, bare, boringLoader } from '../support/boring.ts';
import { freshDirectory } from '../support/files.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { around, readTrace } from './support.ts';

assertFileLeaksNothing();

const flags: TrainerOptions = {
  ...bare,
  barebones: false,
  enableProgressBar: false,
  enableModelSummary: false,
  logger: false,
  maxEpochs: 2,
};

async function trainWith(options: TrainerOptions): Promise<Trainer> {
  const module = new BoringModule();
  const trainer = new Trainer({ ...flags, defaultRootDir: freshDirectory(), ...options });
  await trainer.fit(module, boringLoader(3), boringLoader(2)).finally(() => module.dispose());
  return trainer;
}

const quiet = { enableCheckpointing: false };

/** A clock that goes on by one millisecond whenever it is looked at. */
function ticking(): () => number {
  let time = 0;
  return () => time++;
}

test('the simple profiler counts every action of a run', async () => {
  const profiler = new SimpleProfiler({ stream: new Paper() });
  const stopping = new EarlyStopping({ monitor: 'val_loss' });
  await trainWith({ ...quiet, profiler, callbacks: stopping, numSanityValSteps: 0 });
  const calls = Object.fromEntries(profiler.actions.map(({ action, calls }) => [action, calls]));
  expect(calls).toEqual({
    fit: 1,
    trainEpoch: 2,
    trainBatch: 6,
    forwardAndBackward: 6,
    validation: 2,
    '[train loader].next': 8,
    '[val loader].next': 6,
    '[LightningModule]BoringModule.trainingStep': 6,
    '[LightningModule]BoringModule.validationStep': 4,
    '[LightningModule]BoringModule.configureGradientClipping': 6,
    '[LightningModule]BoringModule.optimizerStep': 6,
    '[Callback]EarlyStopping.onTrainStart': 1,
    '[Callback]EarlyStopping.onTrainEpochEnd': 2,
    '[Callback]EarlyStopping.onValidationEnd': 2,
  });
});

test('means, totals and shares follow from the clock; the table is printed when a run is over', async () => {
  const paper = new Paper();
  const profiler = new SimpleProfiler({ stream: paper, clock: ticking() });
  const run = { stage: 'fit', logDir: () => '.' } as const;
  profiler.open(); // 0
  profiler.profile('outer', () => {
    for (let i = 0; i < 2; i++) profiler.profile('inner', () => i); // 1 [2 3] [4 5] 6
  });
  await profiler.profile('later', async () => 'value'); // 7 8
  profiler.start('by name'); // 9
  profiler.stop('by name'); // 10
  profiler.close(run); // 11
  expect(profiler.actions).toMatchObject([
    { action: 'outer', calls: 1, total: 5, mean: 5 },
    { action: 'inner', calls: 2, total: 2, mean: 1 },
    { action: 'later', calls: 1, total: 1 },
    { action: 'by name', calls: 1, total: 1 },
  ]);
  expect(profiler.actions[0]?.share).toBeCloseTo(5 / 11);
  expect(`\n${paper.text}`).toMatchInlineSnapshot(`
    "
    action   calls      mean    total  share
    ────────────────────────────────────────
    outer        1  5.000 ms  0.005 s  45.5%
    inner        2  1.000 ms  0.002 s  18.2%
    later        1  1.000 ms  0.001 s   9.1%
    by name      1  1.000 ms  0.001 s   9.1%
    "
  `);
});

test('the table goes to a file per stage, where one is asked for', async () => {
  const defaultRootDir = freshDirectory();
  const profiler = new SimpleProfiler({ fileName: 'profile.txt' });
  const trainer = await trainWith({ ...quiet, profiler, defaultRootDir });
  const module = new BoringModule();
  await trainer.validate(module, boringLoader(1));
  module.dispose();
  for (const stage of ['fit', 'validate']) {
    expect(readFileSync(join(trainer.logDir, `${stage}-profile.txt`), 'utf8')).toMatch(/^action +calls/);
  }
});

test('a trace is in the trace-event format, and its slices lie within one another', async () => {
  const path = join(freshDirectory(), 'trace.json');
  const profiler = new ChromeTraceProfiler({ path });
  const callbacks: Callback[] = [
    new ModelCheckpoint({ dirPath: freshDirectory() }),
    { onTrainBatchEnd: (trainer) => trainer.profiler.profile('of my own', () => {}) },
  ];
  await trainWith({ profiler, callbacks });
  expect(profiler.path).toBe(path);
  const { slices, names } = readTrace(path);
  expect(names).toEqual(['kelvin', 'training', 'overlapping actions']);
  const outside = (name: string): string[] =>
    around(slices, slices.find((each) => each.name === name) as (typeof slices)[number]);
  expect(outside('[LightningModule]BoringModule.trainingStep')).toEqual([
    'forwardAndBackward',
    'trainBatch',
    'trainEpoch',
    'fit',
  ]);
  expect(outside('of my own')).toEqual(['[Callback]Object.onTrainBatchEnd', 'trainEpoch', 'fit']);
  expect(outside('saveCheckpoint')).toEqual(['[Callback]ModelCheckpoint.onTrainEpochEnd', 'fit']);
  expect(outside('validation')).toEqual(['trainEpoch', 'fit']);
  expect(outside('[train loader].next')).toEqual(['trainEpoch', 'fit']);
  expect(new Set(slices.map(({ cat }) => cat))).toEqual(
    new Set(['run', 'loop', 'step', 'hook', 'data', 'checkpoint', 'user']),
  );
});

test('actions that overlap have a track of their own', async () => {
  const path = join(freshDirectory(), 'trace.json');
  const profiler = new ChromeTraceProfiler({ path });
  const first = profiler.begin('first', 'user');
  const second = profiler.begin('second', 'user');
  first();
  second();
  profiler.close({ stage: 'fit', logDir: () => '.' });
  expect(readTrace(path).slices.map(({ name, tid }) => [name, tid])).toEqual([
    ['first', 2],
    ['second', 1],
  ]);
});

test('the file is whole after every write: a run that was killed leaves one that can be read', async () => {
  const path = join(freshDirectory(), 'trace.json');
  const copies: string[] = [];
  const module = new BoringModule();
  const trainer = new Trainer({ ...flags, ...quiet, maxEpochs: 1, profiler: new ChromeTraceProfiler({ path }) });
  trainer.on('trainBatchEnd', () => {
    if (trainer.globalBatch % 100 === 0) copies.push(readFileSync(path, 'utf8')); // what a SIGKILL here would leave
  });
  await trainer.fit(module, boringLoader(300, 1));
  module.dispose();
  const counts = copies.map((copy) => {
    writeFileSync(`${path}.copy`, copy);
    return readTrace(`${path}.copy`).slices.length;
  });
  expect(counts).toHaveLength(3);
  expect(counts[0]).toBeGreaterThanOrEqual(512);
  expect(counts[2]).toBeGreaterThan(counts[0] as number);
});

test('a failed run is written as well; an older trace is kept', async () => {
  const path = join(freshDirectory(), 'trace.json');
  const boom: Callback = {
    onTrainBatchEnd: () => {
      throw new Error('boom');
    },
  };
  const attempt = (): Promise<string> =>
    messageFrom(() => trainWith({ ...quiet, callbacks: boom, profiler: new ChromeTraceProfiler({ path }) }));
  expect([await attempt(), await attempt()]).toEqual(['Error boom', 'Error boom']);
  for (const each of [path, path.replace('.json', '-1.json')]) {
    expect(readTrace(each).slices.at(-1)).toMatchObject({ name: 'fit' });
  }
});

test('names choose one; by default nothing is measured, and `profile` just calls', async () => {
  const { profiler } = new Trainer();
  expect(profiler).toBeInstanceOf(PassThroughProfiler);
  const tensor = profiler.profile('x', () => tf.scalar(1));
  expect(tensor.dataSync()[0]).toBe(1);
  tensor.dispose();
  expect(new Trainer({ profiler: 'simple' }).profiler).toBeInstanceOf(SimpleProfiler);
  expect(new Trainer({ profiler: 'chrome' }).profiler).toBeInstanceOf(ChromeTraceProfiler);
});

test('mistakes are typed errors', async () => {
  const profiler = new SimpleProfiler();
  profiler.start('twice');
  const texts = {
    twice: await messageFrom(() => profiler.start('twice')),
    unknown: await messageFrom(() => profiler.stop('never')),
    name: await messageFrom(() => new Trainer({ profiler: 'advanced' as never })),
    barebones: await messageFrom(() => new Trainer({ barebones: true, profiler: 'simple' })),
    option: await messageFrom(() => new ChromeTraceProfiler({ file: 'x' } as never)),
  };
  expect(texts).toMatchInlineSnapshot(`
    {
      "barebones": "ConfigError [conflicting-options] Trainer: option \`profiler\`: expected nothing to be attached, since \`barebones\` is on.
      help: leave out \`barebones\` or \`profiler\`",
      "name": "ConfigError [invalid-option] Trainer: option \`profiler\`: expected 'simple', 'chrome', a profiler or false, got 'advanced' (string).",
      "option": "ConfigError [unknown-option] ChromeTraceProfiler: unknown option \`file\`.
      help: known options: path",
      "twice": "ConfigError [action-running] Profiler: the action 'twice': expected an action that does not run, got one that has begun.
      help: pair \`start\` and \`stop\`, or use \`profile(action, body)\`, which may be nested",
      "unknown": "ConfigError [action-not-running] Profiler: the action 'never': expected an action that \`start\` has begun, got one that has not.
      help: pair \`start\` and \`stop\`, or use \`profile(action, body)\`, which may be nested",
    }
  `);
});
