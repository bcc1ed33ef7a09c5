/**
 * The engine tests on WebGPU, `npm run test:webgpu`: every kernel and gradient of the differential suite, then training that is
 * stopped and resumed, on the machine's GPU, or with `--software`, or where there is none, on the software driver that
 * Chromium brings. Says so and succeeds where the packages or any adapter are missing. `--thorough` tries ten times as often.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** Where Linux distributions keep Chromium, with its SwiftShader and its Vulkan loader. */
const CHROMIUMS = [
  '/usr/lib/chromium',
  '/usr/lib/chromium-browser',
  '/opt/google/chrome',
  '/snap/chromium/current/usr/lib',
];

const KERNELS = ['differential', 'cross-entropy', 'convolution', 'gather', 'mat-mul', 'core-gradients', 'not-a-number'];
const SUITES = [
  ...[...KERNELS, 'mended', 'networks', 'webgpu-training'].map((name) => `test/engine/${name}.test.ts`),
  ...['fit', 'resume'].map((name) => `test/trainer/${name}.test.ts`),
];

function software() {
  const icd = CHROMIUMS.map((folder) => path.join(folder, 'vk_swiftshader_icd.json')).find(existsSync);
  if (icd === undefined) return undefined;
  const folder = path.dirname(icd);
  const libraries = [folder, process.env.LD_LIBRARY_PATH].filter(Boolean).join(path.delimiter);
  return { LD_LIBRARY_PATH: libraries, VK_ICD_FILENAMES: icd, VK_DRIVER_FILES: icd };
}

/** What `describeEngines` says of WebGPU in a process with these variables: drivers are found when a process starts. */
function probe(env) {
  const program = `
    const { describeEngines } = await import('./dist/engine/index.js');
    const report = (await describeEngines()).find(({ name }) => name === 'webgpu');
    console.log(JSON.stringify(report));`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  if (status !== 0) throw new Error(`npm run build comes first\n${stderr}`);
  return JSON.parse(stdout.trim().split('\n').at(-1));
}

function findAdapter() {
  const here = probe({});
  if (here.available && !process.argv.includes('--software')) return { env: {}, report: here };
  const env = software();
  return env === undefined ? { env: {}, report: here } : { env, report: probe(env) };
}

const { env, report } = findAdapter();
if (!report.available) {
  process.stdout.write(`SKIPPED: ${report.reason}\n  help: ${report.remedy}\n`);
} else {
  process.stdout.write(`WebGPU ${report.version ?? ''} on ${report.detail}\n`);
  const folder = mkdtempSync(path.join(os.tmpdir(), 'kelvin-webgpu-'));
  const counts = path.join(folder, 'cases');
  const thorough = process.argv.includes('--thorough') ? { KELVIN_THOROUGH: '10' } : {};
  const { status } = spawnSync(
    process.execPath,
    ['node_modules/vitest/vitest.mjs', 'run', '--testTimeout=600000', '--maxWorkers=1', ...SUITES],
    {
      stdio: 'inherit',
      env: { ...process.env, ...env, ...thorough, KELVIN_TEST_ENGINE: 'webgpu', KELVIN_CASES: counts },
    },
  );
  const cases = readFileSync(counts, 'utf8').trim().split('\n').map(Number);
  process.stdout.write(`${cases.reduce((sum, one) => sum + one, 0)} random cases on ${report.detail}\n`);
  rmSync(folder, { recursive: true });
  process.exitCode = status ?? 1;
}
