/** The memory of workers' batches is used again: never before its batch is over, and nobody sees the difference. */
import { crc32 } from 'node:zlib';
import { ArrayDataset, type Dataset, normalize, startEngine, tf, viewsOf } from 'kelvin';
import { beforeAll, describe, expect, test } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { type Batch, loaderOf } from './worker-support.ts';

assertFileLeaksNothing();
beforeAll(async () => void (await startEngine({ engine: 'wasm' })));

/** Batches of four are 256 kB: large enough for their memory to go back. */
const images = (): Dataset<unknown, Batch> =>
  new ArrayDataset({
    x: {
      data: Uint8Array.from({ length: 36 * 16384 }, (_, i) => (i * 7919) % 251),
      shape: [64, 64, 4],
      scale: 1 / 255,
    },
    y: { data: Int32Array.from({ length: 36 }, (_, i) => i), shape: [] },
  }) as unknown as Dataset<unknown, Batch>;

const options = { batchSize: 4, shuffle: true, seed: 5 };
const sumOf = ({ x }: Batch) => crc32(new Uint8Array(x.dataSync().buffer));

/** Checksums of three epochs. The oldest batch goes when `held` others are there; it is looked at only then. */
async function sums(loader: AsyncIterable<Batch>, held: number): Promise<number[]> {
  const found: number[] = [];
  const waiting: Batch[] = [];
  const letGo = (): void => {
    const batch = waiting.shift() as Batch;
    found.push(sumOf(batch));
    tf.dispose(batch);
  };
  for (let epoch = 0; epoch < 3; epoch++) {
    for await (const batch of loader) {
      waiting.push(batch);
      if (waiting.length > held) letGo();
    }
  }
  while (waiting.length > 0) letGo();
  return found;
}

describe('batches of workers', () => {
  test.each([0, 1, 3, 20])('are right while %i others are held', async (held) => {
    const transform = normalize({ mean: [0.5], std: [0.25] });
    const expected = await sums(loaderOf(images(), { ...options, transform }), 0);
    expect(new Set(expected).size).toBe(27);
    expect(await sums(loaderOf(images(), { ...options, transform, workers: 2 }), held)).toEqual(expected);
  });

  test('have checksums as long as they are there; afterwards none rather than a wrong one', async () => {
    const loader = loaderOf(images(), { ...options, workers: 1 });
    const later: (() => number | undefined)[] = [];
    for await (const batch of loader) {
      const views = viewsOf(batch);
      const row = new Uint8Array(batch.x.dataSync().buffer).subarray(65536, 131072);
      const right = crc32(row);
      expect(views?.checksum('x', 1)).toBe(right);
      tf.dispose(batch);
      later.push(() => {
        const now = views?.checksum('x', 1);
        expect([right, undefined]).toContain(now);
        return now;
      });
    }
    expect(later.map((look) => look())[0]).toBeUndefined(); // its memory holds a later batch
  });
});
