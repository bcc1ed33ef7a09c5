/** Losses for uneven and ordered classes: focal loss, class weights, ordinal labels. */
import { losses, tf } from 'kelvin';
import { describe, expect, test } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';

assertFileLeaksNothing();

const LOGITS = [
  [2, -1, 0.5],
  [0.1, 0.2, -3],
  [-1, 4, 1],
];
const LABELS = [0, 2, 1];
const softmax = (row: readonly number[]): number[] => {
  const all = row.map(Math.exp);
  return all.map((value) => value / all.reduce((a, b) => a + b));
};

/** The loss of all samples in float64. */
function focal(logits: readonly (readonly number[])[], gamma: number, weight = [1, 1, 1]): number {
  const terms = logits.map((row, i) => {
    const label = LABELS[i] as number;
    const p = softmax(row)[label] as number;
    return -(weight[label] as number) * (1 - p) ** gamma * Math.log(p);
  });
  return terms.reduce((a, b) => a + b) / terms.length;
}

describe('focal loss', () => {
  const labels = () => tf.tensor1d(LABELS, 'int32');

  test.each([0, 0.5, 1, 2, 5])('value and gradient at gamma %d', (gamma) => {
    tf.tidy(() => {
      const weight = [1, 3, 0.5];
      const { value, grad } = tf.valueAndGrad((x: tf.Tensor) =>
        losses.focalLoss(x, labels(), { gamma, weight: tf.tensor1d(weight) }),
      )(tf.tensor2d(LOGITS));
      expect(value.dataSync()[0]).toBeCloseTo(focal(LOGITS, gamma, weight), 5);
      const slopes = grad.arraySync() as number[][];
      LOGITS.forEach((row, i) => {
        row.forEach((_, k) => {
          const moved = (by: number) => LOGITS.map((line, r) => line.map((v, c) => (r === i && c === k ? v + by : v)));
          const slope = (focal(moved(1e-5), gamma, weight) - focal(moved(-1e-5), gamma, weight)) / 2e-5;
          expect(slopes[i]?.[k]).toBeCloseTo(slope, 4);
        });
      });
    });
  });

  test('gamma 0 is cross-entropy, also with soft labels; certainty gives no NaN', () => {
    tf.tidy(() => {
      const soft = tf.tensor2d([
        [0.5, 0.5, 0],
        [0, 0, 1],
        [0.2, 0.3, 0.5],
      ]);
      const x = tf.tensor2d(LOGITS);
      const expected = losses.crossEntropy(x, soft).dataSync()[0] as number;
      expect(losses.focalLoss(x, soft, { gamma: 0 }).dataSync()[0]).toBeCloseTo(expected, 5);
      const sure = tf.tensor2d([
        [200, 0, 0],
        [0, 0, 200],
        [0, 200, 0],
      ]);
      const { value, grad } = tf.valueAndGrad((l: tf.Tensor) => losses.focalLoss(l, labels(), { gamma: 0.5 }))(sure);
      expect(value.dataSync()[0]).toBeCloseTo(0, 6);
      expect([...grad.dataSync()].every((slope) => slope === 0 || Math.abs(slope) < 1e-6)).toBe(true);
      expect(losses.focalLoss(x, labels(), { reduction: 'none' }).shape).toEqual([3]);
    });
  });

  test('mistakes are named', () => {
    tf.tidy(() => {
      const x = tf.tensor2d(LOGITS);
      expect(() => losses.focalLoss(x, labels(), { weight: tf.ones([2]) })).toThrow('expected shape [3], got [2]');
      expect(() => losses.focalLoss(x, labels(), { gamma: -1 })).toThrow('`gamma`');
      expect(() => losses.focalLoss(x, tf.zeros([4]))).toThrow('do not fit');
    });
  });
});

test('balanced weights give every class the same part', () => {
  const labels = [0, 0, 0, 0, 0, 0, 1, 1, 3];
  const weights = losses.balancedClassWeights(labels, 4);
  expect(weights).toEqual([0.5, 1.5, 0, 3]);
  expect(labels.reduce((sum, label) => sum + (weights[label] as number), 0)).toBe(labels.length);
  expect(() => losses.balancedClassWeights([0, 4], 4)).toThrow('label 1 is not a class');
  expect(() => losses.balancedClassWeights([0], 0)).toThrow('`classes`');
});

test('ordinal labels fall off with the distance', () => {
  tf.tidy(() => {
    const [row, middle] = losses.ordinalTargets(tf.tensor1d([0, 1], 'int32'), { classes: 3, sharpness: 1 }).arraySync();
    const parts = [1, Math.exp(-1), Math.exp(-2)];
    parts.forEach(
      (part, k) => void expect(row?.[k]).toBeCloseTo(part / ((parts[0] as number) + Math.exp(-1) + Math.exp(-2)), 5),
    );
    expect(middle?.[0]).toBeCloseTo(middle?.[2] as number, 6);
    const [squared] = losses
      .ordinalTargets(tf.tensor1d([0]), { classes: 3, sharpness: 1, distance: 'squared' })
      .arraySync();
    expect((squared?.[2] as number) / (squared?.[0] as number)).toBeCloseTo(Math.exp(-4), 5);
    expect(() => losses.ordinalTargets(tf.tensor1d([0]), { classes: 1 })).toThrow('`classes`');
  });
});
