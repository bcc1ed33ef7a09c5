/** Files: names, several of one run, resuming, and files that end early or are damaged. */
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readEvents, readScalars, SummaryWriter, TensorBoardReaderError } from 'tensorboard-logger-ts';
import { expect, test } from 'vitest';
import { allEvents, allValues, rawRecords, tempDir } from './support.ts';

/** Steps `from` to `to - 1` of the tag 'loss', with value `scale * step`. */
function addLosses(writer: SummaryWriter, from: number, to: number, scale = 1): void {
  for (let step = from; step < to; step++) writer.addScalar('loss', scale * step, step);
}

async function lossPoints(fileOrDir: string): Promise<[number, number][]> {
  return ((await readScalars(fileOrDir)).loss ?? []).map(({ step, value }) => [step, value]);
}

test('the name says when, where and who', async () => {
  const logDir = join(tempDir(), 'a', 'b');
  await using writer = new SummaryWriter(logDir, { hostname: 'my host', filenameSuffix: '.train' });
  expect(writer.logDir).toBe(logDir);
  expect(readdirSync(logDir)).toEqual([basename(writer.file)]);
  const pattern = new RegExp(`^events\\.out\\.tfevents\\.\\d{10}\\.my_host\\.${process.pid}\\.\\d+\\.train$`);
  expect(basename(writer.file)).toMatch(pattern);
});

test('writers that are open at once have files of their own, in the order of their making', async () => {
  const logDir = tempDir();
  const writers = Array.from({ length: 12 }, () => new SummaryWriter(logDir));
  for (const [i, writer] of writers.entries()) addLosses(writer, i, i + 1);
  await Promise.all(writers.map((writer) => writer.close()));
  const files = writers.map((writer) => basename(writer.file));
  expect(new Set(files).size).toBe(12);
  expect(readdirSync(logDir).sort()).toEqual(files);
  expect(await lossPoints(logDir)).toEqual(files.map((_, i) => [i, i]));
});

test('a new file sorts behind those of a machine whose clock runs ahead', async () => {
  const logDir = tempDir();
  writeFileSync(join(logDir, 'events.out.tfevents.8000000000.other.1.0'), '');
  await using writer = new SummaryWriter(logDir);
  expect(basename(writer.file)).toContain('tfevents.8000000001.');
});

test('after a resume no step is there twice', async () => {
  const logDir = tempDir();
  const first = new SummaryWriter(logDir);
  addLosses(first, 0, 20);
  first.addText('notes', 'kept', 0);
  await first.close('failure');
  const second = new SummaryWriter(logDir, { purgeStep: 10 });
  addLosses(second, 10, 25, 2);
  await second.close();
  const third = new SummaryWriter(logDir, { purgeStep: 24 });
  addLosses(third, 24, 26, 3);
  await third.close();
  const expected = Array.from({ length: 26 }, (_, step) => [step, step < 10 ? step : step < 24 ? 2 * step : 3 * step]);
  expect(await lossPoints(logDir)).toEqual(expected);
  expect((await allValues(logDir)).filter(({ tag }) => tag === 'loss')).toHaveLength(20 + 15 + 2);
});

test('a resume purges what another program wrote without session starts', async () => {
  const logDir = tempDir();
  const other = new SummaryWriter(logDir);
  addLosses(other, 0, 20);
  await other.close();
  const records = rawRecords(other.file);
  writeFileSync(other.file, Buffer.from(records.filter((_, i) => i !== 1).join(''), 'hex'));
  const resumed = new SummaryWriter(logDir, { purgeStep: 5 });
  addLosses(resumed, 5, 6);
  await resumed.close();
  expect((await lossPoints(logDir)).map(([step]) => step)).toEqual([0, 1, 2, 3, 4, 5]);
});

test('a second writer without purgeStep hides nothing', async () => {
  const logDir = tempDir();
  await using first = new SummaryWriter(logDir);
  await using second = new SummaryWriter(logDir);
  addLosses(first, 0, 3);
  second.addScalar('other', 1, 0);
  await first.flush();
  await second.flush();
  expect(await lossPoints(logDir)).toEqual([
    [0, 0],
    [1, 1],
    [2, 2],
  ]);
});

