/** Runs and their writers: following a growing file, sub-runs, `using`, back-pressure. */
import { appendFileSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { followEvents, listRuns, readScalars, SummaryWriter, TensorBoardReaderError } from 'tensorboard-logger-ts';
import { expect, test } from 'vitest';
import { allValues, tempDir } from './support.ts';

const QUICK = { pollSecs: 0.001 };

/** Takes steps from a run that is followed until there are `count`. */
async function stepsUntil(events: AsyncGenerator<{ step: number; values: readonly unknown[] }>, count: number) {
  const steps: number[] = [];
  while (steps.length < count) {
    const { value } = await events.next();
    if (value?.values.length) steps.push(value.step);
  }
  return steps;
}

test('a run is followed while it is written, into a second file and from before its directory exists', async () => {
  const logDir = join(tempDir(), 'later');
  const stop = new AbortController();
  const events = followEvents(logDir, { ...QUICK, signal: stop.signal });
  const first = stepsUntil(events, 2);
  const writer = new SummaryWriter(logDir);
  writer.addScalar('a', 1, 1);
  writer.addScalar('a', 1, 2);
  writer.flushSync();
  expect(await first).toEqual([1, 2]);
  writer.addScalar('a', 1, 3);
  writer.flushSync();
  expect(await stepsUntil(events, 1)).toEqual([3]);
  await using second = new SummaryWriter(logDir);
  second.addScalar('a', 1, 4);
  second.flushSync();
  expect(await stepsUntil(events, 1)).toEqual([4]);
  stop.abort();
  expect(await events.next()).toEqual({ done: true, value: undefined });
  await writer.close();
});

test('a record that is torn is waited for, byte by byte', async () => {
  const source = new SummaryWriter(tempDir());
  source.addScalar('a', 1, 5);
  await source.close();
  const bytes = readFileSync(source.file);
  const file = join(tempDir(), 'tfevents.grows');
  writeFileSync(file, '');
  const stop = new AbortController();
  const events = followEvents(file, { ...QUICK, signal: stop.signal });
  const found = stepsUntil(events, 1);
  for (const byte of bytes) appendFileSync(file, Uint8Array.of(byte));
  expect(await found).toEqual([5]);
  stop.abort();
  await events.return();
});

test('damage before the end is an error, as in reading', async () => {
  const writer = new SummaryWriter(tempDir());
  for (let step = 0; step < 5; step++) writer.addScalar('a', 1, step);
  await writer.close();
  const bytes = readFileSync(writer.file);
  bytes[bytes.length - 60] = (bytes[bytes.length - 60] ?? 0) ^ 1;
  writeFileSync(writer.file, bytes);
  await expect(stepsUntil(followEvents(writer.file, QUICK), 9)).rejects.toThrow(TensorBoardReaderError);
  truncateSync(writer.file, 10);
  const stop = AbortSignal.abort();
  expect(await followEvents(writer.file, { signal: stop }).next()).toEqual({ done: true, value: undefined });
});

test('sub-runs are runs below, made once and closed with the first', async () => {
  const logDir = tempDir();
  const writer = new SummaryWriter(logDir);
  writer.addHparams({ lr: 1 });
  writer.addScalar('loss', 1, 0);
  writer.subRun('val').addScalar('loss', 2, 0);
  expect(writer.subRun('val')).toBe(writer.subRun('val'));
  const below = writer.subRun('deep/er');
  await writer.close('failure');
  expect(await listRuns(logDir)).toEqual(['.', 'deep/er', 'val']);
  expect((await readScalars(join(logDir, 'val'))).loss?.map(({ value }) => value)).toEqual([2]);
  expect(() => below.addScalar('a', 1, 0)).toThrow('is closed already');
  expect(() => writer.subRun('more')).toThrow('is closed already');
});

test('runs are listed by their paths; a file is a run of its own', async () => {
  const logDir = tempDir();
  mkdirSync(join(logDir, 'empty'));
  const writer = new SummaryWriter(join(logDir, 'a'));
  await writer.close();
  expect(await listRuns(logDir)).toEqual(['a']);
  expect(await listRuns(writer.file)).toEqual(['.']);
  await expect(listRuns(join(logDir, 'none'))).rejects.toThrow('Cannot read');
});

test('a using block closes the writer before it goes on, sub-runs and the end of the session included', async () => {
  const logDir = tempDir();
  {
    using writer = new SummaryWriter(logDir);
    writer.addHparams({ lr: 1 });
    writer.subRun('val').addScalar('a', 1, 3);
  }
  expect((await allValues(logDir)).at(-1)?.hparams).toEqual({ part: 'session-end', status: 'success' });
  expect((await allValues(join(logDir, 'val'))).map(({ step }) => step)).toEqual([3]);
});

test('closing at once overtakes a write under way, and nothing is lost or double', async () => {
  const writer = new SummaryWriter(tempDir(), { maxQueue: 10 });
  for (let step = 0; step < 1000; step++) writer.addScalar('a', 1, step);
  void writer.flush();
  for (let step = 1000; step < 1500; step++) writer.addScalar('a', 1, step);
  writer.closeSync();
  expect((await allValues(writer.file)).map(({ step }) => step)).toEqual(Array.from({ length: 1500 }, (_, i) => i));
  writer.closeSync();
  await writer.close();
});

test('drain waits for the disk when much is buffered, and only then', async () => {
  const writer = new SummaryWriter(tempDir(), { maxQueue: 1_000_000 });
  const before = writer.bufferedBytes;
  writer.addText('t', 'x'.repeat(1000), 0);
  await writer.drain();
  expect(writer.bufferedBytes).toBeGreaterThan(before + 1000);
  writer.addText('t', 'x'.repeat(2 ** 20), 1);
  await writer.drain();
  expect(writer.bufferedBytes).toBe(0);
  await writer.close();
});
