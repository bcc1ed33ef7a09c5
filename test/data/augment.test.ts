/** Each augmentation on small images whose result is known, and what all of them have in common. */
import fc from 'fast-check';
import {
  type BatchTransform,
  colorJitter,
  compose,
  normalize,
  randAugment,
  randomAffine,
  randomCrop,
  randomErasing,
  randomHorizontalFlip,
  randomResizedCrop,
  randomRotation,
  randomShift,
  randomVerticalFlip,
  sampleRandom,
} from 'kelvin';
import { describe, expect, test } from 'vitest';
import { applyAffine } from '../../src/data/augment/affine.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { augmented, counting, noise } from './augment-support.ts';

assertFileLeaksNothing();

const image = Float32Array.of(1, 2, 3, 4, 5, 6);
const shape = [2, 3];

describe('geometry', () => {
  test('flips', () => {
    expect(augmented(randomHorizontalFlip({ probability: 1 }), image, shape).data).toEqual([3, 2, 1, 6, 5, 4]);
    expect(augmented(randomVerticalFlip({ probability: 1 }), image, shape).data).toEqual([4, 5, 6, 1, 2, 3]);
    const colours = augmented(randomHorizontalFlip({ probability: 1 }), counting(6), [1, 2, 3]);
    expect(colours.data).toEqual([4, 5, 6, 1, 2, 3]);
    expect(augmented(randomHorizontalFlip({ probability: 0 }), image, shape).data).toEqual([...image]);
  });

  test('a flip of probability 0.3 happens so often', () => {
    const transform = randomHorizontalFlip({ probability: 0.3 });
    const flipped = Array.from({ length: 2000 }, (_, id) => augmented(transform, image, shape, { id }).data[0] === 3);
    expect(flipped.filter(Boolean).length / 2000).toBeCloseTo(0.3, 1);
  });

  test('crops are parts of the image with its padding', () => {
    const padded = (y: number, x: number): number => (y < 0 || x < 0 || y > 3 || x > 3 ? 0 : 4 * y + x + 1);
    const parts = new Set<string>();
    for (let top = -1; top <= 3; top++)
      for (let left = -1; left <= 3; left++)
        parts.add([padded(top, left), padded(top, left + 1), padded(top + 1, left), padded(top + 1, left + 1)].join());
    const seen = new Set<string>();
    for (let id = 0; id < 300; id++) {
      seen.add(augmented(randomCrop({ size: 2, padding: 1 }), counting(16), [4, 4], { id }).data.join());
    }
    expect([...seen].sort()).toEqual([...parts].sort());
    expect(() => augmented(randomCrop({ size: 8 }), counting(16), [4, 4])).toThrow(
      'randomCrop: the image is too small: expected at least 8 x 8 pixels with its padding of 0, got 4 x 4',
    );
  });

  test('the resized crop of everything is the image; half the size is the mean of neighbours', () => {
    const whole = { scale: [1, 1], ratio: [1, 1] } as const;
    const same = augmented(randomResizedCrop({ size: 4, ...whole }), counting(16), [4, 4]);
    same.data.forEach((value, i) => void expect(value).toBeCloseTo(i + 1, 6));
    const flat = augmented(randomResizedCrop({ size: [3, 5] }), new Float32Array(64).fill(0.25), [8, 8]);
    expect(flat.shape).toEqual([3, 5, 1]);
    expect(flat.data.every((value) => Math.abs(value - 0.25) < 1e-6)).toBe(true);
    // Triangles of width 4 over four pixels: weights 3/7 3/7 1/7 from the left border, 1/7 3/7 3/7 to the right one.
    const line = augmented(
      randomResizedCrop({ size: [1, 2], scale: [1, 1], ratio: [4, 4] }),
      Float32Array.of(7, 14, 0, 28),
      [1, 4],
    );
    expect(line.data[0]).toBeCloseTo((7 * 3 + 14 * 3 + 0) / 7, 5);
    expect(line.data[1]).toBeCloseTo((14 + 0 * 3 + 28 * 3) / 7, 5);
  });

  test('a quarter turn moves each pixel exactly; a turn of nothing moves none', () => {
    const data = counting(9);
    applyAffine({ data, height: 3, width: 3, channels: 1 }, { degrees: 90 });
    expect([...data]).toEqual([3, 6, 9, 2, 5, 8, 1, 4, 7]);
    applyAffine({ data, height: 3, width: 3, channels: 1 }, { degrees: -90, moveX: 1 });
    expect([...data]).toEqual([0, 1, 2, 0, 4, 5, 0, 7, 8]);
    expect(augmented(randomAffine(), image, shape).data).toEqual([...image]);
    expect(augmented(randomRotation({ degrees: 0 }), image, shape).data).toEqual([...image]);
    const constant = new Float32Array(81).fill(1);
    const turned = augmented(randomRotation({ degrees: 180, fill: 1 }), constant, [9, 9]);
    expect(turned.data.every((value) => Math.abs(value - 1) < 1e-6)).toBe(true);
  });

  test('a rotation keeps the distance of a spot from the centre', () => {
    const size = 21;
    for (let id = 0; id < 20; id++) {
      const spot = new Float32Array(size * size);
      spot[10 * size + 17] = 1;
      const { data } = augmented(randomRotation({ degrees: 180 }), spot, [size, size], { id });
      const total = data.reduce((sum, value) => sum + value, 0);
      const [y, x] = [0, 1].map(
        (axis) =>
          data.reduce((sum, value, i) => sum + value * (axis === 0 ? Math.floor(i / size) : i % size), 0) / total - 10,
      ) as [number, number];
      expect(Math.hypot(y, x)).toBeCloseTo(7, 0);
    }
  });

  test('a move goes no further than it may', () => {
    const spot = new Float32Array(100);
    spot[55] = 1;
    for (let id = 0; id < 50; id++) {
      const { data } = augmented(randomAffine({ translate: 0.2 }), spot, [10, 10], { id });
      data.forEach((value, i) => {
        if (value > 0) expect(Math.max(Math.abs(Math.floor(i / 10) - 5), Math.abs((i % 10) - 5))).toBeLessThan(3.001);
      });
      expect(data.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
    }
  });

  test('erasing paints one rectangle of the area that was asked for', () => {
    for (let id = 0; id < 30; id++) {
      const transform = randomErasing({ probability: 1, scale: [0.1, 0.2], value: -1 });
      const { data } = augmented(transform, new Float32Array(400), [20, 20], { id });
      const at = [...data.keys()].filter((i) => data[i] === -1);
      const rows = at.map((i) => Math.floor(i / 20));
      const columns = at.map((i) => i % 20);
      const span = (list: number[]) => Math.max(...list) - Math.min(...list) + 1;
      expect(at.length).toBe(span(rows) * span(columns));
      expect(at.length / 400).toBeGreaterThan(0.07);
      expect(at.length / 400).toBeLessThan(0.24);
    }
  });
});

describe('all of them', () => {
  const transforms: Record<string, BatchTransform> = {
    shift: randomShift({ pixels: 2 }),
    crop: randomCrop({ size: 6, padding: 2 }),
    resized: randomResizedCrop({ size: 6 }),
    flip: randomHorizontalFlip(),
    rotate: randomRotation({ degrees: 30 }),
    affine: randomAffine({ degrees: 10, translate: 0.1, scale: [0.8, 1.2], shear: 10 }),
    colour: colorJitter({ brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.2 }),
    erase: randomErasing({ value: 'noise' }),
    rand: randAugment({ operations: 3, magnitude: 15 }),
  };
  const everything = compose(Object.values(transforms));

  test.each([...Object.entries(transforms), ['compose', everything] as const])(
    '%s: one view is always the same, others differ, and values stay between black and white',
    (_, transform) => {
      const pixels = noise(8 * 8 * 3);
      const bytes = Uint8Array.from(pixels, (value) => 255 * value);
      const views = Array.from({ length: 12 }, (__, epoch) =>
        augmented(transform, pixels, [8, 8, 3], { epoch, id: 'a' }),
      );
      const again = augmented(transform, pixels, [8, 8, 3], { epoch: 3, id: 'a' });
      expect(again).toEqual(views[3]);
      expect(new Set(views.map(({ data }) => data.join())).size).toBeGreaterThan(1);
      for (const { data } of views) expect(data.every((value) => value >= -1e-6 && value <= 1 + 1e-6)).toBe(true);
      const whole = augmented(transform, bytes, [8, 8, 3]).data;
      expect(whole.every((value) => Number.isInteger(value) && value >= 0 && value <= 255)).toBe(true);
    },
  );

  test('a composition goes on with the stream of the sample instead of beginning it again', () => {
    const both = compose([randomHorizontalFlip(), randomHorizontalFlip()]);
    const kept = Array.from({ length: 100 }, (_, id) => augmented(both, image, shape, { id }).data[0] === 1);
    expect(kept.filter(Boolean).length).toBeLessThan(80);
  });

  test('a sample is the same in whatever batch it comes', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(50), { minLength: 1, maxLength: 6 }), (ids) => {
        const data = Float32Array.from(ids.flatMap((id) => [...noise(48, id)]));
        const batch = everything.batch({ x: { data, shape: [ids.length, 4, 4, 3] } }, (row) =>
          sampleRandom({ seed: 1, epoch: 0, id: ids[row] as number }),
        );
        const size = 6 * 6 * 3;
        ids.forEach((id, row) => {
          const own = batch.x?.data.slice(row * size, (row + 1) * size);
          expect([...(own ?? [])]).toEqual(augmented(everything, noise(48, id), [4, 4, 3], { id }).data);
        });
      }),
      { numRuns: 20 },
    );
  });

  test('mistakes are named', () => {
    expect(() => randomRotation({ degrees: 200 })).toThrow(
      'randomRotation: option `degrees`: expected a number from 0 to 180',
    );
    expect(() => randomCrop({ size: 4, pading: 2 } as never)).toThrow('did you mean `padding`?');
    expect(() => randomResizedCrop({ size: 4, scale: [1, 0.5] })).toThrow('two numbers above 0, the smaller first');
    expect(() => normalize({ mean: [1, 2], std: [1] })).toThrow('as many `std` as `mean`');
    expect(() => normalize({ mean: [1], std: [0] })).toThrow('numbers above 0');
    expect(() => compose([(() => 1) as never])).toThrow('compose: transform number 0');
  });
});
