/** Colours, statistics, and augmentation within workers. */
import {
  ArrayDataset,
  channelStatistics,
  colorJitter,
  compose,
  DataLoader,
  normalize,
  randAugment,
  randomResizedCrop,
  tf,
} from 'kelvin';
import { describe, expect, test } from 'vitest';
import {
  adjustContrast,
  adjustHue,
  adjustSaturation,
  adjustSharpness,
  autocontrast,
  equalize,
  posterize,
  solarize,
} from '../../src/data/augment/colour.ts';
import type { Pixels } from '../../src/data/augment/image.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { augmented, noise } from './augment-support.ts';

assertFileLeaksNothing();

/** The values after `change`, rounded to four digits. */
function changed(change: (image: Pixels) => void, values: readonly number[], channels = 3, height = 1): number[] {
  const data = Float32Array.from(values);
  change({ data, height, width: data.length / channels / height, channels });
  return [...data].map((value) => Math.round(value * 1e4) / 1e4);
}

describe('colours', () => {
  const red = [1, 0, 0];

  test('hue goes round the circle', () => {
    expect(changed((image) => adjustHue(image, 1 / 3), red)).toEqual([0, 1, 0]);
    expect(changed((image) => adjustHue(image, -1 / 3), red)).toEqual([0, 0, 1]);
    expect(changed((image) => adjustHue(image, 0.5), red)).toEqual([0, 1, 1]);
    expect(changed((image) => adjustHue(image, 0.25), [0.5, 0.5, 0.5])).toEqual([0.5, 0.5, 0.5]);
    const there = [...noise(30)];
    const back = changed((image) => {
      adjustHue(image, 0.2);
      adjustHue(image, -0.2);
    }, there);
    back.forEach((value, i) => void expect(value).toBeCloseTo(there[i] as number, 3));
  });

  test('contrast, saturation and sharpness move away from gray, mean and blur', () => {
    expect(changed((image) => adjustContrast(image, 0), [0.2, 0.4, 0.6, 0.8], 1)).toEqual([0.5, 0.5, 0.5, 0.5]);
    expect(changed((image) => adjustContrast(image, 2), [0.25, 0.75], 1)).toEqual([0, 1]);
    expect(changed((image) => adjustSaturation(image, 0), red)).toEqual([0.299, 0.299, 0.299]);
    expect(changed((image) => adjustSaturation(image, 0.5), [0.4, 0.4, 0.4])).toEqual([0.4, 0.4, 0.4]);
    const dot = [0, 0, 0, 0, 1, 0, 0, 0, 0];
    expect(changed((image) => adjustSharpness(image, 0), dot, 1, 3)[4]).toBeCloseTo(5 / 13, 4);
    expect(changed((image) => adjustSharpness(image, 1), dot, 1, 3)).toEqual(dot);
  });

  test('tone curves', () => {
    expect(changed((image) => posterize(image, 1), [0.2, 0.6, 1], 1)).toEqual([0, 0.502, 0.502]);
    expect(changed((image) => posterize(image, 8), [0, 51 / 255, 1], 1)).toEqual([0, 0.2, 1]);
    expect(changed((image) => solarize(image, 0.5), [0.25, 0.5, 1], 1)).toEqual([0.25, 0.5, 0]);
    expect(changed(autocontrast, [0.25, 0.5, 0.75], 1)).toEqual([0, 0.5, 1]);
    expect(changed(autocontrast, [0.3, 0.3], 1)).toEqual([0.3, 0.3]);
    // 512 values on two neighbouring levels come out as black and white.
    const levels = Array.from({ length: 512 }, (_, i) => (i < 256 ? 100 : 101) / 255);
    const spread = changed(equalize, levels, 1);
    expect([spread[0], spread[511]]).toEqual([0, 1]);
  });

  test('a jitter of nothing changes nothing, and brightness stays within its bounds', () => {
    const image = noise(48);
    expect(augmented(colorJitter(), image, [4, 4, 3]).data).toEqual([...image]);
    const factors = Array.from({ length: 200 }, (_, id) => {
      const { data } = augmented(colorJitter({ brightness: 0.3 }), Float32Array.of(0.5), [1, 1, 1], { id });
      return 2 * (data[0] as number);
    });
    expect(Math.min(...factors)).toBeGreaterThanOrEqual(0.7 - 1e-6);
    expect(Math.max(...factors)).toBeLessThanOrEqual(1.3 + 1e-6);
    expect(Math.max(...factors) - Math.min(...factors)).toBeGreaterThan(0.5);
  });
});

describe('statistics', () => {
  test('measured, stored and used, they give mean 0 and variance 1', async () => {
    const data = noise(20 * 4 * 4 * 3);
    const images = new ArrayDataset({ x: { data, shape: [4, 4, 3] }, y: { data: new Int32Array(20), shape: [] } });
    const statistics = JSON.parse(JSON.stringify(await channelStatistics(images))) as { mean: number[]; std: number[] };
    const first = [...data].filter((_, i) => i % 3 === 0);
    expect(statistics.mean[0]).toBeCloseTo(first.reduce((a, b) => a + b) / first.length, 6);
    const loader = new DataLoader<{ x: tf.Tensor4D; y: tf.Tensor1D }>(images, {
      batchSize: 20,
      transform: normalize(statistics),
    });
    for (const batch of loader) {
      const { mean, variance } = tf.tidy(() => {
        const moments = tf.moments(batch.x, [0, 1, 2]);
        return { mean: moments.mean.arraySync() as number[], variance: moments.variance.arraySync() as number[] };
      });
      tf.dispose(batch);
      for (const value of mean) expect(value).toBeCloseTo(0, 4);
      for (const value of variance) expect(value).toBeCloseTo(1, 4);
    }
    await expect(channelStatistics({ length: 1, get: () => ({ x: 1 }) })).rejects.toThrow('an image [height, width');
    expect(() => augmented(normalize({ mean: [0, 0], std: [1, 1] }), new Float32Array(3), [1, 1, 3])).toThrow(
      'expected 2',
    );
  });
});

test('workers augment as the main thread does', async () => {
  const images = new ArrayDataset({ x: { data: noise(12 * 8 * 8 * 3), shape: [8, 8, 3] } });
  const transform = compose([
    randomResizedCrop({ size: 5 }),
    randAugment(),
    normalize({ mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] }),
  ]);
  const seen: number[][][] = [];
  for (const workers of [0, 1]) {
    const loader = new DataLoader<{ x: tf.Tensor4D }>(images, {
      batchSize: 5,
      seed: 4,
      shuffle: true,
      transform,
      workers,
    });
    const batches: number[][] = [];
    for await (const { x } of loader) {
      expect(x.shape.slice(1)).toEqual([5, 5, 3]);
      batches.push([...x.dataSync()]);
      x.dispose();
    }
    seen.push(batches);
    await loader.close();
  }
  expect(seen[1]).toEqual(seen[0]);
});
