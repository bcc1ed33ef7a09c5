/** Cross-entropy at every level of the embedded engine against sums in double precision, its gradient too. */
import fc from 'fast-check';
import { losses, tf } from 'kelvin';
import { beforeAll, describe, expect, it } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { expectClose, expectNothingLeft, howOften, normals, runAt, startTested, TESTED_LEVELS } from './support.ts';

beforeAll(async () => {
  await startTested();
});
assertFileLeaksNothing();

/** The losses of the rows and the gradient of their sum. */
function reference(logits: Float32Array, targets: Float32Array, classes: number) {
  const rows = logits.length / classes;
  const [values, gradient] = [new Float64Array(rows), new Float64Array(logits.length)];
  for (let row = 0; row < rows; row++) {
    const x = [...logits.subarray(row * classes, (row + 1) * classes)];
    const t = [...targets.subarray(row * classes, (row + 1) * classes)];
    const largest = Math.max(...x);
    const sum = x.reduce((total, value) => total + Math.exp(value - largest), 0);
    const mass = t.reduce((total, value) => total + value, 0);
    x.forEach((value, c) => {
      const probability = Math.exp(value - largest) / sum;
      values[row] = (values[row] as number) - (t[c] as number) * (value - largest - Math.log(sum));
      gradient[row * classes + c] = probability * mass - (t[c] as number);
    });
  }
  return { values, gradient };
}

const compute = (logits: Float32Array, targets: Float32Array, classes: number) =>
  expectNothingLeft(() =>
    tf.tidy(() => {
      const shape: [number, number] = [logits.length / classes, classes];
      const target = tf.tensor2d(targets, shape);
      const f = (x: tf.Tensor) => losses.crossEntropy(x, target, { reduction: 'none' });
      const { value, grad } = tf.valueAndGrad(f)(tf.tensor2d(logits, shape), tf.ones([shape[0]]));
      return { values: value.dataSync(), gradient: grad.dataSync() };
    }),
  );

describe.each(TESTED_LEVELS)('cross-entropy at level %s', (level) => {
  runAt(level);

  it('is right for any number of rows and classes, any size of logits, any targets', () => {
    const side = fc.integer({ min: 1, max: 24 });
    const property = fc.property(side, side, fc.constantFrom(0.1, 1, 30, 1000), (rows, classes, size) => {
      const logits = normals(rows, rows * classes).map((value) => value * size);
      const targets = normals(classes, rows * classes).map(Math.abs);
      const { values, gradient } = compute(logits, targets, classes);
      const expected = reference(logits, targets, classes);
      expectClose(values, expected.values, 3e-6);
      expectClose(gradient, expected.gradient, 3e-6);
    });
    fc.assert(property, howOften(40, 3));
  });

  it('with masked classes: their probability is 0', () => {
    const { values, gradient } = compute(Float32Array.of(-1e9, 0, -1e9, 0, -1e9), Float32Array.of(0, 1, 0, 0, 0), 5);
    expectClose(values, [Math.LN2], 1e-6);
    expectClose(gradient, [0, -0.5, 0, 0.5, 0], 1e-6);
  });

  it('of NaN is NaN, in its row only', () => {
    const { values, gradient } = compute(Float32Array.of(0, Number.NaN, 0, 0), Float32Array.of(1, 0, 1, 0), 2);
    expect([...values].map(Number.isNaN)).toEqual([true, false]);
    expect([...gradient].map(Number.isNaN)).toEqual([true, true, false, false]);
  });

  it('of class numbers is that of the rows that they stand for', () => {
    const side = fc.integer({ min: 1, max: 24 });
    const number = fc.integer({ min: 2, max: 24 });
    const property = fc.property(side, number, fc.constantFrom(0.1, 1, 30), (rows, classes, size) => {
      const logits = normals(rows, rows * classes).map((value) => value * size);
      const labels = Int32Array.from({ length: rows }, (_, row) => (row * 7) % classes);
      const expected = reference(logits, oneHot(labels, classes), classes);
      const { values, gradient } = ofLabels(logits, labels, classes);
      expectClose(values, expected.values, 3e-6);
      expectClose(gradient, expected.gradient, 3e-6);
    });
    fc.assert(property, howOften(30, 4));
  });

  it('of a label that is no class is 0; its gradient is that of a row that sums to 1', () => {
    const { values, gradient } = ofLabels(Float32Array.of(0, 0, 0, 0, 1, 1), Int32Array.of(2, -1, 1), 2);
    expectClose(values, [0, 0, Math.LN2], 1e-6);
    expectClose(gradient, [0.5, 0.5, 0.5, 0.5, 0.5, -0.5], 1e-6);
  });
});

function oneHot(labels: Int32Array, classes: number): Float32Array {
  const rows = new Float32Array(labels.length * classes);
  labels.forEach((label, row) => {
    rows[row * classes + label] = 1;
  });
  return rows;
}

const ofLabels = (logits: Float32Array, labels: Int32Array, classes: number) =>
  expectNothingLeft(() =>
    tf.tidy(() => {
      const given = tf.tensor1d(labels, 'int32');
      const f = (x: tf.Tensor) => losses.crossEntropy(x, given, { reduction: 'none' });
      const x = tf.tensor2d(logits, [labels.length, classes]);
      const { value, grad } = tf.valueAndGrad(f)(x, tf.ones([labels.length]));
      return { values: value.dataSync(), gradient: grad.dataSync() };
    }),
  );
