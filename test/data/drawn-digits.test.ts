/** The drawn digits: the same for the same seed, each digit as often as the others, and told apart by their looks. */
import { createHash } from 'node:crypto';
import { DataLoader, drawnDigits, randomShift, randomSplit, type tf } from 'kelvin';
import { expect, test } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';

assertFileLeaksNothing();

const hash = (data: ArrayLike<number>) => createHash('sha256').update(Uint8Array.from(data)).digest('hex').slice(0, 16);

test('repeat bit for bit, sample by sample, whatever the sizes', () => {
  const small = drawnDigits({ train: 40, test: 20, seed: 3 });
  const large = drawnDigits({ train: 95, test: 30, seed: 3 });
  expect(large.train.columns.x.data.subarray(0, 40 * 784)).toEqual(small.train.columns.x.data);
  expect(large.train.columns.y.data.subarray(0, 40)).toEqual(small.train.columns.y.data);
  expect(large.test.columns.x.data.subarray(0, 20 * 784)).toEqual(small.test.columns.x.data);
  const other = drawnDigits({ train: 40, test: 20, seed: 4 });
  expect(other.train.columns.x.data).not.toEqual(small.train.columns.x.data);
  expect(small.train.columns.x.data.subarray(0, 20 * 784)).not.toEqual(small.test.columns.x.data);
  // Golden: changing how digits are drawn changes everybody's results.
  expect(hash(small.train.columns.x.data)).toMatchInlineSnapshot(`"80d976d10ffebdef"`);
});

test('come like MNIST does, each digit equally often', () => {
  const { train, test, source } = drawnDigits({ train: 500, test: 100, seed: 1 });
  expect([train.length, test.length, train.classes, source]).toEqual([500, 100, 10, 'drawn digits, seed 1']);
  expect(train.gather([0])).toMatchObject({
    x: { shape: [1, 28, 28, 1], dtype: 'float32' },
    y: { shape: [1], dtype: 'int32' },
  });
  for (const part of [train, test]) {
    const counts = new Array(10).fill(0);
    for (const label of part.columns.y.data) counts[label] += 1;
    expect(counts).toEqual(new Array(10).fill(part.length / 10));
  }
  const firsts = [0, 1, 2, 3, 4].map((block) => train.columns.y.data[10 * block]);
  expect(new Set(firsts).size).toBeGreaterThan(1);
});

test('load in typed batches, also after a split and with augmentation', async () => {
  const [train] = randomSplit(drawnDigits({ train: 30, test: 0 }).train, [0.8, 0.2], 1);
  if (!train) throw new Error('a split has parts');
  const loader = new DataLoader(train, { batchSize: 10, shuffle: true, transform: randomShift({ pixels: 2 }) });
  const shapes: number[][] = [];
  for await (const { x, y } of loader) {
    const images: tf.Tensor4D = x;
    const labels: tf.Tensor1D = y;
    shapes.push(images.shape, labels.shape);
    images.dispose();
    labels.dispose();
  }
  expect(shapes).toEqual([[10, 28, 28, 1], [10], [10, 28, 28, 1], [10], [4, 28, 28, 1], [4]]);
});

test('are neither trivial nor hopeless: the nearest of 3000 examples is right for most, not for all', () => {
  const { train, test } = drawnDigits({ train: 3000, test: 200, seed: 2 });
  const [known, asked] = [train.columns.x.data, test.columns.x.data];
  let right = 0;
  for (let row = 0; row < test.length; row++) {
    let [best, nearest] = [Number.POSITIVE_INFINITY, 0];
    for (let other = 0; other < train.length; other++) {
      let distance = 0;
      for (let i = 0; i < 784 && distance < best; i++) {
        const difference = (asked[row * 784 + i] as number) - (known[other * 784 + i] as number);
        distance += difference * difference;
      }
      if (distance < best) [best, nearest] = [distance, other];
    }
    if (train.columns.y.data[nearest] === test.columns.y.data[row]) right += 1;
  }
  expect(right / test.length).toBeGreaterThan(0.88);
  expect(right / test.length).toBeLessThan(0.995);
});

test('fill the middle of the image and keep inside it', () => {
  const { train } = drawnDigits({ train: 400, test: 0, seed: 6 });
  const mean = new Float64Array(784);
  const pixels = train.columns.x.data;
  for (let i = 0; i < pixels.length; i++) mean[i % 784] = (mean[i % 784] as number) + (pixels[i] as number) / 400;
  const middle = mean.filter((_, i) => Math.abs((i % 28) - 13.5) < 6 && Math.abs(Math.floor(i / 28) - 13.5) < 9);
  const rim = mean.filter((_, i) => i < 28 || i >= 756 || i % 28 === 0 || i % 28 === 27);
  const average = (values: Float64Array) => values.reduce((a, b) => a + b, 0) / values.length;
  expect(average(middle)).toBeGreaterThan(50);
  expect(average(rim)).toBeLessThan(8);
});
