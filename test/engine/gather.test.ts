/** Gathering, segment sums, slices and copies on the completed wasm engine. */
import fc from 'fast-check';
import { tf } from 'kelvin';
import { beforeAll, describe, expect, it } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
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

describe('gather', () => {
  /** x [batch, outer, dim, inner]; indices [batch, picks], or [picks] without batch dimensions. */
  const cases = fc.record({
    batch: fc.integer({ min: 1, max: 3 }),
    outer: fc.integer({ min: 1, max: 3 }),
    dim: fc.integer({ min: 1, max: 4 }),
    inner: fc.integer({ min: 1, max: 3 }),
    picks: fc.integer({ min: 1, max: 6 }),
    seed: fc.nat(1000),
  });

  it.each([0, 1, 2])(
    'has the right values and gradients with %i batch dimensions, for repeated indices too',
    (dims) => {
      fc.assert(
        fc.property(cases, ({ batch, outer, dim, inner, picks, seed }) => {
          const shape = [batch, outer, dim, inner];
          const lists = [1, batch, batch * outer][dims] as number;
          const indices = normals(seed, lists * picks).map((value) => Math.floor(Math.abs(value) * 100) % dim);
          const indexShape = [...shape.slice(0, dims), picks];
          const x = { shape, values: normals(1, tf.util.sizeFromShape(shape)) };
          const dy = normals(2, batch * outer * picks * inner);
          const gather = (x: tf.Tensor) => tf.gather(x, tf.tensor(indices, indexShape, 'int32'), 2, dims);
          const [y, dx] = valueAndGradients(gather as never, [x], dy) as [Float32Array, Float32Array];
          const [expectedY, expectedDx] = [new Float64Array(y.length), new Float64Array(dx.length)];
          for (let o = 0; o < y.length; o++) {
            const pick = Math.floor(o / inner) % picks;
            const block = Math.floor(o / (inner * picks));
            const list = dims === 0 ? 0 : dims === 1 ? Math.floor(block / outer) : block;
            const source = (block * dim + (indices[list * picks + pick] as number)) * inner + (o % inner);
            expectedY[o] = x.values[source] as number;
            expectedDx[source] = (expectedDx[source] as number) + (dy[o] as number);
          }
          expectClose(y, expectedY, 0);
          expectClose(dx, expectedDx, 1e-6);
        }),
        howOften(25, 7),
      );
    },
  );

  it.skipIf(TESTED !== 'wasm')('says which index is out of range', () => {
    const gather = () =>
      tf.tidy(() => tf.gather(tf.zeros([2, 3]), tf.tensor2d([[0], [3]], [2, 1], 'int32'), 1, 1).dataSync());
    expect(() => expectNothingLeft(gather)).toThrowErrorMatchingInlineSnapshot(
      `[BackendError: gather: an index is out of range: expected a whole number from 0 to 2, got 3.]`,
    );
  });

  it('trains an embedding', () => {
    const layer = tf.layers.embedding({ inputDim: 4, outputDim: 2 });
    tf.tidy(() => void layer.apply(tf.zeros([1, 3], 'int32')));
    const gradient = expectNothingLeft(() =>
      tf.tidy(() => {
        const ids = tf.tensor2d([1, 3, 1], [1, 3], 'int32');
        const { grads } = tf.variableGrads(() => (layer.apply(ids) as tf.Tensor).sum() as tf.Scalar);
        return [...(Object.values(grads)[0] as tf.Tensor).dataSync()];
      }),
    );
    expect(gradient).toEqual([0, 0, 2, 2, 0, 0, 1, 1]);
    layer.dispose();
  });
});

describe('unsortedSegmentSum', () => {
  it('leaves out segments that do not exist, keeps integers, and has a gradient', () => {
    tf.tidy(() => {
      const ids = tf.tensor1d([2, -1, 0, 2], 'int32');
      const x = tf.tensor2d([1, 2, 3, 4, 5, 6, 7, 8], [4, 2], 'int32');
      const sums = tf.unsortedSegmentSum(x, ids, 3);
      expect(sums.dtype).toBe('int32');
      expect([...sums.dataSync()]).toEqual([5, 6, 0, 0, 8, 10]);
      const f = (x: tf.Tensor) => tf.unsortedSegmentSum(x as tf.Tensor2D, ids, 3).mul(tf.tensor2d([[1], [2], [3]]));
      expect([
        ...tf
          .grad(f as never)(x.toFloat())
          .dataSync(),
      ]).toEqual([3, 3, 0, 0, 1, 1, 3, 3]);
    });
  });
});

