/** NaN gets through on the embedded engine: a model that diverges must not look as if it trained. */
import { tf } from 'kelvin';
import { beforeAll, describe, expect, it } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { expectNothingLeft, runAt, startTested, TESTED_LEVELS } from './support.ts';

beforeAll(async () => {
  await startTested();
});
assertFileLeaksNothing();

const values = (f: () => tf.Tensor): number[] => expectNothingLeft(() => tf.tidy(() => [...f().dataSync()]));
const X = [Number.NaN, -1, 0, 1, 7, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2];
const x = () => tf.tensor1d(X);
const same = (f: (value: number) => number) => X.map((value) => (Number.isNaN(value) ? value : f(value) + 0));

describe.each(TESTED_LEVELS)('NaN passes through at level %s', (level) => {
  runAt(level);

  it.each<[string, () => tf.Tensor, number[]]>([
    ['relu', () => tf.relu(x()), same((v) => Math.max(0, v))],
    ['relu6', () => tf.relu6(x()), same((v) => Math.min(6, Math.max(0, v)))],
    ['clipByValue', () => tf.clipByValue(x(), -2, 2), same((v) => Math.min(2, Math.max(-2, v)))],
    ['maximum', () => tf.maximum(x(), 1), same((v) => Math.max(1, v))],
    ['minimum', () => tf.minimum(tf.scalar(1), x()), same((v) => Math.min(1, v))],
    ['max', () => tf.max(tf.tensor2d([1, Number.NaN, 3, 4, 5, 6], [2, 3]), 1), [Number.NaN, 6]],
    ['min', () => tf.min(tf.tensor2d([1, 2, Number.NaN, 4, 5, 6], [3, 2]), 0), [Number.NaN, 2]],
    ['max of many', () => tf.max(tf.tensor1d([...Array(16).keys(), Number.NaN])), [Number.NaN]],
  ])('%s', (_, f, expected) => {
    expect(values(f)).toEqual(expected);
  });

  describe.each(['maxPool', 'avgPool'] as const)('%s', (pool) => {
    it.each([1, 4, 5])('with %i channels', (channels) => {
      const image = Array.from({ length: 4 * 4 * channels }, (_, i) => (i < channels ? Number.NaN : i));
      const y = values(() => tf[pool](tf.tensor4d(image, [1, 4, 4, channels]), 2, 2, 'valid'));
      y.forEach((value, i) => {
        expect(Number.isNaN(value)).toBe(i < channels);
      });
    });
  });

  it.each(['relu', 'relu6'] as const)('a fused %s', (activation) => {
    const [a, b] = [() => tf.tensor2d([[Number.NaN, 1]]), () => tf.tensor2d([[1], [1]])];
    expect(values(() => tf.fused.matMul({ a: a(), b: b(), activation }))).toEqual([Number.NaN]);
    const image = () => tf.tensor4d([Number.NaN, 1, 2, 3], [1, 2, 2, 1]);
    const filter = () => tf.tensor4d([1], [1, 1, 1, 1]);
    const conv = () => tf.fused.conv2d({ x: image(), filter: filter(), strides: 1, pad: 'valid', activation });
    expect(values(conv)).toEqual([Number.NaN, 1, 2, 3]);
    const depthwise = () =>
      tf.fused.depthwiseConv2d({ x: image(), filter: filter(), strides: 1, pad: 'valid', activation });
    expect(values(depthwise)).toEqual([Number.NaN, 1, 2, 3]);
  });

  it('relu and relu6 pass the gradient of a NaN on', () => {
    for (const f of [tf.relu, tf.relu6])
      expect(values(() => tf.grad((y) => tf.sum(tf.mul(f(y), 3)))(x())).slice(0, 5)).toEqual([
        3,
        0,
        0,
        3,
        f === tf.relu ? 3 : 0,
      ]);
  });
});

describe.each(TESTED_LEVELS)('others that were wrong are right at level %s', (level) => {
  runAt(level);

  it.each(['float32', 'int32', 'bool'] as const)('oneHot as %s', (dtype) => {
    const y = values(() => tf.oneHot(tf.tensor1d([1, 0, 5], 'int32'), 3, 1, 0, dtype));
    expect(y).toEqual([0, 1, 0, 1, 0, 0, 0, 0, 0]);
  });

  it.each(['float32', 'int32', 'bool'] as const)('stridedSlice keeps %s', (dtype) => {
    const y = () => tf.stridedSlice(tf.tensor1d([1, 0, 1, 0, 0], dtype), [0], [5], [2]);
    expect(values(y)).toEqual([1, 1, 0]);
    expect(tf.tidy(() => y().dtype)).toBe(dtype);
  });

  it.each(['float32', 'int32'] as const)('where picks %s values, also broadcast', (dtype) => {
    const y = () => tf.where(tf.tensor1d([1, 0, 1], 'bool'), tf.tensor1d([1, 2, 3], dtype), tf.tensor1d([9], dtype));
    expect(values(y)).toEqual([1, 9, 3]);
  });

  it.each(['same', 'valid'] as const)('gradients of dilated convolutions, %s', (pad) => {
    const [x, w] = [
      tf.randomNormal([2, 7, 8, 3], 0, 1, 'float32', 1),
      tf.randomNormal([3, 2, 3, 4], 0, 1, 'float32', 2),
    ];
    const plain = (filter: tf.Tensor) => {
      // A dilated filter is a larger one with zeros between its taps.
      const rows = tf
        .stack([filter, tf.zerosLike(filter)], 1)
        .reshape([6, 2, 3, 4])
        .slice([0], [5]);
      return tf
        .stack([rows, tf.zerosLike(rows)], 2)
        .reshape([5, 4, 3, 4])
        .slice([0, 0], [5, 3]) as tf.Tensor4D;
    };
    const conv = (x: tf.Tensor, w: tf.Tensor) =>
      tf.sum(tf.square(tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, pad, 'NHWC', 2)));
    const spread = (x: tf.Tensor, w: tf.Tensor) => tf.sum(tf.square(tf.conv2d(x as tf.Tensor4D, plain(w), 1, pad)));
    tf.tidy(() => {
      const [dilated, expected] = [tf.grads(conv)([x, w]), tf.grads(spread)([x, w])];
      dilated.forEach((gradient, i) => {
        const difference = tf.max(tf.abs(tf.sub(gradient, expected[i] as tf.Tensor)));
        expect(difference.dataSync()[0]).toBeLessThan(1e-3);
      });
    });
    tf.dispose([x, w]);
  });
});
