/** Matrix products and reductions on the completed wasm engine: orientations, batches, broadcasting, types, accuracy. */
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

interface Case {
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  /** Batch dimensions of both operands; a 1 is broadcast. */
  readonly batchA: readonly number[];
  readonly batchB: readonly number[];
}

/** The product and its gradients by the definition, in doubles, every operand read through its own strides. */
function reference({ m, k, n, transposeA, transposeB, batchA, batchB }: Case, a: Values, b: Values, dy: Values) {
  const batch = batchA.map((length, i) => Math.max(length, batchB[i] as number));
  const count = batch.reduce((x, y) => x * y, 1);
  const element = (own: readonly number[], index: number): number => {
    let [rest, at, stride] = [index, 0, 1];
    for (let axis = batch.length - 1; axis >= 0; axis--) {
      const length = batch[axis] as number;
      if (own[axis] !== 1) at += (rest % length) * stride;
      stride *= own[axis] as number;
      rest = Math.floor(rest / length);
    }
    return at;
  };
  const [y, da, db] = [new Float64Array(count * m * n), new Float64Array(a.length), new Float64Array(b.length)];
  for (let e = 0; e < count; e++)
    for (let i = 0; i < m; i++)
      for (let j = 0; j < n; j++)
        for (let l = 0; l < k; l++) {
          const p = element(batchA, e) * m * k + (transposeA ? l * m + i : i * k + l);
          const q = element(batchB, e) * k * n + (transposeB ? j * k + l : l * n + j);
          const o = (e * m + i) * n + j;
          y[o] = num(y, o) + num(a, p) * num(b, q);
          da[p] = num(da, p) + num(dy, o) * num(b, q);
          db[q] = num(db, q) + num(dy, o) * num(a, p);
        }
  return { y, da, db };
}

type Values = ArrayLike<number>;
const num = (values: Values, index: number): number => values[index] as number;

function check(given: Case): void {
  const { m, k, n, transposeA, transposeB, batchA, batchB } = given;
  const shapeA = [...batchA, ...(transposeA ? [k, m] : [m, k])];
  const shapeB = [...batchB, ...(transposeB ? [n, k] : [k, n])];
  const a = { shape: shapeA, values: normals(1, tf.util.sizeFromShape(shapeA)) };
  const b = { shape: shapeB, values: normals(2, tf.util.sizeFromShape(shapeB)) };
  const batch = batchA.map((length, i) => Math.max(length, batchB[i] as number));
  const dy = normals(3, tf.util.sizeFromShape(batch) * m * n);
  const f = (a: tf.Tensor, b: tf.Tensor) => tf.matMul(a, b, transposeA, transposeB);
  const [y, da, db] = valueAndGradients(f as never, [a, b], dy) as [Float32Array, Float32Array, Float32Array];
  const expected = reference(given, a.values, b.values, dy);
  expectClose(y, expected.y);
  expectClose(da, expected.da);
  expectClose(db, expected.db);
}

describe('matMul', () => {
  const size = fc.integer({ min: 1, max: 40 });
  const matrices = { m: size, k: size, n: size, transposeA: fc.boolean(), transposeB: fc.boolean() };

  it('has the right values and gradients in all orientations', () => {
    const single = fc.record({ ...matrices, batchA: fc.constant([]), batchB: fc.constant([]) });
    fc.assert(fc.property(single, check), howOften(60, 4));
  });

  it('multiplies a wide matrix given transposed', () => {
    for (const transposeA of [false, true])
      check({ m: 3, k: 200, n: 190, transposeA, transposeB: true, batchA: [], batchB: [] });
  });

  it('has the right values and gradients for batches, also broadcast ones', () => {
    const batch = fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.constantFrom('both', 'a', 'b')), {
      maxLength: 2,
    });
    const batched = fc.tuple(fc.record(matrices), batch).map(([sizes, axes]) => ({
      ...sizes,
      batchA: axes.map(([length, has]) => (has === 'b' ? 1 : length)),
      batchB: axes.map(([length, has]) => (has === 'a' ? 1 : length)),
    }));
    fc.assert(fc.property(batched, check), howOften(60, 5));
  });

  it('multiplies integers exactly', () => {
    const product = expectNothingLeft(() =>
      tf.tidy(() => {
        const a = tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2], 'int32');
        const y = tf.matMul(a, tf.tensor2d([7, -8, 9, 100_000], [2, 2], 'int32'), false, true);
        expect(y.dtype).toBe('int32');
        return [...y.dataSync()];
      }),
    );
    expect(product).toEqual([-9, 200_009, -11, 400_027, -13, 600_045]);
  });

  it('is zero over an empty inner dimension, and empty over an empty outer one', () => {
    tf.tidy(() => {
      expect([...tf.matMul(tf.zeros([2, 0]), tf.zeros([0, 2])).dataSync()]).toEqual([0, 0, 0, 0]);
      expect(tf.matMul(tf.zeros([0, 3]), tf.zeros([3, 2])).shape).toEqual([0, 2]);
    });
  });

  it('computes a confusion matrix', () => {
    const counts = tf.tidy(() =>
      tf.math.confusionMatrix(tf.tensor1d([0, 1, 1], 'int32'), tf.tensor1d([0, 1, 0], 'int32'), 2).dataSync(),
    );
    expect([...counts]).toEqual([1, 0, 1, 1]);
  });

  it('computes an einsum', () => {
    const y = expectNothingLeft(() =>
      tf.tidy(() => tf.einsum('ij,kj->ik', tf.tensor2d([[1, 2]]), tf.tensor2d([[3, 4]])).dataSync()),
    );
    expect([...y]).toEqual([11]);
  });
});