describe('slice', () => {
  it('cuts any block out of any tensor', () => {
    const axis = fc.integer({ min: 1, max: 20 }).chain((length) =>
      fc.tuple(fc.constant(length), fc.nat(length - 1), fc.nat(length)).map(([n, begin, size]) => ({
        n,
        begin,
        size: Math.min(size, n - begin),
      })),
    );
    fc.assert(
      fc.property(fc.array(axis, { minLength: 1, maxLength: 4 }), (axes) => {
        const shape = axes.map(({ n }) => n);
        const begin = axes.map((one) => one.begin);
        const size = axes.map((one) => one.size);
        const values = normals(1, tf.util.sizeFromShape(shape));
        const strides = shape.map((_, i) => tf.util.sizeFromShape(shape.slice(i + 1)));
        const actual = expectNothingLeft(() =>
          tf.tidy(() => tf.slice(tf.tensor(values, shape), begin, size).dataSync()),
        );
        const expected = Float64Array.from({ length: tf.util.sizeFromShape(size) }, (_, o) => {
          let [rest, at] = [o, 0];
          for (let i = shape.length - 1; i >= 0; i--) {
            at += ((begin[i] as number) + (rest % (size[i] as number))) * (strides[i] as number);
            rest = Math.floor(rest / (size[i] as number));
          }
          return values[at] as number;
        });
        expectClose(actual as Float32Array, expected, 0);
      }),
      howOften(60, 8),
    );
  });

  it('cuts strings and integers', () => {
    tf.tidy(() => {
      expect([...tf.tensor1d(['a', 'b', 'c']).slice(1).dataSync()]).toEqual(['b', 'c']);
      expect([...tf.tensor2d([1, 2, 3, 4], [2, 2], 'int32').slice([0, 1], [2, 1]).dataSync()]).toEqual([2, 4]);
    });
  });
});

describe('tile', () => {
  it('repeats along any axes', () => {
    const axis = fc.record({ length: fc.integer({ min: 1, max: 4 }), times: fc.integer({ min: 1, max: 5 }) });
    fc.assert(
      fc.property(fc.array(axis, { minLength: 1, maxLength: 4 }), (axes) => {
        const shape = axes.map(({ length }) => length);
        const reps = axes.map(({ times }) => times);
        const tiled = axes.map(({ length, times }) => length * times);
        const values = normals(1, tf.util.sizeFromShape(shape));
        const actual = expectNothingLeft(() => tf.tidy(() => tf.tile(tf.tensor(values, shape), reps).dataSync()));
        const expected = Float64Array.from({ length: tf.util.sizeFromShape(tiled) }, (_, o) => {
          let [rest, at, stride] = [o, 0, 1];
          for (let i = shape.length - 1; i >= 0; i--) {
            at += ((rest % (tiled[i] as number)) % (shape[i] as number)) * stride;
            stride *= shape[i] as number;
            rest = Math.floor(rest / (tiled[i] as number));
          }
          return values[at] as number;
        });
        expectClose(actual, expected, 0);
      }),
      howOften(50, 9),
    );
  });
});

describe('copies', () => {
  it.skipIf(TESTED !== 'wasm')(
    'a clone and a cast to the same type share data, which lives as long as the last of them',
    () => {
      expectNothingLeft(() => {
        const x = tf.tensor1d([1, 2, 3]);
        const held = tf.backend().numDataIds();
        const [clone, cast] = [x.clone(), x.cast('float32')];
        expect(tf.backend().numDataIds()).toBe(held);
        x.dispose();
        expect([...clone.dataSync()]).toEqual([1, 2, 3]);
        clone.dispose();
        expect([...cast.dataSync()]).toEqual([1, 2, 3]);
        cast.dispose();
      });
    },
  );

  it('casts change the type', () => {
    const values = tf.tidy(() => [...tf.tensor1d([1.9, -1.9, 0]).cast('int32').dataSync()]);
    expect(values).toEqual([1, -1, 0]);
  });
});
