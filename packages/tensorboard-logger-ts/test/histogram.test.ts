/** Histogram bins, held against those that TensorBoard 2.21's `histogram_pb` made from the same values. */
import { histogramBins } from 'tensorboard-logger-ts';
import { expect, test } from 'vitest';

const rows = (values: ArrayLike<number>, bins?: number) =>
  histogramBins(values, bins).bins.map(({ left, right, count }) => [left, right, count]);

test('bins are those of TensorBoard', () => {
  const values = Array.from({ length: 200 }, (_, i) => ((i * 7919) % 1009) / 100 - 5);
  const bins = rows(values);
  expect(bins.map(([, , count]) => count)).toEqual([
    7, 6, 7, 7, 6, 7, 6, 7, 7, 6, 7, 6, 7, 6, 7, 6, 7, 7, 6, 7, 7, 6, 6, 7, 7, 7, 7, 6, 7, 8,
  ]);
  expect(bins[0]).toEqual([-5, expect.closeTo(-4.665, 12), 7]);
  expect(bins[1]).toEqual([expect.closeTo(-4.665, 12), expect.closeTo(-4.33, 12), 6]);
  expect(bins[29]?.[1]).toBeCloseTo(5.05, 12);
});

test('no values: all zero', () => {
  expect(rows([], 2)).toEqual([
    [0, 0, 0],
    [0, 0, 0],
  ]);
});

test('equal values: all in the last bin', () => {
  expect(rows([2, 2], 4)).toEqual([
    [2, 2, 0],
    [2, 2, 0],
    [2, 2, 0],
    [2, 2, 2],
  ]);
});

test('the last bin holds its right edge', () => {
  expect(rows(Float32Array.of(1, 2, 5), 4)).toEqual([
    [1, 2, 1],
    [2, 3, 1],
    [3, 4, 0],
    [4, 5, 1],
  ]);
});

test('values that are not finite are left out and counted', () => {
  const counted = histogramBins([Number.NaN, 1, Number.POSITIVE_INFINITY, 3, Number.NEGATIVE_INFINITY], 2);
  expect(counted).toEqual({
    bins: [
      { left: 1, right: 2, count: 1 },
      { left: 2, right: 3, count: 1 },
    ],
    ignored: 3,
  });
  expect(histogramBins([Number.NaN], 1)).toEqual({ bins: [{ left: 0, right: 0, count: 0 }], ignored: 1 });
});

test('ranges at the limits of the number type', () => {
  expect(rows([-Number.MAX_VALUE, 0, Number.MAX_VALUE], 2)).toEqual([
    [-Number.MAX_VALUE, 0, 1],
    [0, Number.MAX_VALUE, 2],
  ]);
  expect(rows([0, Number.MIN_VALUE], 4).at(-1)).toEqual([0, Number.MIN_VALUE, 2]);
});
