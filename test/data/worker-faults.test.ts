/** Workers that die, errors that cross over from them, and samples that cannot be read. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DataLoader, type Dataset, fromModule, mapDataset, type SampleTransform } from 'kelvin';
import { describe, expect, test } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { bytesOf, errorOf, folder, loaderOf, MODULE, numbers } from './worker-support.ts';

assertFileLeaksNothing();

describe('a worker that dies', () => {
  test.each([
    ['by SIGKILL', 'processes', 'SIGKILL'],
    ['as a thread', 'threads', 'exit'],
  ] as const)('%s is replaced, and its batch is read again', async (name, workerRuntime, how) => {
    const marker = join(folder, `died ${name}`);
    const loader = loaderOf(await numbers({ fatal: 9, marker, how }), { batchSize: 2, workers: 2, workerRuntime });
    const whole = await bytesOf(loaderOf(await numbers({}), { batchSize: 2 }));
    expect(await bytesOf(loader)).toEqual(whole);
    expect(existsSync(marker)).toBe(true);
    expect(await bytesOf(loader)).toEqual(whole);
    expect(loader.workerIds).toHaveLength(2);
  });

  test('idle is replaced before the next epoch', async () => {
    const loader = loaderOf(await numbers({}), { batchSize: 5, workers: 2, workerRuntime: 'processes' });
    const first = await bytesOf(loader);
    for (const id of loader.workerIds) process.kill(id, 'SIGKILL');
    expect(await bytesOf(loader)).toEqual(first);
  });

  test('of the same batch every time gives an error that names the samples', async () => {
    const loader = loaderOf(await numbers({ fatal: 3, how: 'SIGKILL' }), {
      batchSize: 2,
      workers: 1,
      workerRuntime: 'processes',
    });
    expect(await errorOf(bytesOf(loader))).toMatchInlineSnapshot(`
      "DataError worker-died: 3 workers died while they read the samples 2, 3: a worker ended with SIGKILL.
        help: read these samples without workers to see why; if memory is short, use fewer workers or smaller batches"
    `);
  });
});

describe('errors', () => {
  test('come across with their type, code and advice', async () => {
    const faulty = (workers: number) => async () =>
      bytesOf(
        loaderOf(await fromModule<Dataset<unknown, object>>(MODULE, 'openFaulty', { length: 6, bad: [3] }), {
          batchSize: 2,
          workers,
        }),
      );
    const alone = await errorOf(faulty(0)());
    expect(await errorOf(faulty(2)())).toBe(alone);
    expect(alone).toMatchInlineSnapshot(`
      "DataError sample-failed: Sample 3 could not be read: page 3 is torn.
        help: the error behind this one is its \`cause\`"
    `);
  });

  test('say what to do about what cannot be sent', async () => {
    const mine = { length: 1, get: () => ({ x: 1 }) };
    const noFunction = () => fromModule(MODULE, 'notAFunction');
    const loaderWith = async (dataset: Dataset, transform?: SampleTransform<unknown>) =>
      new DataLoader(dataset, { workers: 1, transform });
    expect([
      await errorOf(loaderWith(mine)),
      await errorOf(loaderWith(mapDataset(await numbers({}), (sample) => sample))),
      await errorOf(loaderWith(await numbers({}), (sample) => sample)),
      await errorOf(bytesOf(loaderOf(await numbers({ callback: () => 1 }), { workers: 1 }))),
      (await errorOf(noFunction())).replace(/file:\S*\//, ''),
      (await errorOf(fromModule('no-such-package-here', 'x'))).split(':').slice(0, 2).join(),
    ]).toMatchInlineSnapshot(`
      [
        "ConfigError not-for-workers: DataLoader: with \`workers\`, the dataset must be one that can be made again in a worker: expected a dataset of Kelvin's own, or one made by \`fromModule\`.
        help: export a function that makes it from a module of yours, and call it with fromModule(new URL('./my-module.js', import.meta.url), 'name'), or leave \`workers\` out",
        "ConfigError not-for-workers: DataLoader: with \`workers\`, the dataset must be one that can be made again in a worker: expected a dataset of Kelvin's own, or one made by \`fromModule\`.
        help: export a function that makes it from a module of yours, and call it with fromModule(new URL('./my-module.js', import.meta.url), 'name'), or leave \`workers\` out",
        "ConfigError not-for-workers: DataLoader: with \`workers\`, the transform must be one that can be made again in a worker: expected a transform of Kelvin's own, or one made by \`fromModule\`.
        help: export a function that makes it from a module of yours, and call it with fromModule(new URL('./my-module.js', import.meta.url), 'name'), or leave \`workers\` out",
        "ConfigError not-for-workers: DataLoader: the dataset or the transform cannot be sent to a worker: () => 1 could not be cloned.
        help: give \`fromModule\` plain data only: numbers, strings, lists, objects and typed arrays",
        "ConfigError recipe-module: worker-data.mjs: expected an exported function \`notAFunction\`, got 3 (number).
        help: export it by this name from the module",
        "ConfigError recipe-module, The module no-such-package-here cannot be loaded",
      ]
    `);
  });
});

describe('bad samples', () => {
  const faulty = (bad: number[]) => fromModule<Dataset<unknown, object>>(MODULE, 'openFaulty', { length: 8, bad });

  test('are skipped and listed when asked for, the same with workers', async () => {
    for (const workers of [0, 2]) {
      const loader = loaderOf(await faulty([1, 6]), { batchSize: 3, workers, onBadSample: 'skip' });
      expect(await bytesOf(loader)).toEqual([
        [2, 1, 0, 2],
        [3, 1, 3, 4, 5],
        [1, 1, 7],
      ]);
      await bytesOf(loader);
      expect(loader.badSamples).toEqual([
        { id: 1, reason: 'page 1 is torn' },
        { id: 6, reason: 'page 6 is torn' },
      ]);
    }
  });

  test('are an error when there are too many, or nothing is left of a batch', async () => {
    const tooMany = loaderOf(await faulty([1, 3, 5]), { batchSize: 3, onBadSample: 'skip', maxBadSamples: 2 });
    const noneLeft = loaderOf(await faulty([2, 3]), { batchSize: 2, onBadSample: 'skip' });
    expect([await errorOf(bytesOf(tooMany)), await errorOf(bytesOf(noneLeft))]).toMatchInlineSnapshot(`
      [
        "DataError too-many-bad-samples: More samples are bad than \`maxBadSamples\` allows, the last of them
          1: page 1 is torn
          3: page 3 is torn
          5: page 5 is torn
       : expected at most 2, got 3.
        help: mend the data, or raise \`maxBadSamples\`",
        "DataError no-sample-left: No sample of a batch could be read:
          page 2 is torn
          page 3 is torn: expected at least one good sample per batch, got 2 bad ones.",
      ]
    `);
  });
});
