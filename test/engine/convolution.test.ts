/** Convolutions, depthwise convolutions and pooling on the completed wasm engine, against a reference in doubles. */
import fc from 'fast-check';
import { tf } from 'kelvin';
import { beforeAll, describe, expect, it } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import * as reference from './reference.ts';
import {
  expectClose,
  expectNothingLeft,
  howOften,
  normals,
  startTested,
  TESTED,
  valueAndGradients,
} from './support.ts';

beforeAll(async () => {
  await startTested();
});
assertFileLeaksNothing();

const side = fc.integer({ min: 1, max: 4 });
const slides: fc.Arbitrary<reference.Slide> = fc.record({
  batch: fc.integer({ min: 1, max: 3 }),
  height: fc.integer({ min: 4, max: 9 }),
  width: fc.integer({ min: 4, max: 9 }),
  channels: fc.integer({ min: 1, max: 5 }),
  filter: fc.tuple(side, side),
  strides: fc.tuple(side, side),
  pad: fc.constantFrom('same' as const, 'valid' as const),
});
const runs = howOften(40, 20);

const imageShape = ({ batch, height, width, channels }: reference.Slide) => [batch, height, width, channels];
const pixels = (slide: reference.Slide) => slide.batch * reference.outputSize(slide).reduce((a, b) => a * b);
const image = (slide: reference.Slide, shift = 0) => {
  const shape = imageShape(slide);
  return { shape, values: normals(1, tf.util.sizeFromShape(shape)).map((value) => value + shift) };
};

describe('conv2d', () => {
  it('has the right values and gradients for any shape, stride and padding', () => {
    fc.assert(
      fc.property(slides, fc.integer({ min: 1, max: 5 }), (slide, filters) => {
        const shape = [...slide.filter, slide.channels, filters] as [number, number, number, number];
        const [x, w] = [image(slide), { shape, values: normals(2, tf.util.sizeFromShape(shape)) }];
        const dy = normals(3, pixels(slide) * filters);
        const conv = (x: tf.Tensor, w: tf.Tensor) =>
          tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, [...slide.strides], slide.pad);
        const [y, dx, dw] = valueAndGradients(conv as never, [x, w], dy) as [Float32Array, Float32Array, Float32Array];
        const expected = reference.conv2d(slide, filters, x.values, w.values, dy);
        expectClose(y, expected.y);
        expectClose(dx, expected.dx);
        expectClose(dw, expected.dw);
      }),
      runs,
    );
  });

  it('is the same fused with a bias and an activation, outside of a gradient', () => {
    fc.assert(
      fc.property(slides, (slide) => {
        const shape = [...slide.filter, slide.channels, 3] as [number, number, number, number];
        const [x, w] = [image(slide), normals(2, tf.util.sizeFromShape(shape))];
        const y = expectNothingLeft(() =>
          tf.tidy(() =>
            tf.fused
              .conv2d({
                x: tf.tensor(x.values, x.shape as [number, number, number, number]) as tf.Tensor4D,
                filter: tf.tensor4d(w, shape),
                strides: [...slide.strides],
                pad: slide.pad,
                bias: tf.tensor1d([1, 2, 3]),
                activation: 'relu',
              })
              .dataSync(),
          ),
        );
        const plain = reference.conv2d(slide, 3, x.values, w, new Float32Array(pixels(slide) * 3)).y;
        expectClose(
          y,
          plain.map((value, i) => Math.max(0, value + 1 + (i % 3))),
        );
      }),
      runs,
    );
  });

  it('adds the filter gradient up in chunks when the patches would not fit one', () => {
    const slide = {
      batch: 5,
      height: 40,
      width: 40,
      channels: 16,
      filter: [3, 3],
      strides: [1, 1],
      pad: 'same',
    } as const;
    const shape: [number, number, number, number] = [3, 3, 16, 2];
    const [x, w] = [image(slide), { shape, values: normals(2, 288) }];
    const dy = normals(3, pixels(slide) * 2);
    const conv = (x: tf.Tensor, w: tf.Tensor) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, 'same');
    const results = valueAndGradients(conv as never, [x, w], dy);
    const { y, dx, dw } = reference.conv2d(slide, 2, x.values, w.values, dy);
    [y, dx, dw].forEach((expected, i) => {
      expectClose(results[i] as Float32Array, expected);
    });
  });

  it('has gradients of its own gradient: conv2dTranspose trains', () => {
    const slide = { batch: 2, height: 8, width: 6, channels: 3, filter: [3, 3], strides: [2, 2], pad: 'same' } as const;
    const shape: [number, number, number, number] = [3, 3, 3, 4];
    const w = { shape, values: normals(2, 108) };
    const small = { shape: [2, 4, 3, 4], values: normals(3, 96) };
    const dImage = image(slide).values;
    const transpose = (x: tf.Tensor, w: tf.Tensor) =>
      tf.conv2dTranspose(x as tf.Tensor4D, w as tf.Tensor4D, [2, 8, 6, 3], 2, 'same');
    const [y, dSmall, dw] = valueAndGradients(transpose as never, [small, w], dImage) as Float32Array[];
    const expected = reference.conv2d(slide, 4, dImage, w.values, small.values);
    expectClose(y as Float32Array, expected.dx);
    expectClose(dSmall as Float32Array, expected.y);
    expectClose(dw as Float32Array, expected.dw);
  });
});

