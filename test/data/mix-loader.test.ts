/** Mixup and CutMix: what a mixed batch is made of, and that it comes again after a resume. */
import { ArrayDataset, DataLoader, type MixedBatch, MixLoader, tf } from 'kelvin';
import { describe, expect, test } from 'vitest';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';

assertFileLeaksNothing();

/** Image i is filled with 2^i, so that a mixture tells what is in it; its class is i. */
const images = (length = 4) =>
  new ArrayDataset({
    x: { data: Float32Array.from({ length: length * 64 }, (_, i) => 2 ** Math.floor(i / 64)), shape: [8, 8, 1] },
    y: { data: Int32Array.from({ length }, (_, i) => i), shape: [] },
  });
const source = (batchSize = 4) => new DataLoader<{ x: tf.Tensor4D; y: tf.Tensor1D }>(images(), { batchSize, seed: 3 });

async function read(loader: AsyncIterable<MixedBatch>): Promise<{ x: number[]; y: number[][] }[]> {
  const batches = [];
  for await (const { x, y } of loader) {
    batches.push({ x: [...x.dataSync()], y: (await y.array()) as number[][] });
    tf.dispose([x, y]);
  }
  return batches;
}

describe('MixLoader', () => {
  test('mixup: an image is the mixture that its label says', async () => {
    await expectNoLeak(async () => {
      const kept = new Set<number>();
      const loader = new MixLoader(source(), { classes: 4, mixup: 1 });
      for (let epoch = 0; epoch < 8; epoch++) {
        for (const { x, y } of await read(loader)) {
          y.forEach((shares, row) => {
            expect(shares.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
            const expected = shares.reduce((sum, share, label) => sum + share * 2 ** label, 0);
            for (const value of x.slice(row * 64, row * 64 + 64)) expect(value).toBeCloseTo(expected, 4);
            kept.add(Math.max(...shares));
          });
        }
      }
      expect(kept.size).toBeGreaterThan(4);
    });
  });

  test('CutMix: pixels are of two images, in the parts that the label says', async () => {
    await expectNoLeak(async () => {
      const loader = new MixLoader(source(), { classes: 4, cutmix: 1 });
      let cut = 0;
      for (let epoch = 0; epoch < 8; epoch++) {
        for (const { x, y } of await read(loader)) {
          y.forEach((shares, row) => {
            const pixels = x.slice(row * 64, row * 64 + 64);
            shares.forEach((share, label) => {
              expect(pixels.filter((value) => value === 2 ** label).length / 64).toBeCloseTo(share, 5);
            });
            cut += shares.filter((share) => share > 0).length - 1;
          });
        }
      }
      expect(cut).toBeGreaterThan(8);
    });
  });

  test('a resumed epoch goes on with the same batches; epochs differ', async () => {
    const options = { classes: 4, mixup: 0.4, cutmix: 1 };
    const all = await read(new MixLoader(source(1), options));
    const two = new MixLoader(source(2), options);
    const whole = await read(two);
    expect(await read(two)).not.toEqual(whole);
    const resumed = new MixLoader(source(2), options);
    resumed.loadState({ epoch: 0, batch: 1, seed: 3 });
    expect(await read(resumed)).toEqual(whole.slice(1));
    expect(all).toHaveLength(4);
    expect(two.length).toBe(2);
    expect(two.state()).toMatchObject({ epoch: 2, batch: 0 });
  });

  test('without alpha labels become rows and images stay', async () => {
    const [batch] = await read(new MixLoader(source(), { classes: 5, mixup: 1, probability: 0 }));
    expect(batch?.y[2]).toEqual([0, 0, 1, 0, 0]);
    expect(batch?.x[2 * 64]).toBe(4);
  });

  test('mistakes are named, and nothing is left behind', async () => {
    expect(() => new MixLoader([] as never, { classes: 2 })).toThrow('MixLoader: expected a DataLoader');
    expect(() => new MixLoader(source(), { classes: 1 })).toThrow('`classes`');
    const flat = new ArrayDataset({
      x: { data: new Float32Array(8), shape: [2] },
      y: { data: new Int32Array(4), shape: [] },
    });
    await expectNoLeak(async () => {
      const loader = new DataLoader<{ x: tf.Tensor; y: tf.Tensor }>(flat, { batchSize: 4 });
      await expect(read(new MixLoader(loader, { classes: 2, mixup: 1 }))).rejects.toThrow('cannot be mixed');
    });
  });
});
