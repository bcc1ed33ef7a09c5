import { DataError, losses, tf } from 'kelvin';
import { expect, test } from 'vitest';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { expectGradient, expectNear } from './support.ts';

assertFileLeaksNothing();

const X = [
  [0.5, -1.5, 3],
  [2, 0.1, -4],
];
const Y = [
  [1, 0, 0.25],
  [0, 1, 1],
];

const total = (values: number[]) => values.reduce((a, b) => a + b, 0);
const elementwise = (f: (x: number, y: number) => number) => (x: number[][]) =>
  x.flatMap((row, r) => row.map((value, c) => f(value, Y[r]?.[c] as number)));

const cases = [
  ['mse', losses.mse, elementwise((x, y) => (x - y) ** 2)],
  [
    'binaryCrossEntropy',
    losses.binaryCrossEntropy,
    elementwise((x, y) => -y * Math.log(1 / (1 + Math.exp(-x))) - (1 - y) * Math.log(1 / (1 + Math.exp(x)))),
  ],
] as const;

test.each(cases)('%s: value and gradient, by every reduction', (_, loss, oracle) =>
  expectNoLeak(() => {
    const y = tf.tensor2d(Y);
    expectGradient(
      X,
      (x) => loss(x, y),
      (x) => total(oracle(x)) / 6,
    );
    expectGradient(
      X,
      (x) => loss(x, y, { reduction: 'sum' }),
      (x) => total(oracle(x)),
    );
    const factors = tf.tensor2d([
      [1, -2, 3],
      [0.5, 0, 2],
    ]);
    const weights = [1, -2, 3, 0.5, 0, 2];
    expectGradient(
      X,
      (x) => tf.sum(tf.mul(loss(x, y, { reduction: 'none' }), factors)),
      (x) => total(oracle(x).map((value, i) => value * (weights[i] as number))),
    );
    tf.dispose([y, factors]);
  }),
);

test('mse has a gradient for both arguments', () =>
  expectNoLeak(() => {
    tf.tidy(() => {
      const gradients = tf.grads((a, b) => losses.mse(a as tf.Tensor, b as tf.Tensor))([
        tf.tensor1d([3, 1]),
        tf.tensor1d([1, 2]),
      ]);
      expect(gradients.map((gradient) => [...gradient.dataSync()])).toEqual([
        [2, -1],
        [-2, 1],
      ]);
    });
  }));

test('binary cross-entropy keeps the loss of logits whose sigmoid rounds to 0 or 1', () =>
  tf.tidy(() => {
    const each = losses.binaryCrossEntropy(tf.tensor1d([200, -200, 30]), tf.tensor1d([0, 1, 1], 'int32'), {
      reduction: 'none',
    });
    expectNear([...each.dataSync()], [200, 200, Math.exp(-30)], 1e-6);
  }));

test('nothing is broadcast', () =>
  tf.tidy(() => {
    const wrong = () => losses.mse(tf.zeros([4, 1]), tf.zeros([4]));
    expect(wrong).toThrow(DataError);
    expect(wrong).toThrowErrorMatchingInlineSnapshot(
      `[DataError: mse: predictions and targets differ in shape: expected targets of shape [4, 1], got [4].]`,
    );
    expect(() => losses.binaryCrossEntropy(tf.zeros([4]), tf.zeros([3]))).toThrowErrorMatchingInlineSnapshot(
      `[DataError: binaryCrossEntropy: logits and targets differ in shape: expected targets of shape [4], got [3].]`,
    );
    expect(() =>
      losses.mse(tf.zeros([1]), tf.zeros([1]), { reduce: 'sum' } as never),
    ).toThrowErrorMatchingInlineSnapshot(`
      [ConfigError: mse: unknown option \`reduce\`.
        help: known options: reduction]
    `);
  }));

test('checkLabels names the first label that is no class', () =>
  tf.tidy(() => {
    losses.checkLabels(tf.tensor1d([0, 9, 3], 'int32'), 10);
    losses.checkLabels(tf.ones([2, 3]), 3);
    const find = (values: number[], dtype: 'int32' | 'float32') => () =>
      losses.checkLabels(tf.tensor1d(values, dtype), 10);
    expect(find([0, 10, -1], 'int32')).toThrow(DataError);
    expect(find([0, 10, -1], 'int32')).toThrowErrorMatchingInlineSnapshot(`
      [DataError: label 1 of 3 is not a class: expected a whole number from 0 to 9, got 10.
        help: check the data set, and the number of classes that the model was built with]
    `);
    expect(find([0, 1, -1], 'int32')).toThrow(
      'label 2 of 3 is not a class: expected a whole number from 0 to 9, got -1',
    );
    expect(find([0.5], 'float32')).toThrow('label 0 of 1 is not a class: expected a whole number from 0 to 9, got 0.5');
    expect(find([Number.NaN], 'float32')).toThrow('got NaN');
  }));