describe('sum and mean', () => {
  it.skipIf(TESTED !== 'wasm')('add ten million numbers to single precision', () => {
    const values = expectNothingLeft(() =>
      tf.tidy(() => {
        const x = tf.fill([10_000_000], 0.1);
        const columns = tf.fill([1_000_000, 3], 0.1);
        return [x.mean(), columns.mean(0).slice(1, 1), tf.ones([20_000_000]).sum()].map((y) => y.dataSync()[0]);
      }),
    ) as [number, number, number];
    expect(values[0]).toBeCloseTo(0.1, 7);
    expect(values[1]).toBeCloseTo(0.1, 7);
    expect(values[2]).toBe(20_000_000);
  });

  it('give the variance of 1000 ± 1', () => {
    const variance = tf.tidy(() => {
      const x = tf.tensor1d(Float32Array.from({ length: 1_000_000 }, (_, i) => 1000 + (i % 2 ? 1 : -1)));
      return tf.moments(x).variance.dataSync()[0];
    });
    expect(variance).toBeCloseTo(1, 6);
  });

  it('reduce any axes of any tensor', () => {
    const shapes = fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 4 });
    const cases = shapes.chain((shape) =>
      fc.record({ shape: fc.constant(shape), axis: fc.subarray([...shape.keys()]) }),
    );
    fc.assert(
      fc.property(cases, fc.boolean(), fc.boolean(), ({ shape, axis }, keepDims, mean) => {
        const x = normals(1, tf.util.sizeFromShape(shape));
        const actual = expectNothingLeft(() =>
          tf.tidy(() => {
            const tensor = tf.tensor(x, shape);
            const y = mean ? tf.mean(tensor, axis, keepDims) : tf.sum(tensor, axis, keepDims);
            expect(y.shape).toEqual(shape.flatMap((n, i) => (!axis.includes(i) ? [n] : keepDims ? [1] : [])));
            return y.dataSync();
          }),
        );
        const expected = new Float64Array(actual.length);
        const count = axis.reduce((product, i) => product * (shape[i] as number), 1);
        x.forEach((value, index) => {
          let [rest, at, stride] = [index, 0, 1];
          for (let i = shape.length - 1; i >= 0; i--) {
            const n = shape[i] as number;
            if (!axis.includes(i)) {
              at += (rest % n) * stride;
              stride *= n;
            }
            rest = Math.floor(rest / n);
          }
          expected[at] = num(expected, at) + value / (mean ? count : 1);
        });
        expectClose(actual, expected, 1e-6);
      }),
      howOften(60, 6),
    );
  });

  it('reduce many rows, with and without some left over, and do not hide what is not finite', () => {
    for (const rows of [256, 300, 1000])
      for (const [outer, columns] of [
        [1, 4],
        [1, 7],
        [3, 5],
      ] as const) {
        const x = normals(rows, outer * rows * columns);
        const sums = (values: Float32Array) =>
          expectNothingLeft(() => tf.tidy(() => tf.sum(tf.tensor(values, [outer, rows, columns]), 1).dataSync()));
        const expected = new Float64Array(outer * columns);
        x.forEach((value, i) => {
          const at = Math.floor(i / (rows * columns)) * columns + (i % columns);
          expected[at] = num(expected, at) + value;
        });
        expectClose(sums(x), expected, 1e-6);
        x[5 * columns + 1] = Number.NaN;
        x[7 * columns + 2] = Number.POSITIVE_INFINITY;
        const [first, second, third, fourth] = sums(x) as unknown as [number, number, number, number];
        expect([second, third]).toEqual([Number.NaN, Number.POSITIVE_INFINITY]);
        expectClose([first, fourth], [num(expected, 0), num(expected, 3)], 1e-5);
      }
  });

  it('have the right gradients along any axes', () => {
    const x = { shape: [2, 3, 4], values: normals(1, 24) };
    for (const axis of [[0], [1], [2], [0, 2], [0, 1, 2]])
      for (const [op, share] of [
        [tf.sum, false],
        [tf.mean, true],
      ] as const) {
        const kept = [0, 1, 2].filter((i) => !axis.includes(i));
        const dy = normals(
          2,
          kept.reduce((size, i) => size * (x.shape[i] as number), 1),
        );
        const [, dx] = valueAndGradients(((t: tf.Tensor) => op(t, axis)) as never, [x], dy) as [
          Float32Array,
          Float32Array,
        ];
        const expected = x.values.map((_, index) => {
          const position = [Math.floor(index / 12), Math.floor(index / 4) % 3, index % 4];
          const at = kept.reduce((sum, i) => sum * (x.shape[i] as number) + (position[i] as number), 0);
          return num(dy, at) / (share ? 24 / dy.length : 1);
        });
        expectClose(dx, expected, 1e-6);
      }
  });

  it('have gradients for a scalar and for an empty tensor', () => {
    tf.tidy(() => {
      for (const op of [tf.sum, tf.mean]) {
        const gradient = tf.grad((x) => op(x));
        expect([...gradient(tf.scalar(3)).dataSync()]).toEqual([1]);
        expect(gradient(tf.zeros([0, 2])).shape).toEqual([0, 2]);
      }
    });
  });

  it('count integers and truths', () => {
    tf.tidy(() => {
      expect(tf.sum(tf.tensor1d([1, 2, 3], 'int32')).dataSync()[0]).toBe(6);
      expect(tf.sum(tf.tensor1d([true, false, true], 'bool')).dataSync()[0]).toBe(2);
      expect(tf.mean(tf.tensor1d([1, 2], 'int32')).dataSync()[0]).toBe(1.5);
    });
  });
});
