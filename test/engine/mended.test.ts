/** What tfjs-core's own test suite found wrong on the embedded engine, in small; `npm run test:tfjs-core` runs all of it. */
import fc from 'fast-check';
import { tf } from 'kelvin';
import { beforeAll, describe, expect, it } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { expectClose, expectNothingLeft, howOften, normals, startTested } from './support.ts';

beforeAll(async () => {
  await startTested();
});
assertFileLeaksNothing();

const valuesOf = (body: () => tf.Tensor) => expectNothingLeft(() => tf.tidy(() => Array.from(body().dataSync())));

describe('convolution', () => {
  it('strides over what is padded by hand, also where the output has the size of the input', () => {
    const cases = fc.record({
      side: fc.integer({ min: 1, max: 6 }),
      filter: fc.integer({ min: 1, max: 3 }),
      stride: fc.integer({ min: 1, max: 3 }),
      before: fc.integer({ min: 0, max: 3 }),
      after: fc.integer({ min: 0, max: 3 }),
    });
    fc.assert(
      fc.property(cases, ({ side, filter, stride, before, after }) => {
        fc.pre(side + before + after >= filter);
        const [x, w] = [normals(1, side * side * 2), normals(2, filter * filter * 2)];
        const actual = valuesOf(() => {
          const pad: [[0, 0], [number, number], [number, number], [0, 0]] = [
            [0, 0],
            [before, after],
            [before, after],
            [0, 0],
          ];
          return tf.conv2d(tf.tensor3d(x, [side, side, 2]), tf.tensor4d(w, [filter, filter, 2, 1]), stride, pad);
        });
        const out = Math.floor((side + before + after - filter) / stride) + 1;
        const expected = new Float64Array(out * out);
        for (let at = 0; at < out * out; at++)
          for (let tap = 0; tap < filter * filter; tap++) {
            const row = Math.floor(at / out) * stride - before + Math.floor(tap / filter);
            const column = (at % out) * stride - before + (tap % filter);
            if (row < 0 || row >= side || column < 0 || column >= side) continue;
            for (let c = 0; c < 2; c++)
              expected[at] =
                (expected[at] as number) + (x[(row * side + column) * 2 + c] as number) * (w[tap * 2 + c] as number);
          }
        expectClose(actual, expected);
      }),
      howOften(60, 41),
    );
  });

  it('transposed, reads an input that is larger than its output by its own rows', () => {
    const x = [1, 2, 3, 4, 5, 6, 7, 8, 9];
    const actual = valuesOf(() =>
      tf.conv2dTranspose(tf.tensor3d(x, [3, 3, 1]), tf.tensor4d([2], [1, 1, 1, 1]), [2, 2, 1], 1, 'same'),
    );
    expect(actual).toEqual([2, 4, 8, 10]);
  });

  it('refuses an output gradient that is too small, instead of reading beyond it', () => {
    const convolve = () =>
      tf.conv2dTranspose(tf.tensor3d([1], [1, 1, 1]), tf.tensor4d([1], [1, 1, 1, 1]), [3, 3, 1], 1, 'same');
    expect(() => tf.tidy(convolve)).toThrow(/output gradient of shape/);
  });

  it('takes a bias of any shape that broadcasts', () => {
    const actual = valuesOf(() =>
      tf.fused.matMul({
        a: tf.tensor2d([1, 2, 3, 4], [2, 2]),
        b: tf.tensor2d([1, 0, 0, 1], [2, 2]),
        bias: tf.tensor2d([10, -20, 30, -40], [2, 2]),
        activation: 'relu',
      }),
    );
    expect(actual).toEqual([11, 0, 33, 0]);
  });
});

describe('kernels that training seldom meets', () => {
  it('compare, repeat and fill strings', () => {
    expect(valuesOf(() => tf.equal(tf.tensor1d(['a', 'b']), tf.tensor1d(['a', 'c'])))).toEqual([1, 0]);
    expect(valuesOf(() => tf.less(tf.tensor1d(['a', 'b']), tf.tensor1d(['b', 'a'])))).toEqual([1, 0]);
    expect(valuesOf(() => tf.tile(tf.tensor1d(['a', 'b']), [2]))).toEqual(['a', 'b', 'a', 'b']);
    expect(valuesOf(() => tf.fill([2], 'word' as never))).toEqual(['word', 'word']);
  });

  it('cast whatever is not 0 to true', () => {
    expect(valuesOf(() => tf.tensor1d([0, 0.5, -3, 256]).toBool())).toEqual([0, 1, 1, 1]);
  });

  it('count the values of an image', () => {
    const counted = valuesOf(() => tf.bincount(tf.tensor([0, 1, 1, 3], [2, 2, 1], 'int32') as never, [] as never, 4));
    expect(counted).toEqual([1, 2, 0, 1]);
  });
});
