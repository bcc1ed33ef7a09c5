/** Tests import the packages by name, as users do; here the names lead to the sources. */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/**
 * Files of one group run in one process after the other, so that TensorFlow.js is loaded and started once and not for each
 * file: that was half of the suite's time. A file that fails in its group but not alone leaves something behind.
 */
const SHARING: Readonly<Record<string, readonly string[]>> = {
  trainer: ['test/trainer'],
  data: ['test/data'],
  distillation: ['test/distillation'],
  callbacks: ['test/callbacks', 'test/checkpoint'],
  optim: ['test/optim', 'test/metrics'],
  parts: ['test/core', 'test/losses', 'test/module', 'test/loggers', 'test/profilers'],
  commands: ['test/cli', 'test/conformance'],
  packages: ['packages/*/test'],
};
/** These start engines, change the environment or take ports of their own: a process for each. */
const ALONE = ['test/{engine,examples,docs,structure}/**/*.test.ts', 'test/data/mnist.test.ts'];

export default defineConfig({
  resolve: {
    alias: [
      { find: /^kelvin$/, replacement: source('./src/index.ts') },
      { find: /^kelvin\/([a-z]+)$/, replacement: `${source('./src/')}$1/index.ts` },
      { find: 'tensorboard-logger-ts', replacement: source('./packages/tensorboard-logger-ts/src/index.ts') },
    ],
  },
  test: {
    // Some start processes or engines: a busy machine may take its time, and no test asserts one.
    testTimeout: 120_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 2,
    globalSetup: [source('./test/support/temporary-folder.ts')],
    setupFiles: [source('./test/support/property-seed.ts')],
    // A native engine in the developer's cache would be the best that starts; `npm run test:native` is for that.
    env: { KELVIN_NATIVE_DIR: process.env.KELVIN_TEST_NATIVE ?? source('./node_modules/.no-native-engine') },
    projects: [
      { extends: true, test: { name: 'alone', include: [...ALONE] } },
      ...Object.entries(SHARING).map(([name, folders]) => ({
        extends: true as const,
        test: {
          name,
          include: folders.map((folder) => `${folder}/**/*.test.ts`),
          exclude: ['**/node_modules/**', 'test/data/mnist.test.ts'],
          isolate: false,
        },
      })),
    ],
  },
});
