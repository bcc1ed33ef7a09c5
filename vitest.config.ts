/** Tests import the packages by name, as users do; here the names lead to the sources. */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^kelvin$/, replacement: source('./src/index.ts') },
      { find: /^kelvin\/([a-z]+)$/, replacement: `${source('./src/')}$1/index.ts` },
      { find: 'tensorboard-logger-ts', replacement: source('./packages/tensorboard-logger-ts/src/index.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts', 'packages/*/test/**/*.test.ts'],
    testTimeout: 30_000,
    pool: 'forks',
    maxWorkers: 2,
    // A native engine in the developer's cache would be the best that starts; `npm run test:native` is for that.
    env: { KELVIN_NATIVE_DIR: process.env.KELVIN_TEST_NATIVE ?? source('./node_modules/.no-native-engine') },
  },
});
