/** `kelvin distill` with mixed images, focal loss and metrics, as `kelvin fit` has them, and with several seeds. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readCheckpoint } from 'kelvin';
import { expect, test } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { kelvin, TINY, temporaryDirectory } from './support.ts';

assertFileLeaksNothing();

const SIZES = ['--teacher-hidden', '12', '--teacher-epochs', '1', '--hidden', '6', '--max-epochs', '1', '--seed', '5'];

const distill = (logDir: string, ...more: string[]) =>
  kelvin('distill', ...TINY, ...SIZES, '--log-dir', logDir, ...more);

const partsIn = (directory: string): string[] =>
  readdirSync(directory).filter((name) => /^distill-(student|baseline|teacher)/.test(name));

async function weightsOf(directory: string, part: string) {
  const path = join(directory, `distill-${part}`, 'version_0', 'checkpoints', 'last.ckpt');
  const { tensors } = await readCheckpoint(path);
  return [...tensors].filter(([name]) => name.startsWith('model/'));
}

test('mixed images train another student, from the same seed', async () => {
  const [plain, mixed] = [temporaryDirectory(), temporaryDirectory()];
  const teacher = join(plain, 'distill-teacher', 'version_0', 'checkpoints', 'last.ckpt');
  expect((await distill(plain)).code).toBe(0);
  const { code, err } = await distill(mixed, '--teacher', teacher, '--mixup', '1', '--cutmix', '1', '--alpha', '1');
  expect(code, err).toBe(0);
  expect(await weightsOf(mixed, 'student')).not.toEqual(await weightsOf(plain, 'student'));
});

test('a cached teacher knows no mixed images, and says so before anything is trained', async () => {
  const directory = temporaryDirectory();
  const { code, err } = await distill(directory, '--cutmix', '1', '--cache-teacher');
  expect(code).toBe(2);
  expect(err).toContain('--cache-teacher: expected no --mixup and no --cutmix beside it, got --cutmix 1');
  expect(readdirSync(directory)).toEqual([]);
});

test('--metrics are measured in each training, and --monitor keeps the best by one', async () => {
  const directory = temporaryDirectory();
  const { code, out, err } = await distill(
    directory,
    '--metrics',
    'auc,calibration',
    '--monitor',
    'val_auc',
    '--focal-gamma',
    '2',
  );
  expect(code, err).toBe(0);
  expect(out).toMatch(/^val_auc +0\.\d+/m);
  expect(out).toMatch(/^val_calibration +0?\.?\d+/m);
});

test('--seeds: several students of each kind, compared in pairs, with intervals', async () => {
  const directory = temporaryDirectory();
  const { code, out, err } = await distill(
    directory,
    '--seeds',
    '2',
    '--baseline',
    '--cache-teacher',
    '--teacher-jitter',
    '1',
  );
  expect(code, err).toBe(0);
  expect(partsIn(directory).sort()).toEqual([
    ...['distill-baseline-0', 'distill-baseline-1'],
    ...['distill-student-0', 'distill-student-1', 'distill-teacher'],
  ]);
  expect(err).toContain('taught by labels alone: mlp 6, run 2 of 2');
  expect(out).toMatch(/^student distilled +[\d.]+ \([\d.]+–[\d.]+\)/m);
  expect(out).toMatch(
    /^Distilled: [\d.]+ (more|fewer) errors than alone \(95 %: [\d.]+ \w+ to [\d.]+ \w+; 2 pairs of runs/m,
  );
  const report = join(directory, 'distill-student-1', 'version_0', 'report.json');
  const { models } = JSON.parse(readFileSync(report, 'utf8'));
  expect(models.map(({ errors }: { errors: { seeds: number[] } }) => errors.seeds.length)).toEqual([1, 2, 2]);
  expect(await weightsOf(directory, 'student-0')).not.toEqual(await weightsOf(directory, 'student-1'));
});
