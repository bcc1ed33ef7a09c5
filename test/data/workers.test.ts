/** Workers: the same batches with any number of them, also when they die; nothing of them outlives its use. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  ArrayDataset,
  concatDatasets,
  DataLoader,
  type DataLoaderOptions,
  type Dataset,
  fromModule,
  imageFolder,
  mapDataset,
  randomShift,
  type SampleTransform,
  subset,
  tf,
} from 'kelvin';
import sharp from 'sharp';
import { afterAll, describe, expect, test } from 'vitest';
import { filesIn, freshDirectory } from '../support/files.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { errorOf as textOf } from './support.ts';

assertFileLeaksNothing();

const folder = freshDirectory();
const loaders: DataLoader[] = [];
afterAll(async () => {
  for (const loader of loaders) await loader.close();
  await rm(folder, { recursive: true });
});
const errorOf = (work: Promise<unknown>) => textOf(work, folder);

const MODULE = new URL('./fixtures/worker-data.mjs', import.meta.url);
type Batch = { x: tf.Tensor; y: tf.Tensor };
const numbers = (options: object) =>
  fromModule<Dataset<unknown, Batch>>(MODULE, 'openNumbers', { length: 23, ...options });
const noise = () => fromModule<SampleTransform<unknown>>(MODULE, 'makeNoise', 0.5);

function loaderOf<B>(dataset: Dataset<unknown, B>, options: DataLoaderOptions<unknown, B>): DataLoader<B> {
  const loader = new DataLoader<B>(dataset, options);
  loaders.push(loader as DataLoader);
  return loader;
}

/** The bytes of the batches of an epoch, until `atMost` of them. */
async function bytesOf(loader: AsyncIterable<object>, atMost = Number.POSITIVE_INFINITY): Promise<number[][]> {
  const batches: number[][] = [];
  for await (const batch of loader) {
    batches.push(Object.values(batch).flatMap((tensor: tf.Tensor) => [...tensor.shape, ...tensor.dataSync()]));
    tf.dispose(batch as Batch);
    if (batches.length >= atMost) break;
  }
  return batches;
}

describe('batches', () => {
  test('are the same with 0, 1 and 3 workers, of threads and of processes, epoch after epoch', async () => {
    const dataset = await numbers({});
    const options = { batchSize: 4, shuffle: true, seed: 7, transform: await noise() };
    const alone = loaderOf(dataset, options);
    const expected = [await bytesOf(alone), await bytesOf(alone)];
    expect(expected[0]).not.toEqual(expected[1]);
    for (const more of [{ workers: 1 }, { workers: 3 }, { workers: 2, workerRuntime: 'processes' as const }]) {
      const loader = loaderOf(dataset, { ...options, ...more });
      expect(await expectNoLeak(async () => [await bytesOf(loader), await bytesOf(loader)])).toEqual(expected);
      expect(loader.workerIds).toHaveLength(more.workers);
    }
  });

  test('go on from a saved position in the middle of an epoch', async () => {
    const dataset = await numbers({});
    const options = { batchSize: 3, shuffle: true, seed: 1, workers: 2, transform: await noise() };
    const whole = await bytesOf(loaderOf(dataset, { ...options, workers: 0 }));
    const first = loaderOf(dataset, options);
    const before = await bytesOf(first, 3);
    const second = loaderOf(dataset, { ...options, seed: 99 });
    second.loadState(JSON.parse(JSON.stringify(first.state())));
    expect([...before, ...(await bytesOf(second))]).toEqual(whole);
  });

  test('of datasets made of datasets, with a batch transform, and of images come from workers too', async () => {
    const column = {
      data: Uint8Array.from({ length: 6 * 16 }, (_, i) => i),
      shape: [4, 4, 1] as const,
      scale: 1 / 255,
    };
    const arrays = new ArrayDataset({ x: column });
    const parts: Dataset<unknown, object> = concatDatasets<unknown, object>([subset(arrays, [5, 1]), arrays]);
    await mkdir(join(folder, 'set/a'), { recursive: true });
    for (const shade of [10, 20, 30]) {
      const image = sharp({ create: { width: 8, height: 6, channels: 3, background: { r: shade, g: 0, b: 0 } } });
      await image.png().toFile(join(folder, `set/a/${shade}.png`));
    }
    const images: Dataset<unknown, object> = await imageFolder(join(folder, 'set'), { size: 4 });
    for (const dataset of [parts, subset(images, [2, 0, 1])]) {
      const options = { batchSize: 2, seed: 3, transform: randomShift({ pixels: 1 }) };
      const alone = await bytesOf(loaderOf(dataset, options));
      expect(await bytesOf(loaderOf(dataset, { ...options, workers: 2 }))).toEqual(alone);
    }
  });

  test('can be made by a collate function on the main thread', async () => {
    const sums = (samples: unknown[]) =>
      tf.tensor1d((samples as { x: Float32Array }[]).map(({ x }) => 2 * (x[0] as number)));
    const loader = loaderOf<object>((await numbers({})) as Dataset, {
      batchSize: 20,
      workers: 1,
      collate: (s) => ({ sums: sums(s) }),
    });
    expect((await bytesOf(loader))[1]).toEqual([3, 40, 42, 44]);
  });
});

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

test('breaking off ends cleanly, and close ends the workers', async () => {
  const pids = join(folder, 'pids');
  await mkdir(pids);
  const loader = loaderOf(await numbers({ pidsInto: pids }), { batchSize: 1, workers: 2, workerRuntime: 'processes' });
  await expectNoLeak(() => bytesOf(loader, 2));
  const used = filesIn(pids).map(Number);
  expect(used.length).toBeGreaterThan(0);
  await loader.close();
  for (const pid of used) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  expect(loader.workerIds).toEqual([]);
});

test('idle workers, and workers of an epoch that was broken off, let the process end', () => {
  const script = `
    import { DataLoader, fromModule } from '${new URL('../../src/data/index.ts', import.meta.url).href}';
    for (const workerRuntime of ['threads', 'processes']) {
      const numbers = await fromModule('${MODULE.href}', 'openNumbers', { length: 40 });
      const loader = new DataLoader(numbers, { batchSize: 2, workers: 1, workerRuntime });
      for await (const { x, y } of loader) { x.dispose(); y.dispose(); break; }
    }
    process.stdout.write('end');`;
  const { stdout, status, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '-e', script],
    {
      encoding: 'utf8',
      timeout: 25_000,
    },
  );
  expect([stdout, status], stderr).toEqual(['end', 0]);
});

test('workers load nothing of tfjs', () => {
  const seen = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const [, from] of readFileSync(file, 'utf8').matchAll(
      /^(?:import|export)\b(?! type)[^;]*?from '([^']+)'/gms,
    )) {
      if (from?.startsWith('.')) visit(join(dirname(file), from));
      else seen.add(from as string);
    }
  };
  const data = fileURLToPath(new URL('../../src/data/', import.meta.url));
  visit(join(data, 'workers/worker.ts'));
  for (const name of filesIn(join(data, 'datasets'))) visit(join(data, 'datasets', name));
  visit(join(data, 'transforms.ts'));
  expect(seen.size).toBeGreaterThan(20);
  expect([...seen].filter((name) => name.includes('tensorflow') || name.endsWith('core/tf.ts'))).toEqual([]);
});