test('the first value of a tag in a run says what the tag holds', async () => {
  const logDir = tempDir();
  await using first = new SummaryWriter(logDir);
  await using second = new SummaryWriter(logDir);
  first.addHistogram('x', [1], 0, { bins: 1 });
  first.addHistogram('x', [2], 1, { bins: 1 });
  second.addText('x', 'no histogram', 2);
  first.flushSync();
  second.flushSync();
  expect(await allValues(logDir)).toEqual([
    { tag: 'x', plugin: 'histograms', step: 0, histogram: [{ left: 1, right: 1, count: 1 }] },
    { tag: 'x', plugin: 'histograms', step: 1, histogram: [{ left: 2, right: 2, count: 1 }] },
    { tag: 'x', plugin: 'histograms', step: 2, histogram: [] },
  ]);
});

test('a file that ends early is read up to its last whole record, wherever it ends', async () => {
  const writer = new SummaryWriter(tempDir());
  addLosses(writer, 0, 3);
  writer.addText('notes', 'text', 1);
  await writer.close();
  const bytes = readFileSync(writer.file);
  const ends: number[] = [];
  for (const record of rawRecords(writer.file)) ends.push((ends.at(-1) ?? 0) + record.length / 2);
  expect(ends.at(-1)).toBe(bytes.length);
  for (let length = bytes.length; length >= 0; length--) {
    truncateSync(writer.file, length);
    expect(await allEvents(writer.file), `${length} bytes`).toHaveLength(ends.filter((end) => end <= length).length);
  }
});

test('zeros or a wrong checksum at the very end are a torn tail too', async () => {
  const writer = new SummaryWriter(tempDir());
  addLosses(writer, 0, 3);
  await writer.close();
  const bytes = readFileSync(writer.file);
  writeFileSync(writer.file, Buffer.concat([bytes, Buffer.alloc(1000)]));
  expect(await lossPoints(writer.file)).toEqual([
    [0, 0],
    [1, 1],
    [2, 2],
  ]);
  bytes[bytes.length - 5] = (bytes.at(-5) ?? 0) ^ 0xff;
  writeFileSync(writer.file, bytes);
  expect(await lossPoints(writer.file)).toEqual([
    [0, 0],
    [1, 1],
  ]);
});

test('a flipped bit before the last record is an error with file and offset, wherever it is', async () => {
  const writer = new SummaryWriter(tempDir());
  addLosses(writer, 0, 2);
  await writer.close();
  const bytes = readFileSync(writer.file);
  const records = rawRecords(writer.file);
  const starts = records.map((_, i) => records.slice(0, i).join('').length / 2);
  const lastStart = starts.at(-1) ?? 0;
  for (let at = 0; at < lastStart; at++) {
    const damaged = Buffer.from(bytes);
    damaged[at] = (damaged[at] ?? 0) ^ 0x10;
    writeFileSync(writer.file, damaged);
    const offset = Math.max(...starts.filter((start) => start <= at));
    const part = at - offset < 12 ? 'length' : 'data';
    const error: unknown = await allEvents(writer.file).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TensorBoardReaderError);
    expect(error).toMatchObject({
      code: 'corrupt-record',
      file: writer.file,
      offset,
      message: `The event file "${writer.file}" has a corrupt record at byte ${offset}: the checksum of its ${part} is wrong.`,
    });
  }
});

test('events before a corrupt record are delivered', async () => {
  const writer = new SummaryWriter(tempDir());
  addLosses(writer, 0, 100);
  await writer.close();
  const bytes = readFileSync(writer.file);
  bytes[bytes.length - 100] = (bytes.at(-100) ?? 0) ^ 1;
  writeFileSync(writer.file, bytes);
  let seen = 0;
  await expect(
    (async () => {
      for await (const _ of readEvents(writer.file)) seen++;
    })(),
  ).rejects.toThrow('has a corrupt record at byte');
  expect(seen).toBeGreaterThan(95);
});

test('what is not there cannot be read; other files of a directory are left alone', async () => {
  const logDir = tempDir();
  const missing = join(logDir, 'missing');
  await expect(allEvents(missing)).rejects.toThrow(`Cannot read "${missing}": ENOENT`);
  writeFileSync(join(logDir, 'notes.txt'), 'no event file');
  expect(await allEvents(logDir)).toEqual([]);
  expect(await readScalars(logDir)).toEqual({});
});

test('a record that is no event is an error of its own', async () => {
  const { frameRecord } = await import('tensorboard-logger-ts');
  const file = join(tempDir(), 'tfevents');
  writeFileSync(file, Buffer.concat([frameRecord(Buffer.from([0x2a, 0x7f])), frameRecord(Buffer.alloc(0))]));
  await expect(allEvents(file)).rejects.toThrow(
    `The event file "${file}" has a record at byte 0 that is no event: A protobuf message ends inside a field.`,
  );
});
