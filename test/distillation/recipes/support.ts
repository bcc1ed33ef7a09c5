/** What the tests of recipes share. */
import type { ModelStudentOptions } from 'kelvin';
import { tf } from 'kelvin';

/** Plain gradient descent, so that a loop by hand is short. */
export const LR = 0.05;
export const sgd: ModelStudentOptions = { optimizer: 'sgd', lrSchedule: 'constant', learningRate: LR };

/** Frees networks and batches. */
export function free(...things: readonly unknown[]): void {
  for (const thing of things) {
    if (thing instanceof tf.LayersModel) tf.dispose(thing.weights.map((weight) => weight.read()));
    else tf.dispose(thing as tf.TensorContainer);
  }
}

/** The weights of a network, rounded to single precision noise. */
export function expectClose(got: readonly number[][], expected: readonly number[][], digits = 5): void {
  const difference = got.flatMap((row, i) => row.map((value, j) => Math.abs(value - (expected[i]?.[j] as number))));
  const worst = Math.max(...difference);
  if (!(got.length === expected.length && worst < 10 ** -digits)) throw new Error(`weights differ by up to ${worst}`);
}
