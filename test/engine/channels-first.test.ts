/** Channels-first convolutions give what channels-last ones of the transposed data do, gradients too. */
import fc from 'fast-check';
import { tf } from 'kelvin';
import { beforeAll, expect, it } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { expectClose, expectNothingLeft, howOften, normals, startTested } from './support.ts';

beforeAll(async () => {
  await startTested();
});
assertFileLeaksNothing();

const side = fc.integer({ min: 1, max: 6 });

it('convolves with any stride and padding', () => {
  const property = fc.property(
    side,
    side,
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 1, max: 2 }),
    fc.constantFrom<'same' | 'valid' | 1>('same', 'valid', 1),
    (height, width, filter, stride, pad) => {
      fc.pre(height >= filter && width >= filter);
      const [x, w] = [normals(1, 2 * 3 * height * width), normals(2, filter * filter * 3 * 4)];
      const run = (first: boolean): Float32Array[] =>
        expectNothingLeft(() =>
          tf.tidy(() => {
            const image = tf.tensor4d(x, [2, 3, height, width]);
            const kernel = tf.tensor4d(w, [filter, filter, 3, 4]);
            const f = (image: tf.Tensor, kernel: tf.Tensor): tf.Tensor => {
              const given = (first ? image : tf.transpose(image, [0, 2, 3, 1])) as tf.Tensor4D;
              const rounding = pad === 1 ? 'floor' : undefined;
              const format = first ? 'NCHW' : 'NHWC';
              const y = tf.conv2d(given, kernel as tf.Tensor4D, stride, pad, format, 1, rounding);
              return first ? y : tf.transpose(y, [0, 3, 1, 2]);
            };
            const y = f(image, kernel);
            const dy = tf.tensor(normals(3, y.size), y.shape);
            return [y, ...tf.grads(f)([image, kernel], dy)].map((one) => one.dataSync() as Float32Array);
          }),
        );
      const last = run(false);
      run(true).forEach((values, i) => {
        expectClose(values, last[i] as Float32Array, 1e-6);
      });
    },
  );
  fc.assert(property, howOften(30, 51));
});

it('takes a bias per channel and an activation', () => {
  const y = expectNothingLeft(() =>
    tf.tidy(() => {
      const x = tf.tensor4d([1, -2, 3, -4, 5, -6, 7, -8], [1, 2, 2, 2]);
      const filter = tf.tensor4d([1, 0, 0, 1], [1, 1, 2, 2]);
      const bias = tf.tensor1d([1, 10]);
      return tf.fused
        .conv2d({ x, filter, strides: 1, pad: 'valid', dataFormat: 'NCHW', bias, activation: 'relu' })
        .arraySync();
    }),
  );
  expect(y).toEqual([
    [
      [
        [2, 0],
        [4, 0],
      ],
      [
        [15, 4],
        [17, 2],
      ],
    ],
  ]);
});
