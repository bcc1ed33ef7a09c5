import { ConfigError, DataError, losses, tf } from 'kelvin';
import { expect, test } from 'vitest';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { expectGradient, logSoftmax } from './support.ts';

assertFileLeaksNothing();

const LOGITS = [
  [2, -1, 0.5],
  [0.1, 0.2, 0.3],
  [-3, 4, 1],
  [50, -50, 0],
];
const LABELS = [0, 2, 1, 2];
const SOFT = [
  [0.2, 0.3, 0.5],
  [1, 0, 0],
  [0.1, 0.1, 0.1],
  [0, 2, 0],
];
const WEIGHT = [0.5, 2, 1.5];

/** PyTorch's definition, written out in float64. */
function reference(logits: number[][], labels: number[] | number[][], smoothing = 0, weight?: number[]): number[] {
  return logits.map((row, sample) => {
    const label = labels[sample] as number | number[];
    const logp = logSoftmax(row);
    const hard = row.map((_, c) => (typeof label === 'number' ? Number(c === label) : (label[c] as number)));
    const target = hard.map((t) => t * (1 - smoothing) + smoothing / row.length);
    return -target.reduce((sum, t, c) => sum + t * (weight?.[c] ?? 1) * (logp[c] as number), 0);
  });
}

const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const total = (values: number[]) => values.reduce((a, b) => a + b, 0);

const weightOf = (labels: number[]) => total(labels.map((label) => WEIGHT[label] as number));

test.each([
  ['class numbers', LABELS, 0, false, (v: number[]) => mean(v)],
  ['class numbers, smoothed', LABELS, 0.1, false, (v: number[]) => mean(v)],
  ['class numbers, weighted', LABELS, 0, true, (v: number[]) => total(v) / weightOf(LABELS)],
  ['class numbers, smoothed and weighted', LABELS, 0.2, true, (v: number[]) => total(v) / weightOf(LABELS)],
  ['rows of probabilities', SOFT, 0, false, (v: number[]) => mean(v)],
  ['rows of probabilities, smoothed and weighted', SOFT, 0.3, true, (v: number[]) => mean(v)],
])('crossEntropy of %s: value and gradient', (_, labels, labelSmoothing, weighted, average) =>
  expectNoLeak(() => {
    const weight = weighted ? tf.tensor1d(WEIGHT) : undefined;
    const y =
      typeof labels[0] === 'number' ? tf.tensor1d(labels as number[], 'int32') : tf.tensor2d(labels as number[][]);
    const oracle = (x: number[][]) => reference(x, labels, labelSmoothing, weighted ? WEIGHT : undefined);
    const options = { labelSmoothing, weight };
    expectGradient(
      LOGITS,
      (x) => losses.crossEntropy(x, y, options),
      (x) => average(oracle(x)),
    );
    expectGradient(
      LOGITS,
      (x) => losses.crossEntropy(x, y, { ...options, reduction: 'sum' }),
      (x) => total(oracle(x)),
    );
    // Weighing the samples shows that each one's gradient is its own.
    const factors = [1, -2, 3, 0.5];
    expectGradient(
      LOGITS,
      (x) => tf.sum(tf.mul(losses.crossEntropy(x, y, { ...options, reduction: 'none' }), factors)),
      (x) => total(oracle(x).map((value, i) => value * (factors[i] as number))),
    );
    tf.dispose([y, weight ?? []]);
  }),
);

test('labels may be int32, float32 or one-hot', () =>
  expectNoLeak(() => {
    tf.tidy(() => {
      const logits = tf.tensor2d(LOGITS);
      const value = (labels: tf.Tensor) => losses.crossEntropy(logits, labels).dataSync()[0];
      const expected = value(tf.tensor1d(LABELS, 'int32'));
      expect(expected).toBeCloseTo(mean(reference(LOGITS, LABELS)), 5);
      expect(value(tf.tensor1d(LABELS))).toBe(expected);
      expect(value(tf.oneHot(tf.tensor1d(LABELS, 'int32'), 3))).toBe(expected);
    });
  }));

test('huge logits neither overflow nor lose the loss', () =>
  tf.tidy(() => {
    const loss = losses.crossEntropy(tf.tensor2d([[1e4, -1e4]]), tf.tensor1d([1], 'int32'));
    expect(loss.dataSync()[0]).toBe(2e4);
  }));

test('a shape that does not fit is an error that names the shapes', () =>
  expectNoLeak(() => {
    tf.tidy(() => {
      const logits = tf.zeros([4, 3]);
      const wrong = () => losses.crossEntropy(logits, tf.zeros([4, 1]));
      expect(wrong).toThrow(DataError);
      expect(wrong).toThrowErrorMatchingInlineSnapshot(
        `[DataError: crossEntropy: the labels do not fit logits of shape [4, 3]: expected class numbers of shape [4] or one row per sample of shape [4, 3], got [4, 1].]`,
      );
      expect(() => losses.crossEntropy(tf.zeros([3]), tf.zeros([3]))).toThrowErrorMatchingInlineSnapshot(`
        [DataError: crossEntropy: the logits: expected shape [batch, classes], got [3].
          help: reshape the model output to one row per sample]
      `);
      const weight = tf.zeros([4]);
      expect(() => losses.crossEntropy(logits, tf.zeros([4]), { weight })).toThrowErrorMatchingInlineSnapshot(
        `[DataError: crossEntropy: the class weights: expected shape [3], got [4].]`,
      );
    });
  }));

test('options are checked', () =>
  tf.tidy(() => {
    const call = (options: object) => () => losses.crossEntropy(tf.zeros([4, 3]), tf.zeros([4]), options);
    expect(call({ labelSmoothing: 2 })).toThrow(ConfigError);
    expect(call({ labelSmoothing: 2 })).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: crossEntropy: option \`labelSmoothing\`: expected a number from 0 to 1, got 2 (number).]`,
    );
    expect(call({ labelSmothing: 0.1 })).toThrowErrorMatchingInlineSnapshot(`
      [ConfigError: crossEntropy: unknown option \`labelSmothing\`.
        help: did you mean \`labelSmoothing\`?]
    `);
    expect(call({ reduction: 'avg' })).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: crossEntropy: option \`reduction\`: expected 'mean' or 'sum' or 'none', got 'avg' (string).]`,
    );
  }));
