/** Workers: the same batches with any number of them; nothing of them outlives its use. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  ArrayDataset,
  concatDatasets,
  type Dataset,
  fromModule,
  imageFolder,
  randomShift,
  type SampleTransform,
  subset,
  tf,
} from 'kelvin';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { filesIn } from '../support/files.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { bytesOf, folder, loaderOf, MODULE, numbers } from './worker-support.ts';

assertFileLeaksNothing();

const noise = () => fromModule<SampleTransform<unknown>>(MODULE, 'makeNoise', 0.5);

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
      timeout: 110_000,
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
