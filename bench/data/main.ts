/**
 * What data costs, as ratios of alternating rounds: decoding JPEGs beside torchvision (`KELVIN_PYTHON` names a Python that has
 * it), training on JPEGs to the slower of decoding alone and training alone, and reading idx and CIFAR's images to the step
 * that eats them.
 *
 * On two cores a run that keeps both busy by training cannot decode for nothing: at best it takes as much longer as decoding
 * takes of the processor's time. So there are three comparisons: a small network, which shows what decoding takes; one of a
 * depth that is trained on such images, where that is little; and one so light that both take about as long, where each
 * gets one core, alone as well as together.
 *
 * `npm run bench:data -- [rounds] [images]`
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startEngine } from 'kelvin';
import { compareDecoding } from './decoding.ts';
import { drawJpegs, writeIdx } from './images.ts';

const [rounds = 5, images = 512] = process.argv.slice(2).map(Number);
const SCRIPT = fileURLToPath(new URL('training.ts', import.meta.url));

function compare(kind: string, directory: string, env: Readonly<Record<string, string>> = {}): void {
  const given = ['--import', 'tsx', SCRIPT, kind, directory, String(rounds)];
  const { status } = spawnSync(process.execPath, given, { env: { ...process.env, ...env }, stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}

await startEngine();
const directory = mkdtempSync(join(tmpdir(), 'kelvin-bench-'));
try {
  const [many, few, idx] = ['many', 'few', 'idx'].map((name) => join(directory, name)) as [string, string, string];
  await drawJpegs(many, images);
  await drawJpegs(few, images >> 2);
  mkdirSync(idx);
  writeIdx(idx, 8192);
  for (const workers of [1, 2]) await compareDecoding(many, rounds, workers);
  compare('jpeg', few);
  compare('jpeg-deep', few);
  compare('jpeg-even', many, { KELVIN_THREADS: '1', UV_THREADPOOL_SIZE: '1' });
  compare('cifar', directory);
  compare('idx', idx);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
