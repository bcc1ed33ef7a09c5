/** `kelvin distill --cache-teacher`, and a CNN taught to a depthwise student on four idx files. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random, readCheckpoint } from 'kelvin';
import { expect, test } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { kelvin, TINY, temporaryDirectory } from './support.ts';

assertFileLeaksNothing();

const SIZES = ['--teacher-hidden', '12', '--teacher-epochs', '1', '--hidden', '6', '--max-epochs', '2', '--seed', '5'];

async function studentIn(logDir: string, version = 0) {
  const path = join(logDir, 'distill-student', `version_${version}`, 'checkpoints', 'last.ckpt');
  const { tensors } = await readCheckpoint(path);
  return [...tensors].filter(([name]) => name.startsWith('model/'));
}

test.for([[[]], [['--jitter', '1']]])(
  'a cached teacher makes the same student, and is asked once (%s)',
  async ([more]) => {
    const directory = temporaryDirectory();
    const [online, cached] = [join(directory, 'online'), join(directory, 'cached')];
    const args = ['distill', ...TINY, ...SIZES, ...(more as string[]), '--log-dir'];
    expect((await kelvin(...args, online)).code).toBe(0);
    const first = await kelvin(...args, cached, '--cache-teacher');
    expect(first.code, first.err).toBe(0);
    expect(first.err).toMatch(/Asking the teacher for (180|360) answers, once/);
    expect(await studentIn(cached)).toEqual(await studentIn(online));
    const files = () => readdirSync(join(cached, 'teacher-logits'));
    expect(files()).toEqual([expect.stringMatching(/^[0-9a-f]{16}\.logits$/)]);

    const teacher = join(cached, 'distill-teacher', 'version_0', 'checkpoints', 'last.ckpt');
    const kept = join(cached, 'teacher-logits');
    const second = await kelvin(...args, cached, '--teacher', teacher, '--cache-teacher', kept);
    expect(second.code, second.err).toBe(0);
    expect(second.err).toContain("The teacher's logits are known");
    expect(files()).toHaveLength(1);
    expect(await studentIn(cached, 1)).toEqual(await studentIn(online));
  },
);

/** Four idx files of 8 by 8 pixels in three classes, told apart by which rows are bright. */
function idxFiles(directory: string): void {
  const random = new Random(2);
  for (const [part, count] of [
    ['train', 90],
    ['t10k', 30],
  ] as const) {
    const labels = Uint8Array.from({ length: count }, (_, i) => i % 3);
    const bright = (i: number): boolean => Math.floor((i % 64) / 24) === labels[Math.floor(i / 64)];
    const pixels = Uint8Array.from({ length: count * 64 }, (_, i) => random.integer(80) + (bright(i) ? 150 : 0));
    const head = (kind: number, ...extents: number[]) => [0, 0, 8, kind, ...extents.flatMap((n) => [0, 0, 0, n])];
    writeFileSync(join(directory, `${part}-images-idx3-ubyte`), Buffer.from([...head(3, count, 8, 8), ...pixels]));
    writeFileSync(join(directory, `${part}-labels-idx1-ubyte`), Buffer.from([...head(1, count), ...labels]));
  }
}

test('a CNN teaches a depthwise student on any four idx files', async () => {
  const directory = temporaryDirectory();
  idxFiles(directory);
  const { code, out, err } = await kelvin(
    ...['distill', '--data', 'idx', '--data-dir', directory, '--classes', '3', '--log-dir', join(directory, 'runs')],
    ...[
      '--teacher-model',
      'cnn',
      '--teacher-channels',
      '4,8',
      '--model',
      'depthwise',
      '--channels',
      '4',
      '--seed',
      '1',
    ],
    ...['--teacher-epochs', '2', '--max-epochs', '2', '--batch-size', '16', '--cache-teacher', '--baseline'],
  );
  expect(code, err).toBe(0);
  for (const row of ['teacher', 'student distilled', 'student alone']) {
    expect(out).toMatch(new RegExp(`^${row} +\\d+ +\\d+\\.\\d\\d%`, 'm'));
  }
  expect(readdirSync(join(directory, 'runs', 'teacher-logits'))).toHaveLength(1);
  expect(existsSync(/^Report: +(.*)$/m.exec(out)?.[1] as string)).toBe(true);
});
