/**
 * Operations that training reaches, on random shapes and values, forward and gradient, against plain code in double
 * precision and its finite differences, at every level of the embedded engine. Convolutions, poolings, products, gathers and
 * cross-entropy have files of their own.
 */
import fc from 'fast-check';
import { tf } from 'kelvin';
import { beforeAll, describe, it } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { build, differences, type Plain, read, readBroadcast, reduce } from './plain.ts';
import { expectClose, howOften, normals, runAt, startTested, TESTED_LEVELS, valueAndGradients } from './support.ts';

beforeAll(async () => {
  await startTested();
});
assertFileLeaksNothing();

type Operation = (...xs: tf.Tensor[]) => tf.Tensor;

/** Compares values and gradients; inputs keep away from kinks and poles by `place`, which moves normal values there. */
function compare(f: Operation, plain: (...xs: Plain[]) => Plain, shapes: number[][], seed: number, place = away): void {
  const given = shapes.map((shape, i) => {
    const values = normals(seed + i, tf.util.sizeFromShape(shape)).map(place);
    return { values, shape };
  });
  const inputs = given.map(({ values, shape }) => ({ shape, values: Float64Array.from(values) }));
  const expected = plain(...inputs);
  const dy = normals(seed + 9, expected.values.length);
  const [y, ...gradients] = valueAndGradients(f, given, dy) as [Float32Array, ...Float32Array[]];
  expectClose(y, expected.values, 2e-5);
  const slopes = differences(plain, inputs, dy);
  gradients.forEach((gradient, i) => {
    expectClose(gradient, slopes[i] as Float64Array, 2e-4);
  });
}

const away = (value: number): number => value + Math.sign(value) * 0.05;
const positive = (value: number): number => Math.abs(value) + 0.2;
const inside = (value: number): number => 0.8 * Math.tanh(value) + Math.sign(value) * 0.02;

/** tfjs's name, the function, and where it is defined. */
const UNARY: readonly [string, (x: number) => number, ((x: number) => number)?][] = [
  ['relu', (x) => Math.max(0, x)],
  ['relu6', (x) => Math.min(6, Math.max(0, x))],
  ['leakyRelu', (x) => (x > 0 ? x : 0.2 * x)],
  ['elu', (x) => (x > 0 ? x : Math.expm1(x))],
  ['selu', (x) => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * Math.expm1(x))],
  ['sigmoid', (x) => 1 / (1 + Math.exp(-x))],
  ['logSigmoid', (x) => -Math.log1p(Math.exp(-x))],
  ['softplus', (x) => Math.log1p(Math.exp(x))],
  ['tanh', Math.tanh],
  ['exp', Math.exp],
  ['expm1', Math.expm1],
  ['log', Math.log, positive],
  ['log1p', Math.log1p, positive],
  ['sqrt', Math.sqrt, positive],
  ['rsqrt', (x) => 1 / Math.sqrt(x), positive],
  ['square', (x) => x * x],
  ['reciprocal', (x) => 1 / x, positive],
  ['abs', Math.abs],
  ['neg', (x) => -x],
  ['sin', Math.sin],
  ['cos', Math.cos],
  ['tan', Math.tan, inside],
  ['asin', Math.asin, inside],
  ['acos', Math.acos, inside],
  ['atan', Math.atan],
  ['sinh', Math.sinh],
  ['cosh', Math.cosh],
];

const BINARY: readonly [string, (a: number, b: number) => number, ((x: number) => number)?][] = [
  ['add', (a, b) => a + b],
  ['sub', (a, b) => a - b],
  ['mul', (a, b) => a * b],
  ['div', (a, b) => a / b, positive],
  ['pow', (a, b) => a ** b, positive],
  ['maximum', Math.max],
  ['minimum', Math.min],
  ['squaredDifference', (a, b) => (a - b) ** 2],
  ['atan2', Math.atan2, positive],
];

const total = (values: number[]): number => values.reduce((a, b) => a + b, 0);
const REDUCTIONS: readonly [string, (values: number[]) => number][] = [
  ['sum', total],
  ['mean', (values) => total(values) / values.length],
  ['max', (values) => Math.max(...values)],
  ['min', (values) => Math.min(...values)],
  ['prod', (values) => values.reduce((a, b) => a * b, 1)],
  ['logSumExp', (values) => Math.log(total(values.map(Math.exp)))],
];

const softmax = (x: Plain): Plain => {
  const sums = reduce({ ...x, values: x.values.map(Math.exp) }, [x.shape.length - 1], total);
  return build(x.shape, (place) => Math.exp(read(x, place)) / read(sums, place.slice(0, -1)));
};

