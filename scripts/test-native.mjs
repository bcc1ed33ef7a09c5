/**
 * The engine tests on native TensorFlow, `npm run test:native`: on the engine in the user's cache (or in
 * KELVIN_NATIVE_DIR), or with `--install` on one that is built into a temporary folder. Says so and succeeds where there
 * is none and none can be built.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const { installNative, nativeStatus } = await import('../dist/engine/index.js').catch(() => {
  process.stderr.write('npm run build comes first\n');
  process.exit(1);
});

const install = process.argv.includes('--install');
const folder = install ? mkdtempSync(join(tmpdir(), 'kelvin-test-native-')) : undefined;
if (folder) process.env.KELVIN_NATIVE_DIR = folder;

/** What this machine lacks, as opposed to what Kelvin does wrong. */
const LACKING = [
  'native-unsupported-platform',
  'native-no-pip',
  'native-no-compiler',
  'native-no-space',
  'native-download',
];

try {
  if (install) await installNative({ onStep: (line) => process.stdout.write(`${line}\n`) });
  const [engine] = nativeStatus().filter(({ engine, manifest }) => engine === 'tensorflow' && manifest);
  if (engine === undefined) {
    process.stdout.write('SKIPPED: no native engine is installed here (kelvin native install)\n');
  } else {
    const env = { ...process.env, KELVIN_TEST_NATIVE: join(engine.folder, '..'), KELVIN_TEST_ENGINE: 'tensorflow' };
    const engines = [
      'convolution',
      'gather',
      'mat-mul',
      'core-gradients',
      'networks',
      'native',
      'native-kernels',
      'tensorflow',
    ];
    const names = [
      ...engines.map((name) => `engine/${name}`),
      'engine/compile/small-steps',
      'trainer/compile/compiled',
      'trainer/compile/compiled-run',
      'trainer/compile/compiled-evaluation',
      'trainer/compile/several-optimizers',
      'trainer/compile/averaged-weights',
      'trainer/compile/distillation-resume',
      'trainer/compile/examples',
      'trainer/compile/lowerings',
      'engine/compile/forward',
    ];
    const files = names.map((name) => `test/${name}.test.ts`).filter((file) => existsSync(file));
    const run = (files, further = {}) =>
      // Reading 800 MB of libraries for the first time takes longer than hooks are given.
      spawnSync(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', '--hookTimeout=120000', ...files], {
        stdio: 'inherit',
        env: { ...env, ...further },
      }).status ?? 1;
    const compiled = files.filter((file) => file.includes('compile'));
    // Networks of tests are small: their steps run outside of TensorFlow, and once more within.
    process.exitCode = run(files) || run(compiled, { KELVIN_SMALL_STEPS: 'off' });
  }
} catch (error) {
  if (!LACKING.includes(error?.code)) throw error;
  process.stdout.write(`SKIPPED: ${error.message}\n`);
} finally {
  if (folder) rmSync(folder, { recursive: true, force: true });
}
