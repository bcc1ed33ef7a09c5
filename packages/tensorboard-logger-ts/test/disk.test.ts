/** The way to the disk: when events are written, in which order, and what happens when the disk takes nothing. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readScalars, SummaryWriter, type TensorBoardWriterError } from 'tensorboard-logger-ts';
import { afterAll, expect, test } from 'vitest';
import { allValues, compilePackage, rawRecords, tempDir } from './support.ts';

const run = promisify(execFile);

const compiled = mkdtempSync(join(tmpdir(), 'tensorboard-logger-built-'));
const entry = compilePackage(compiled);

afterAll(() => rmSync(compiled, { recursive: true }));

/** Runs a module in a process of its own, with the arguments behind it. */
async function runChild(code: string, logDir: string, shellPrefix = ''): Promise<{ stdout: string; stderr: string }> {
  const script = `import { readScalars, SummaryWriter } from ${JSON.stringify(entry)}; const logDir = ${JSON.stringify(logDir)}; ${code}`;
  return run('sh', ['-c', `${shellPrefix} exec "$0" --input-type=module -e "$1"`, process.execPath, script]);
}

async function lossSteps(fileOrDir: string): Promise<number[]> {
  return ((await readScalars(fileOrDir)).loss ?? []).map(({ step }) => step);
}

test('nothing is written before it is due, all with flush', async () => {
  await using writer = new SummaryWriter(tempDir());
  const empty = statSync(writer.file).size;
  for (let step = 0; step < 10; step++) writer.addScalar('loss', 1, step);
  expect(statSync(writer.file).size).toBe(empty);
  await writer.flush();
  expect(await lossSteps(writer.file)).toHaveLength(10);
  writer.addScalar('loss', 1, 10);
  writer.flushSync();
  expect(await lossSteps(writer.file)).toHaveLength(11);
});

test('overlapping flushes of both kinds keep the order and write each event once', async () => {
  const writer = new SummaryWriter(tempDir(), { maxQueue: 3 });
  const flushes: Promise<void>[] = [];
  for (let step = 0; step < 500; step++) {
    writer.addScalar('loss', step, step);
    if (step % 7 === 0) flushes.push(writer.flush());
    if (step % 11 === 0) writer.flushSync();
    if (step % 31 === 0) await flushes.at(-1);
  }
  await Promise.all(flushes);
  await writer.close();
  expect(await lossSteps(writer.file)).toEqual(Array.from({ length: 500 }, (_, step) => step));
  expect([writer.dropped, writer.writeErrors]).toEqual([0, 0]);
});

test('flush covers what was added while a write was under way', async () => {
  await using writer = new SummaryWriter(tempDir());
  writer.addScalar('loss', 0, 0);
  const first = writer.flush();
  writer.addScalar('loss', 1, 1);
  await writer.flush();
  expect(await lossSteps(writer.file)).toEqual([0, 1]);
  await first;
});

test('a loop that never yields gets its events to the disk all the same', () => {
  const writer = new SummaryWriter(tempDir(), { flushSecs: 0 });
  const empty = statSync(writer.file).size;
  for (let step = 0; step < 100; step++) writer.addScalar('loss', 1, step);
  expect(statSync(writer.file).size).toBeGreaterThan(empty + 98 * 40);
  return writer.close();
});

test('a large burst in one go is neither dropped nor kept in memory', async () => {
  const writer = new SummaryWriter(tempDir());
  for (let step = 0; step < 150_000; step++) writer.addScalar('loss', 1, step);
  expect(statSync(writer.file).size).toBeGreaterThan(4 * 2 ** 20);
  await writer.close();
  expect(await lossSteps(writer.file)).toHaveLength(150_000);
});

test('a deleted file is reported once, counted, and stops nothing', async () => {
  const errors: TensorBoardWriterError[] = [];
  const writer = new SummaryWriter(tempDir(), { onError: (error) => errors.push(error) });
  rmSync(writer.logDir, { recursive: true });
  for (let step = 0; step < 3; step++) {
    writer.addScalar('loss', 1, step);
    await writer.flush();
    writer.flushSync();
  }
  expect(writer.writeErrors).toBe(6);
  await writer.close();
  expect(writer.dropped).toBe(3);
  expect(errors.map(({ code, message }) => [code, message])).toEqual([
    [
      'file-deleted',
      `Cannot write the event file "${writer.file}": the file was deleted. The program goes on; events may be lost.`,
    ],
  ]);
});

test('while the disk takes nothing memory stays bounded, and what is too much is dropped', async () => {
  const writer = new SummaryWriter(tempDir(), { onError: () => undefined });
  rmSync(writer.logDir, { recursive: true });
  const text = 'x'.repeat(2 ** 20);
  for (let step = 0; step < 30; step++) {
    writer.addText('big', text, step);
    writer.flushSync();
  }
  expect(writer.dropped).toBe(14);
  await writer.close();
  expect(writer.dropped).toBe(30);
});

test('an onError that throws does not reach the training loop', async () => {
  const warnings: string[] = [];
  const collect = (warning: Error) => warnings.push(warning.message);
  process.on('warning', collect);
  const writer = new SummaryWriter(tempDir(), {
    onError: () => {
      throw new Error('handler');
    },
  });
  rmSync(writer.logDir, { recursive: true });
  writer.addScalar('loss', 1, 0);
  await writer.close();
  await new Promise(setImmediate);
  process.off('warning', collect);
  expect(warnings).toEqual([
    'The onError option of a SummaryWriter threw: Error: handler',
    `Cannot write the event file "${writer.file}": the file was deleted. The program goes on; events may be lost.`,
  ]);
});

