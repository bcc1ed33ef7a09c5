/** Values and gradients of losses against functions in float64, by central differences. */
import { tf } from 'kelvin';
import { expect } from 'vitest';

/** Natural logarithm of the softmax of one row. */
export function logSoftmax(row: readonly number[]): number[] {
  const largest = Math.max(...row);
  const sum = row.reduce((total, x) => total + Math.exp(x - largest), 0);
  return row.map((x) => x - largest - Math.log(sum));
}

/** The numerical gradient of `f` at `x`. */
function differences(x: readonly number[][], f: (x: number[][]) => number): number[] {
  const step = 1e-5;
  const moved = (row: number, column: number, by: number) =>
    f(x.map((values, r) => values.map((value, c) => (r === row && c === column ? value + by : value))));
  return x.flatMap((values, row) => values.map((_, c) => (moved(row, c, step) - moved(row, c, -step)) / (2 * step)));
}

/** Expects a loss to have the value and the gradient that its float64 reference has. */
export function expectGradient(
  x: readonly number[][],
  loss: (x: tf.Tensor2D) => tf.Tensor,
  reference: (x: number[][]) => number,
): void {
  const input = tf.tensor2d(x.map((row) => [...row]));
  const { value, grad } = tf.valueAndGrad((tensor: tf.Tensor) => loss(tensor as tf.Tensor2D))(input);
  const copy = x.map((row) => [...row]);
  expectNear([...value.dataSync()], [reference(copy)], 2e-6);
  expectNear([...grad.dataSync()], differences(copy, reference), 1e-5);
  tf.dispose([input, value, grad]);
}

/** Equal up to `tolerance`, relative to numbers above 1. */
export function expectNear(actual: readonly number[], expected: readonly number[], tolerance: number): void {
  expect(actual).toHaveLength(expected.length);
  actual.forEach((value, index) => {
    const wanted = expected[index] as number;
    expect(
      Math.abs(value - wanted) / Math.max(1, Math.abs(wanted)),
      `element ${index}: ${value}, not ${wanted}`,
    ).toBeLessThan(tolerance);
  });
}
