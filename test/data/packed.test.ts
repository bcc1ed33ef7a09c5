/** Bytes that the engine unpacks: the same numbers, to the bit, as on the host, whichever way they came. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { ArrayDataset, type Dataset, idxImageFiles, imageFolder, startEngine, subset, tf, viewsOf } from 'kelvin';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasUnpack, unpack } from '../../src/core/unpack.ts';
import { hasRecipe } from '../../src/data/workers/recipe.ts';
import { isWanted, LEVELS, type Level, limitLevel } from '../../src/engine/wasm/companion/level.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { type Batch, bytesOf, folder, loaderOf } from './worker-support.ts';

assertFileLeaksNothing();
const highest = LEVELS.findLast(isWanted) as Level;
beforeAll(async () => void (await startEngine({ engine: 'wasm' })));
afterAll(() => limitLevel(highest));

const onHost = (bytes: Uint8Array, scale: number, offset: number): Float32Array =>
  Float32Array.from(bytes, (byte) => byte * scale + offset);

describe.each(LEVELS.filter(isWanted))('at level %s', (level) => {
  test('bytes become what JavaScript computes, at any size', () => {
    limitLevel(level);
    const any = fc.double({ min: -1e3, max: 1e3, noNaN: true });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 150 }), any, any, (bytes, scale, offset) => {
        const tensor = unpack({ bytes, shape: [bytes.length], scale, offset }) as tf.Tensor;
        const got = tensor.dataSync();
        tensor.dispose();
        expect(got).toEqual(onHost(bytes, scale, offset));
      }),
      { seed: 8, numRuns: 60 },
    );
  });
});

const count = 23;
const bytes = Uint8Array.from({ length: count * 60 }, (_, i) => (i * 89) % 256);
const y = { data: Int32Array.from({ length: count }, (_, i) => i), shape: [] };
const arrays = (column: object) =>
  new ArrayDataset({ x: { data: bytes, shape: [5, 4, 3], ...column }, y }) as unknown as Dataset<unknown, Batch>;

/** The same samples, without the way for bytes. */
const plain = (dataset: Dataset<unknown, Batch>): Dataset<unknown, Batch> => ({
  length: dataset.length,
  get: (index) => dataset.get(index),
});

async function idxFiles(): Promise<Dataset<unknown, Batch>> {
  const [images, labels] = ['images', 'labels'].map((name) => join(folder, name)) as [string, string];
  const header = (...extents: number[]) =>
    Buffer.from(extents.flatMap((n, i) => (i === 0 ? [0, 0, 8, n] : [0, 0, 0, n])));
  mkdirSync(folder, { recursive: true });
  writeFileSync(images, Buffer.concat([header(3, count, 5, 12), bytes]));
  writeFileSync(labels, Buffer.concat([header(1, count), Uint8Array.from(y.data)]));
  return (await idxImageFiles({ images, labels })) as unknown as Dataset<unknown, Batch>;
}

async function photographs(): Promise<Dataset<unknown, Batch>> {
  const { default: sharp } = await import('sharp');
  for (let i = 0; i < 4; i++) {
    const raw = { width: 5, height: 4, channels: 3 as const };
    const file = join(folder, 'photographs', `class${i % 2}`, `${i}.png`);
    mkdirSync(dirname(file), { recursive: true });
    await sharp(bytes.slice(i * 60, i * 60 + 60), { raw })
      .png()
      .toFile(file);
  }
  return (await imageFolder(join(folder, 'photographs'), { size: [4, 5] })) as unknown as Dataset<unknown, Batch>;
}

/** Pixels and label by turns of one scale and another: cannot stay bytes in one batch. */
const mixed = (): Dataset<unknown, Batch> => {
  const at = (index: number) => ({ data: bytes.slice(index, index + 4), shape: [4], dtype: 'float32' as const });
  const scaleOf = (index: number): number => 1 / (1 + (index % 2));
  return {
    length: 8,
    get: (index) => ({ x: Float32Array.from(at(index).data, (v) => v * scaleOf(index)), y: index }),
    getUnscaled: (index) => ({ x: { ...at(index), scale: scaleOf(index) }, y: index }),
  };
};

const CASES: readonly [string, () => Dataset<unknown, Batch> | Promise<Dataset<unknown, Batch>>][] = [
  ['scaled', () => arrays({ scale: 1 / 255 })],
  ['scaled and moved', () => arrays({ scale: 2 / 255, offset: -1 })],
  ['as floats', () => arrays({ dtype: 'float32' })],
  ['as whole numbers', () => arrays({})],
  ['from idx files', idxFiles],
  ['a part of a part', () => subset(subset(arrays({ scale: 1 / 255 }), [9, 3, 8, 20, 1]), [4, 0, 2])],
  ['images', photographs],
  ['of two scales', mixed],
];

describe.each(CASES)('bytes %s', (_, open) => {
  test('are the numbers that the samples are, with workers or without', async () => {
    const dataset = await open();
    const options = { batchSize: 3, shuffle: true, seed: 4 };
    expect(hasUnpack()).toBe(true);
    const expected = await bytesOf(loaderOf(plain(dataset), options));
    expect(await bytesOf(loaderOf(dataset, options))).toEqual(expected);
    if (hasRecipe(dataset)) expect(await bytesOf(loaderOf(dataset, { ...options, workers: 1 }))).toEqual(expected);
  });
});

test('the checksum of a row is that of its numbers', async () => {
  for await (const batch of loaderOf(arrays({ scale: 1 / 255 }), { batchSize: 4 })) {
    const row = (batch.x.dataSync() as Float32Array).slice(60, 120);
    if (batch.x.shape[0] === 4) expect(viewsOf(batch)?.checksum('x', 1)).toBe(crc32(new Uint8Array(row.buffer)));
    tf.dispose(batch);
  }
});