// `ulimit -f` stands for a full disk: writes beyond so many blocks of 512 bytes fail.
test.skipIf(process.platform === 'win32')('a full disk: one warning, a readable file, training goes on', async () => {
  const logDir = tempDir();
  const code = `
    const writer = new SummaryWriter(logDir);
    for (let step = 0; step < 1000; step++) {
      writer.addScalar('loss', step, step);
      if (step % 10 === 9) await writer.flush();
    }
    await writer.close();
    console.log(JSON.stringify([writer.dropped, writer.writeErrors]));`;
  const { stdout, stderr } = await runChild(code, logDir, "trap '' XFSZ; ulimit -f 8;");
  const [dropped, writeErrors] = JSON.parse(stdout) as [number, number];
  const steps = await lossSteps(logDir);
  expect(steps.length).toBeGreaterThan(50);
  expect(steps).toEqual(steps.map((_, i) => i));
  expect(dropped).toBeGreaterThan(800);
  expect(dropped + steps.length).toBeGreaterThanOrEqual(1000);
  expect(writeErrors).toBeGreaterThan(1);
  expect(stderr.match(/TensorBoardWarning: Cannot write the event file/g)).toHaveLength(1);
});

const hasPrlimit = spawnSync('prlimit', ['--version']).status === 0;

test.skipIf(!hasPrlimit)('when a full disk has room again nothing is lost (needs prlimit)', async () => {
  const logDir = tempDir();
  const code = `
    import { execFileSync } from 'node:child_process';
    const writer = new SummaryWriter(logDir, { onError: (error) => console.log(error.code) });
    for (let step = 0; step < 1000; step++) {
      writer.addScalar('loss', step, step);
      if (step % 10 === 9) await writer.flush();
      if (step % 70 === 19) writer.flushSync();
      if (step === 709) console.log((await readScalars(writer.file)).loss.length);
      if (step === 700) execFileSync('prlimit', ['--fsize=unlimited', '--pid', String(process.pid)]);
    }
    for (let step = 0; step < 20; step++) writer.addText('big', 'x'.repeat(2 ** 20), step);
    await writer.close();
    console.log(writer.dropped, writer.writeErrors > 1);`;
  const { stdout } = await runChild(code, logDir, "trap '' XFSZ; ulimit -S -f 8;");
  expect(stdout).toBe('write-failed\n710\n0 true\n');
  expect(await lossSteps(logDir)).toEqual(Array.from({ length: 1000 }, (_, step) => step));
});

test('a process that exits without closing loses nothing, and no timer holds it', async () => {
  const logDir = tempDir();
  const code = `
    const before = process.listenerCount('exit');
    const writer = new SummaryWriter(logDir, { flushSecs: 1000, maxQueue: 40 });
    const other = new SummaryWriter(logDir + '/other');
    for (let step = 0; step < 100; step++) writer.addScalar('loss', step, step);
    other.addScalar('loss', 0, 0);
    const closed = new SummaryWriter(logDir + '/closed');
    await closed.close();
    console.log(process.listenerCount('exit') - before);`;
  const { stdout } = await runChild(code, logDir);
  expect(stdout).toBe('1\n');
  expect(await lossSteps(logDir)).toEqual(Array.from({ length: 100 }, (_, step) => step));
  expect(await lossSteps(join(logDir, 'other'))).toEqual([0]);
});

test('process.exit and an uncaught error flush as well, also over a write under way', async () => {
  for (const end of ['process.exit(0)', "process.exitCode = 0; throw new Error('crash')"]) {
    const logDir = tempDir();
    const code = `
      const writer = new SummaryWriter(logDir);
      for (let step = 0; step < 1000; step++) {
        writer.addScalar('loss', step, step);
        if (step === 500) void writer.flush();
      }
      ${end}`;
    await runChild(code, logDir).catch((error: Error) => expect(error.message).toContain('crash'));
    expect(await lossSteps(logDir)).toEqual(Array.from({ length: 1000 }, (_, step) => step));
  }
});

test('the exit listener goes with the last writer', async () => {
  const before = process.listenerCount('exit');
  const [first, second] = [new SummaryWriter(tempDir()), new SummaryWriter(tempDir())];
  expect(process.listenerCount('exit')).toBe(before + 1);
  await first.close();
  expect(process.listenerCount('exit')).toBe(before + 1);
  await second.close();
  expect(process.listenerCount('exit')).toBe(before);
});

test('await using closes as a success', async () => {
  const logDir = tempDir();
  {
    await using writer = new SummaryWriter(logDir);
    writer.addHparams({ lr: 1 });
  }
  expect((await allValues(logDir)).at(-1)?.hparams).toEqual({ part: 'session-end', status: 'success' });
});

test('at every moment the file on disk is made of whole records', async () => {
  const writer = new SummaryWriter(tempDir(), { maxQueue: 1 });
  const sizes = new Set<number>();
  for (let step = 0; step < 50; step++) {
    writer.addScalar('loss', 1, step);
    sizes.add(statSync(writer.file).size);
    if (step % 5 === 0) await new Promise(setImmediate);
    if (step % 9 === 0) writer.flushSync();
  }
  await writer.close();
  const ends = new Set<number>();
  let end = 0;
  for (const record of rawRecords(writer.file)) {
    end += record.length / 2;
    ends.add(end);
  }
  expect(sizes.size).toBeGreaterThan(2);
  expect([...sizes].filter((size) => !ends.has(size))).toEqual([]);
});
