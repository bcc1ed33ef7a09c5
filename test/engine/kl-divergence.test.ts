/** The softened KL divergence at every level of the embedded engine against sums in double precision, its gradient too. */
import fc from 'fast-check';
import { losses, startEngine, tf } from 'kelvin';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { isWanted, LEVELS, type Level, limitLevel } from '../../src/engine/wasm/companion/level.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { expectClose, expectNothingLeft, howOften, normals } from './support.ts';

const highest = LEVELS.findLast(isWanted) as Level;

beforeAll(async () => {
  await startEngine({ engine: 'wasm' });
});
afterAll(() => limitLevel(highest));
assertFileLeaksNothing();

/** T² KL(teacher ‖ student) of each row, and the gradient of their sum. */
function reference(student: Float32Array, teacher: Float32Array, classes: number, temperature: number) {
  const rows = student.length / classes;
  const [values, gradient] = [new Float64Array(rows), new Float64Array(student.length)];
  const soft = (logits: Float32Array, row: number): number[] => {
    const z = Array.from(logits.subarray(row * classes, (row + 1) * classes), (value) => value / temperature);
    const largest = Math.max(...z);
    const sum = z.reduce((total, value) => total + Math.exp(value - largest), 0);
    return z.map((value) => value - largest - Math.log(sum));
  };
  for (let row = 0; row < rows; row++) {
    const [q, p] = [soft(student, row), soft(teacher, row)];
    p.forEach((log, c) => {
      const own = q[c] as number;
      values[row] = (values[row] as number) + temperature ** 2 * Math.exp(log) * (log - own);
      gradient[row * classes + c] = temperature * (Math.exp(own) - Math.exp(log));
    });
  }
  return { values, gradient };
}

const compute = (student: Float32Array, teacher: Float32Array, classes: number, temperature = 1) =>
  expectNothingLeft(() =>
    tf.tidy(() => {
      const shape: [number, number] = [student.length / classes, classes];
      const taught = tf.tensor2d(teacher, shape);
      const f = (x: tf.Tensor) => losses.klDivergence(x, taught, { reduction: 'none', temperature });
      const { value, grad } = tf.valueAndGrad(f)(tf.tensor2d(student, shape), tf.ones([shape[0]]));
      return { values: value.dataSync(), gradient: grad.dataSync() };
    }),
  );

describe.each(LEVELS.filter(isWanted))('KL divergence at level %s', (level) => {
  beforeEach(() => limitLevel(level));
  /** The kernel works in double precision; composed of float32 operations the error is T² times theirs. */
  const composed = level === 'composed';

  it('is right for any number of rows and classes, any size of logits, any temperature', () => {
    const side = fc.integer({ min: 1, max: 24 });
    const [size, temperature] = [fc.constantFrom(0.1, 1, 30, 1000), fc.constantFrom(0.5, 1, 4, 20)];
    const property = fc.property(side, side, size, temperature, (rows, classes, size, temperature) => {
      const student = normals(rows, rows * classes).map((value) => value * size);
      const teacher = normals(classes + 100, rows * classes).map((value) => value * size);
      const { values, gradient } = compute(student, teacher, classes, temperature);
      const expected = reference(student, teacher, classes, temperature);
      expectClose(values, expected.values, composed ? 1e-6 * (3 + temperature ** 2) : 3e-6);
      expectClose(gradient, expected.gradient, 3e-6);
    });
    fc.assert(property, howOften(40, 3));
  });

  it.skipIf(composed)('is exact also of what hardly differs', () => {
    const teacher = normals(1, 60);
    const student = teacher.map((value, i) => value + (i % 3) / 100);
    const { values } = compute(student, teacher, 10, 20);
    const expected = [...reference(student, teacher, 10, 20).values];
    const relative = [...values].map((value, row) => value / (expected[row] as number));
    expectClose(
      relative,
      expected.map(() => 1),
      1e-5,
    );
  });

  it('of what is masked for both is 0', () => {
    const logits = Float32Array.of(-1e9, 0, -1e9, 0, -1e9);
    const { values, gradient } = compute(logits, Float32Array.of(-1e9, 2, -1e9, 2, -1e9), 5);
    expectClose(values, [0], 1e-6);
    expectClose(gradient, [0, 0, 0, 0, 0], 1e-6);
  });

  it('of NaN is NaN, in its row only', () => {
    const { values, gradient } = compute(Float32Array.of(0, Number.NaN, 0, 0), Float32Array.of(1, 0, 1, 0), 2);
    expect([...values].map(Number.isNaN)).toEqual([true, false]);
    expect([...gradient].map(Number.isNaN)).toEqual([true, true, false, false]);
  });
});
