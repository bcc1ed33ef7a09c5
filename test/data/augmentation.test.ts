/** Augmentation: random, but the same for the same seed, epoch and sample. */
import { ArrayDataset, type BatchTransform, DataLoader, randomShift, tf } from 'kelvin';
import { describe, expect, test } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { type Batch, labelsOf, numbered } from './support.ts';

assertFileLeaksNothing();

describe('augmentation', () => {
  const images = (length: number) =>
    new ArrayDataset({
      x: { data: Uint8Array.from({ length: length * 9 }, (_, i) => 1 + (i % 9)), shape: [3, 3, 1], scale: 1 },
      y: { data: Int32Array.from({ length }, (_, i) => i), shape: [] },
    });

  async function byLabel(loader: DataLoader<Batch>): Promise<Map<number, string>> {
    const found = new Map<number, string>();
    for await (const { x, y } of loader) {
      const pixels = x.dataSync();
      [...y.dataSync()].forEach((label, row) => {
        found.set(label, String(pixels.slice(row * 9, row * 9 + 9)));
      });
      tf.dispose([x, y]);
    }
    return found;
  }

  test('depends on the seed, the epoch and the sample, not on order and batch', async () => {
    const transform = randomShift({ pixels: 1 });
    const perSample = (sample: { x: unknown; y: unknown }, random: { uniform(): number }) => ({
      ...sample,
      x: Float32Array.from({ length: 9 }, () => random.uniform()),
    });
    for (const change of [transform, perSample] as (BatchTransform | typeof perSample)[]) {
      const run = (epoch: number, shuffle: boolean, batchSize: number) => {
        const loader = new DataLoader<Batch>(images(20), {
          transform: change as BatchTransform,
          seed: 9,
          shuffle,
          batchSize,
        });
        loader.setEpoch(epoch);
        return byLabel(loader);
      };
      const first = await run(0, false, 4);
      expect([...(await run(0, true, 7))].sort((a, b) => a[0] - b[0])).toEqual([...first]);
      expect(await run(1, false, 4)).not.toEqual(first);
    }
  });

  test('shifts each image by every offset, filling with zeros', () => {
    const seen = new Set<string>();
    const { batch } = randomShift({ pixels: 1 });
    for (let dy = -1; dy <= 1; dy++) {
      for (let dx = -1; dx <= 1; dx++) {
        const draws = [dy + 1, dx + 1];
        const random = { integer: () => draws.shift() as number } as never;
        const { x } = batch(
          { x: { data: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9), shape: [1, 3, 3, 1] } },
          () => random,
        );
        const expected = Array.from({ length: 9 }, (_, i) => {
          const [row, column] = [Math.floor(i / 3) - dy, (i % 3) - dx];
          return row < 0 || row > 2 || column < 0 || column > 2 ? 0 : 1 + 3 * row + column;
        });
        expect([...(x?.data ?? [])]).toEqual(expected);
        seen.add(expected.join());
      }
    }
    expect(seen.size).toBe(9);
  });

  test('refuses batches without images', async () => {
    const loader = new DataLoader(numbered(2), { transform: randomShift({ pixels: 1 }) });
    await expect(labelsOf(loader)).rejects.toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: randomShift: expected images [batch, height, width, channels] in \`x\`, got \`x\` [2, 2], \`y\` [2].]`,
    );
  });
});
