/** Gradients that tfjs-core lacks, against central differences on the same function. */
import { tf } from 'kelvin';
import { beforeAll, describe, expect, it } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { expectClose, expectNothingLeft, normals, startTested, TESTED } from './support.ts';

beforeAll(async () => {
  await startTested();
});
assertFileLeaksNothing();

type F = (...xs: tf.Tensor[]) => tf.Tensor;

/** A function with its inputs' shapes; values are at least 0.1 apart from where it has a kink. */
const cases: Record<string, [F, ...number[][]]> = {
  'stridedSlice with strides': [(x) => tf.stridedSlice(x as tf.Tensor, [1, 0], [5, 6], [2, 3]), [5, 6]],
  'stridedSlice backwards': [(x) => tf.stridedSlice(x as tf.Tensor, [4, 0], [0, 4], [-1, 2]), [5, 4]],
  'stridedSlice with masks': [(x) => tf.stridedSlice(x as tf.Tensor, [1, 1], [2, 9], [1, 1], 1, 2, 0, 0, 2), [4, 3]],
  'squaredDifference, broadcast': [(a, b) => tf.squaredDifference(a as tf.Tensor, b as tf.Tensor), [3, 4], [4]],
  'squaredDifference, both broadcast': [(a, b) => tf.squaredDifference(a as tf.Tensor, b as tf.Tensor), [3, 1], [1, 2]],
  topk: [(x) => tf.topk(x as tf.Tensor, 3).values, [2, 3, 5]],
  'where on a condition computed from x': [
    (x) => tf.where(tf.greater(x as tf.Tensor, 0), tf.mul(x as tf.Tensor, 2), tf.square(x as tf.Tensor)),
    [7],
  ],
  'einsum, a product': [(a, b) => tf.einsum('ij,jk->ik', a as tf.Tensor, b as tf.Tensor), [3, 4], [4, 2]],
  'einsum, batched and transposed': [
    (a, b) => tf.einsum('bij,bkj->bik', a as tf.Tensor, b as tf.Tensor),
    [2, 3, 4],
    [2, 5, 4],
  ],
  'einsum, one operand': [(a) => tf.einsum('ij->j', a as tf.Tensor), [3, 4]],
  'einsum, a vector': [(a, b) => tf.einsum('i,ij->j', a as tf.Tensor, b as tf.Tensor), [3], [3, 4]],
  'conv2d, dilated': [
    (x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, 'same', 'NHWC', [2, 3]),
    [1, 7, 6, 2],
    [3, 2, 2, 3],
  ],
  'depthwiseConv2d, dilated': [
    (x, w) => tf.depthwiseConv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, 'valid', 'NHWC', 2),
    [2, 6, 7, 9],
    [2, 3, 9, 1],
  ],
};

describe('the gradient of', () => {
  const dilated = (name: string) => name.includes('dilated');
  const names = Object.keys(cases);
  it.each(names.filter((name) => !dilated(name)))('%s', check);
  it.skipIf(TESTED !== 'wasm').each(names.filter(dilated))('%s', check);

  function check(name: string): void {
    const [f, ...shapes] = cases[name] as [F, ...number[][]];
    const inputs = shapes.map((shape, i) => normals(7 + i, tf.util.sizeFromShape(shape)));
    const loss = (...xs: tf.Tensor[]) => {
      const y = f(...xs);
      return tf.sum(tf.mul(y, tf.reshape(tf.cos(tf.range(0, y.size, 1, 'float32')), y.shape))) as tf.Scalar;
    };
    const evaluate = (values: Float32Array[]) =>
      tf.tidy(() => loss(...values.map((one, i) => tf.tensor(one, shapes[i] as number[]))).dataSync()[0] as number);
    const gradients = expectNothingLeft(() =>
      tf.tidy(() =>
        tf
          .grads(loss)(inputs.map((one, i) => tf.tensor(one, shapes[i] as number[])))
          .map((g) => g.dataSync()),
      ),
    );
    const step = 1 / 64;
    gradients.forEach((gradient, i) => {
      const expected = Array.from(inputs[i] as Float32Array, (_, at) => {
        const moved = (by: number) =>
          evaluate(inputs.map((one, j) => (i === j ? one.map((value, k) => (k === at ? value + by : value)) : one)));
        return (moved(step) - moved(-step)) / (2 * step);
      });
      expectClose(gradient, expected, 2e-3);
    });
    expect(gradients).toHaveLength(shapes.length);
  }
});
