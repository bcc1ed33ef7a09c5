/**
 * The engine tests at length, `npm run test:differential`: every property of kernels and gradients is tried ten times
 * as often, thousands of cases at each level of the embedded engine, which are counted.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const LEAST = 2000;
const FILES = [
  'differential',
  'cross-entropy',
  'normalisation',
  'masks',
  'convolution',
  'gather',
  'mat-mul',
  'companion',
];

const folder = mkdtempSync(path.join(os.tmpdir(), 'kelvin-differential-'));
for (const level of ['composed', 'simd', 'relaxed', 'threads']) {
  process.stdout.write(`\n== ${level}\n`);
  const counts = path.join(folder, level);
  const env = { ...process.env, KELVIN_WASM: level, KELVIN_THOROUGH: '10', KELVIN_CASES: counts };
  const files = FILES.map((name) => `test/engine/${name}.test.ts`);
  const { status } = spawnSync(
    process.execPath,
    ['node_modules/vitest/vitest.mjs', 'run', '--testTimeout=600000', ...files],
    { stdio: 'inherit', env },
  );
  const cases = readFileSync(counts, 'utf8')
    .trim()
    .split('\n')
    .reduce((sum, line) => sum + Number(line), 0);
  process.stdout.write(`${cases} cases at level ${level} and those below\n`);
  if (status !== 0 || cases < LEAST) process.exitCode = 1;
}
rmSync(folder, { recursive: true });
