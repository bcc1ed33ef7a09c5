/** Metrics against oracles written in plain loops, batch by batch and over an epoch. */
import fc from 'fast-check';
import { ConfigError, DataError, metrics, tf } from 'kelvin';
import { describe, expect, test } from 'vitest';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';

assertFileLeaksNothing();

const CLASSES = 4;
const BINS = 5;

interface Batch {
  logits: number[][];
  labels: number[];
}

/** Batches without ties among the logits of a sample. */
const batches: fc.Arbitrary<Batch> = fc
  .array(
    fc.tuple(
      fc.uniqueArray(fc.integer({ min: -40, max: 40 }), { minLength: CLASSES, maxLength: CLASSES }),
      fc.integer({ min: 0, max: CLASSES - 1 }),
    ),
    { minLength: 1, maxLength: 12 },
  )
  .map((samples) => ({
    logits: samples.map(([row]) => row.map((value) => value / 9)),
    labels: samples.map(([, label]) => label),
  }));

const best = (row: number[]) => row.indexOf(Math.max(...row));

function ranks({ logits, labels }: Batch): number[] {
  return logits.map((row, i) => row.filter((value) => value > (row[labels[i] as number] as number)).length);
}

const topK = (batch: Batch, k: number) => ranks(batch).filter((rank) => rank < k).length / batch.labels.length;

function confusion({ logits, labels }: Batch): number[][] {
  const matrix = Array.from({ length: CLASSES }, () => new Array<number>(CLASSES).fill(0));
  logits.forEach((row, i) => {
    const cells = matrix[labels[i] as number] as number[];
    cells[best(row)] = (cells[best(row)] as number) + 1;
  });
  return matrix;
}

/** By the definition: each bin's share of samples times the distance of its mean confidence and accuracy. */
function calibration({ logits, labels }: Batch): number {
  const samples = logits.map((row, i) => ({
    confidence: 1 / row.reduce((sum, value) => sum + Math.exp(value - Math.max(...row)), 0),
    hit: Number(best(row) === labels[i]),
  }));
  let error = 0;
  for (let bin = 0; bin < BINS; bin++) {
    const members = samples.filter((s) => s.confidence > bin / BINS && s.confidence <= (bin + 1) / BINS);
    if (members.length === 0) continue;
    const mean = (key: 'confidence' | 'hit') => members.reduce((sum, s) => sum + s[key], 0) / members.length;
    error += (members.length / samples.length) * Math.abs(mean('hit') - mean('confidence'));
  }
  return error;
}

function withTensors(batch: Batch, body: (logits: tf.Tensor2D, labels: tf.Tensor1D) => void): void {
  tf.tidy(() => body(tf.tensor2d(batch.logits), tf.tensor1d(batch.labels, 'int32')));
}

const numberIn = (tensor: tf.Tensor) => tensor.dataSync()[0] as number;

test('batch metrics are what their definitions say', () =>
  expectNoLeak(() => {
    fc.assert(
      fc.property(batches, (batch) =>
        withTensors(batch, (logits, labels) => {
          expect(numberIn(metrics.accuracy(logits, labels))).toBeCloseTo(topK(batch, 1), 6);
          for (let k = 1; k <= CLASSES; k++)
            expect(numberIn(metrics.topKAccuracy(logits, labels, k))).toBeCloseTo(topK(batch, k), 6);
          const matrix = metrics.confusionMatrix(logits, labels, CLASSES);
          expect([matrix.dtype, matrix.arraySync()]).toEqual(['int32', confusion(batch)]);
          const predictions = tf.argMax(logits, 1);
          expect(metrics.confusionMatrix(predictions, labels, CLASSES).arraySync()).toEqual(confusion(batch));
          const error = metrics.expectedCalibrationError(logits, labels, { bins: BINS });
          expect(numberIn(error)).toBeCloseTo(calibration(batch), 5);
        }),
      ),
      { seed: 11, numRuns: 40 },
    );
  }));

