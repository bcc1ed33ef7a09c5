/**
 * The engine tests at length, `npm run test:differential`: every property of kernels and gradients is tried ten times
 * as often, over 2,000 cases at each level of the embedded engine.
 */
import { spawnSync } from 'node:child_process';

const relaxed = '--experimental-wasm-relaxed-simd';
const flags = Number(process.versions.node.split('.')[0]) < 22 ? [relaxed] : [];

for (const level of ['composed', 'simd', 'relaxed']) {
  process.stdout.write(`\n== ${level}\n`);
  const env = { ...process.env, KELVIN_WASM: level, KELVIN_THOROUGH: '10' };
  const files = ['convolution', 'gather', 'mat-mul', 'companion'].map((name) => `test/engine/${name}.test.ts`);
  const options = ['run', '--testTimeout=600000', ...flags.map((flag) => `--execArgv=${flag}`), ...files];
  const { status } = spawnSync(process.execPath, ['node_modules/vitest/vitest.mjs', ...options], {
    stdio: 'inherit',
    env,
  });
  if (status !== 0) process.exitCode = 1;
}