describe('depthwiseConv2d', () => {
  it('has the right values and gradients for any shape, stride, padding and channel multiplier', () => {
    const square = slides.map((slide) => ({ ...slide, strides: [slide.strides[0], slide.strides[0]] as const }));
    fc.assert(
      fc.property(square, fc.integer({ min: 1, max: 3 }), (slide, multiplier) => {
        const shape = [...slide.filter, slide.channels, multiplier];
        const [x, w] = [image(slide), { shape, values: normals(2, tf.util.sizeFromShape(shape)) }];
        const dy = normals(3, pixels(slide) * slide.channels * multiplier);
        const conv = (x: tf.Tensor, w: tf.Tensor) =>
          tf.depthwiseConv2d(x as tf.Tensor4D, w as tf.Tensor4D, slide.strides[0], slide.pad);
        const [y, dx, dw] = valueAndGradients(conv as never, [x, w], dy) as [Float32Array, Float32Array, Float32Array];
        const expected = reference.depthwise(slide, multiplier, x.values, w.values, dy);
        expectClose(y, expected.y);
        expectClose(dx, expected.dx);
        expectClose(dw, expected.dw);
      }),
      runs,
    );
  });
});

describe('pooling', () => {
  const pool = (kind: 'maxPool' | 'avgPool', { filter, strides, pad }: reference.Slide) =>
    ((x: tf.Tensor) => tf[kind](x as tf.Tensor4D, [...filter], [...strides], pad)) as never;

  it.each([
    ['values of both signs', 0],
    ['negative values only', -9],
  ])('maxPool has the right values and gradients for %s', (_, shift) => {
    fc.assert(
      fc.property(slides, (slide) => {
        const x = image(slide, shift);
        const dy = normals(3, pixels(slide) * slide.channels);
        const [y, dx] = valueAndGradients(pool('maxPool', slide), [x], dy) as [Float32Array, Float32Array];
        const expected = reference.maxPool(slide, x.values, dy);
        expectClose(y, expected.y);
        expectClose(dx, expected.dx);
      }),
      runs,
    );
  });

  it.skipIf(TESTED !== 'wasm')(
    'maxPool gives the gradient of equal maxima to the first, and of a NaN to the NaN',
    () => {
      const pooled = (values: number[]) =>
        tf.tidy(() => {
          const x = tf.tensor4d(values, [1, 2, 2, 1]);
          return [
            ...tf
              .grad((x) => tf.maxPool(x as tf.Tensor4D, 2, 2, 'valid'))(x)
              .dataSync(),
          ];
        });
      expect(pooled([0, 0, 0, 0])).toEqual([1, 0, 0, 0]);
      expect(pooled([1, Number.NaN, 2, 3])).toEqual([0, 1, 0, 0]);
    },
  );

  it('avgPool has the right values and gradients', () => {
    fc.assert(
      fc.property(slides, (slide) => {
        const x = image(slide);
        const dy = normals(3, pixels(slide) * slide.channels);
        const [y, dx] = valueAndGradients(pool('avgPool', slide), [x], dy) as [Float32Array, Float32Array];
        const expected = reference.avgPool(slide, x.values, dy);
        expectClose(y, expected.y);
        expectClose(dx, expected.dx);
      }),
      runs,
    );
  });
});
