/**
 * tfjs-core's own published test suite on the embedded engine, `npm run test:tfjs-core`: at each level, or at the one
 * that KELVIN_WASM names. A word after the command picks the specs whose names hold it.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const levels = process.env.KELVIN_WASM ? [process.env.KELVIN_WASM] : ['composed', 'simd', 'relaxed', 'threads'];
const specs = fileURLToPath(new URL('./tfjs-core/run.mjs', import.meta.url));
for (const level of levels) {
  const { status } = spawnSync(process.execPath, ['--import', 'tsx', specs, ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { ...process.env, KELVIN_WASM: level },
  });
  if (status !== 0) process.exitCode = 1;
}