const named = (name: string): Operation => (tf as unknown as Record<string, Operation>)[name] as Operation;
const side = fc.integer({ min: 1, max: 5 });
const shape = fc.array(side, { minLength: 1, maxLength: 3 });
const seed = fc.integer({ min: 1, max: 10_000 });

describe.each(TESTED_LEVELS)('at level %s', (level) => {
  runAt(level);

  it.each(UNARY)('%s', (name, f, place) => {
    const plain = (x: Plain): Plain => ({ ...x, values: x.values.map(f) });
    const property = fc.property(shape, seed, (shape, seed) => compare(named(name), plain, [shape], seed, place));
    fc.assert(property, howOften(2, 1));
  });

  it.each(BINARY)('%s, broadcast or not', (name, f, place) => {
    const property = fc.property(
      shape,
      fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
      seed,
      (shape, bits, seed) => {
        const part = (from: number) => shape.map((length, axis) => (bits[from + axis] ? length : 1));
        const shapes = [part(0), part(3).slice(bits[0] ? 0 : 1)];
        const out = tf.backend_util.assertAndGetBroadcastShape(shapes[0] as number[], shapes[1] as number[]);
        const plain = (a: Plain, b: Plain) => build(out, (at) => f(readBroadcast(a, at), readBroadcast(b, at)));
        compare(named(name), plain, shapes, seed, place);
      },
    );
    fc.assert(property, howOften(4, 2));
  });

  it.each(REDUCTIONS)('%s over any axes', (name, combine) => {
    const property = fc.property(shape, fc.integer({ min: 1, max: 7 }), seed, (shape, bits, seed) => {
      const axes = shape.map((_, axis) => axis).filter((axis) => bits & (1 << axis));
      if (axes.length === 0) axes.push(0);
      const f = (x: tf.Tensor) =>
        (tf as unknown as Record<string, (x: tf.Tensor, axes: number[]) => tf.Tensor>)[name]?.(x, axes) as tf.Tensor;
      compare(f, (x) => reduce(x, axes, combine), [shape], seed);
    });
    fc.assert(property, howOften(4, 3));
  });

  it('softmax and its logarithm', () => {
    const property = fc.property(shape, seed, (shape, seed) => {
      compare((x) => tf.softmax(x), softmax, [shape], seed);
      const logarithm = (x: Plain) => ({ ...x, values: softmax(x).values.map(Math.log) });
      compare((x) => tf.logSoftmax(x), logarithm, [shape], seed);
    });
    fc.assert(property, howOften(4, 4));
  });

  it('transpose, reverse, tile, pad, slice and concat', () => {
    const property = fc.property(side, side, side, seed, (a, b, c, seed) => {
      const shape = [a, b, c];
      const turned = (x: Plain) => build([c, a, b], ([i, j, k]) => read(x, [j, k, i] as number[]));
      compare((x) => tf.transpose(x, [2, 0, 1]), turned, [shape], seed);
      const reversed = (x: Plain) => build(shape, ([i, j, k]) => read(x, [i, b - 1 - (j as number), k] as number[]));
      compare((x) => tf.reverse(x, 1), reversed, [shape], seed);
      const tiled = (x: Plain) =>
        build([2 * a, b, 3 * c], ([i, j, k]) => read(x, [(i as number) % a, j, (k as number) % c] as number[]));
      compare((x) => tf.tile(x, [2, 1, 3]), tiled, [shape], seed);
      const padded = (x: Plain) =>
        build([a + 1, b + 2, c], ([i = 0, j = 0, k = 0]) => (i < 1 || j < 2 ? 0 : read(x, [i - 1, j - 2, k])));
      compare(
        (x) =>
          tf.pad(x, [
            [1, 0],
            [2, 0],
            [0, 0],
          ]),
        padded,
        [shape],
        seed,
      );
      const cut = (x: Plain) => build([a, 1, c], ([i, , k]) => read(x, [i, b - 1, k] as number[]));
      compare((x) => tf.slice(x, [0, b - 1, 0], [a, 1, c]), cut, [shape], seed);
      const joined = (x: Plain, y: Plain) =>
        build([a, b + 1, c], ([i = 0, j = 0, k = 0]) => (j < b ? read(x, [i, j, k]) : read(y, [i, 0, k])));
      compare((x, y) => tf.concat([x, y], 1), joined, [shape, [a, 1, c]], seed);
    });
    fc.assert(property, howOften(3, 5));
  });
});