test('epoch metrics over batches equal the metric of all samples together', () =>
  expectNoLeak(() => {
    fc.assert(
      fc.property(fc.array(batches, { minLength: 1, maxLength: 4 }), (parts) => {
        const all = { logits: parts.flatMap((b) => b.logits), labels: parts.flatMap((b) => b.labels) };
        const accuracy = new metrics.Accuracy();
        const matrix = new metrics.ConfusionMatrix(CLASSES);
        let error = new metrics.CalibrationError({ bins: BINS });
        for (const part of parts) {
          // Saved and restored between batches, as when a run is resumed in mid-epoch.
          const saved = JSON.parse(JSON.stringify(error.stateDict())) as metrics.EpochMetricState;
          error = new metrics.CalibrationError({ bins: BINS });
          error.loadStateDict(saved);
          withTensors(part, (logits, labels) => {
            for (const metric of [accuracy, matrix, error]) metric.update(logits, labels);
          });
        }
        expect(accuracy.compute()).toBeCloseTo(topK(all, 1), 6);
        expect(matrix.compute()).toEqual(confusion(all));
        expect(error.compute()).toBeCloseTo(calibration(all), 5);
        expect(accuracy.samples).toBe(all.labels.length);
        accuracy.reset();
        expect(accuracy.compute()).toBeNaN();
      }),
      { seed: 12, numRuns: 20 },
    );
  }));

test('labels may be one-hot, and float32', () =>
  tf.tidy(() => {
    const logits = tf.tensor2d([
      [1, 2, 3],
      [3, 2, 1],
    ]);
    const labels = tf.tensor1d([2, 1]);
    const oneHot = tf.oneHot(tf.cast(labels, 'int32'), 3);
    expect([labels, oneHot].map((y) => numberIn(metrics.accuracy(logits, y)))).toEqual([0.5, 0.5]);
    expect([labels, oneHot].map((y) => numberIn(metrics.topKAccuracy(logits, y, 2)))).toEqual([1, 1]);
    expect(metrics.confusionMatrix(logits, oneHot, 3).arraySync()).toEqual([
      [0, 0, 0],
      [1, 0, 0],
      [0, 0, 1],
    ]);
  }));

test('a collapsed network, whose logits all tie, does not pass for a good one', () =>
  tf.tidy(() => {
    const labels = tf.tensor1d([0, 1, 2, 3], 'int32');
    expect(numberIn(metrics.accuracy(tf.zeros([4, 4]), labels))).toBe(0.25);
    expect(numberIn(metrics.topKAccuracy(tf.zeros([4, 4]), labels, 2))).toBe(0.5);
  }));

describe('mistakes are named', () => {
  test.each([
    [
      'accuracy',
      () => metrics.accuracy(tf.zeros([4, 3]), tf.zeros([5])),
      DataError,
      /logits of shape \[4, 3\]: expected .*\[4\].*\[4, 3\], got \[5\]/,
    ],
    [
      'logits',
      () => metrics.accuracy(tf.zeros([4]), tf.zeros([4])),
      DataError,
      /expected shape \[batch, classes\], got \[4\]/,
    ],
    [
      'k',
      () => metrics.topKAccuracy(tf.zeros([4, 3]), tf.zeros([4]), 4),
      ConfigError,
      /`k`: expected a whole number from 1 to 3, the number of classes, got 4/,
    ],
    [
      'predictions',
      () => metrics.confusionMatrix(tf.zeros([4]), tf.zeros([3]), 2),
      DataError,
      /expected labels for 4 samples, got shape \[3\]/,
    ],
    [
      'classes',
      () => new metrics.ConfusionMatrix(0),
      ConfigError,
      /ConfusionMatrix: `classes`: expected a whole number of at least 1, got 0/,
    ],
    [
      'bins',
      () => new metrics.CalibrationError({ bins: 0 }),
      ConfigError,
      /CalibrationError: option `bins`: expected a whole number of at least 1, got 0/,
    ],
    [
      'state',
      () => new metrics.ConfusionMatrix(2).loadStateDict(new metrics.Accuracy().stateDict()),
      Error,
      /ConfusionMatrix: the saved state does not fit: expected 4 counts, got 1/,
    ],
  ] as const)('%s', (_, call, type, text) => {
    tf.tidy(() => {
      expect(call).toThrow(type);
      expect(call).toThrow(text);
    });
  });
});
