/** Kappa, sensitivity, specificity and ROC-AUC, against definitions written in plain loops. */
import fc from 'fast-check';
import { CheckpointError, metrics, tf } from 'kelvin';
import { describe, expect, test } from 'vitest';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';

assertFileLeaksNothing();
const CLASSES = 4;

const ints = (values: readonly number[]) => tf.tensor1d([...values], 'int32');
const pairs = fc.array(fc.tuple(fc.nat(CLASSES - 1), fc.nat(CLASSES - 1)), { minLength: 1, maxLength: 30 });

/** As Kaggle states it: over all pairs of samples, what is seen by what chance would give. */
function kappa(samples: readonly (readonly [number, number])[]): number {
  let seen = 0;
  let chance = 0;
  for (const [truth, guess] of samples) {
    seen += (truth - guess) ** 2;
    for (const [, other] of samples) chance += (truth - other) ** 2 / samples.length;
  }
  return 1 - seen / chance;
}

/** How often a positive scores higher than a negative. */
function auc(scores: readonly number[], positive: readonly boolean[]): number {
  let won = 0;
  let count = 0;
  scores.forEach((a, i) => {
    scores.forEach((b, j) => {
      if (!positive[i] || positive[j]) return;
      won += a > b ? 1 : a === b ? 0.5 : 0;
      count += 1;
    });
  });
  return won / count;
}

function expectSame(got: number, expected: number): void {
  if (Number.isNaN(expected)) expect(got).toBeNaN();
  else expect(got).toBeCloseTo(expected, 5);
}

describe('grades', () => {
  test('kappa of a small table', () => {
    // Truth 0 0 1 1 2 2, guesses 0 1 1 1 2 0: seen 1 + 4, by chance 2 / 6 · (2 · 5 + 3 · 2 + 1 · 5) = 7.
    const samples = [
      [0, 0],
      [0, 1],
      [1, 1],
      [1, 1],
      [2, 2],
      [2, 0],
    ] as const;
    const value = tf.tidy(
      () =>
        metrics
          .quadraticWeightedKappa(ints(samples.map(([, guess]) => guess)), ints(samples.map(([truth]) => truth)), 3)
          .dataSync()[0],
    );
    expect(value).toBeCloseTo(2 / 7, 6);
    expect(kappa(samples)).toBeCloseTo(2 / 7, 6);
  });

  test('function and epoch agree with the definitions, whatever the batches', async () => {
    await expectNoLeak(() => {
      fc.assert(
        fc.property(pairs, fc.integer({ min: 1, max: 7 }), (samples, size) => {
          const all = new metrics.QuadraticWeightedKappa(CLASSES);
          const [found, spared] = [new metrics.Sensitivity(CLASSES), new metrics.Specificity(CLASSES)];
          tf.tidy(() => {
            const [truth, guess] = [ints(samples.map(([t]) => t)), ints(samples.map(([, g]) => g))];
            expectSame(metrics.quadraticWeightedKappa(guess, truth, CLASSES).dataSync()[0] as number, kappa(samples));
            for (let at = 0; at < samples.length; at += size) {
              const end = Math.min(size, samples.length - at);
              for (const metric of [all, found, spared])
                metric.update(tf.slice(guess, at, end), tf.slice(truth, at, end));
            }
            const rates = [metrics.sensitivity(guess, truth, CLASSES), metrics.specificity(guess, truth, CLASSES)];
            const [sensitivity, specificity] = rates.map((tensor) => tensor.dataSync());
            for (let k = 0; k < CLASSES; k++) {
              const [own, others] = [samples.filter(([t]) => t === k), samples.filter(([t]) => t !== k)];
              const expected = own.filter(([, g]) => g === k).length / own.length;
              const spare = others.filter(([, g]) => g !== k).length / others.length;
              expectSame(sensitivity?.[k] as number, expected);
              expectSame(found.compute()[k] as number, expected);
              expectSame(specificity?.[k] as number, spare);
              expectSame(spared.compute()[k] as number, spare);
            }
          });
          expectSame(all.compute(), kappa(samples));
        }),
        { numRuns: 40 },
      );
    });
  });
});

describe('ROC-AUC', () => {
  test('the textbook case, ties, and one class alone', () => {
    tf.tidy(() => {
      const labels = ints([0, 0, 1, 1]);
      expect(metrics.rocAuc(tf.tensor1d([0.1, 0.4, 0.35, 0.8]), labels)).toBe(0.75);
      expect(metrics.rocAuc(tf.tensor1d([1, 1, 1, 1]), labels)).toBe(0.5);
      expect(metrics.rocAuc(tf.tensor2d([[0], [2], [1], [2]]), labels)).toBe(0.625);
      expect(metrics.rocAuc(tf.tensor1d([1, 2]), ints([1, 1]))).toBeNaN();
    });
  });

  test.each([2, 3])('%i classes, in batches, with ties, saved and restored on the way', (classes) => {
    const sample = fc.tuple(
      fc.array(fc.integer({ min: -2, max: 2 }), { minLength: classes, maxLength: classes }),
      fc.nat(classes - 1),
    );
    fc.assert(
      fc.property(fc.array(sample, { minLength: 1, maxLength: 20 }), fc.nat(19), (samples, cut) => {
        const half = Math.min(cut, samples.length - 1);
        let metric = new metrics.RocAuc();
        for (const part of [samples.slice(0, half), samples.slice(half)]) {
          if (part.length === 0) continue;
          tf.tidy(() => metric.update(tf.tensor2d(part.map(([row]) => row)), ints(part.map(([, label]) => label))));
          const saved = JSON.parse(JSON.stringify(metric.stateDict())) as metrics.EpochMetricState;
          metric = new metrics.RocAuc();
          metric.loadStateDict(saved);
        }
        const rows = tf.tidy(() => tf.softmax(tf.tensor2d(samples.map(([row]) => row))).arraySync() as number[][]);
        const areas = (classes === 2 ? [1] : [0, 1, 2])
          .map((k) =>
            auc(
              samples.map(([row], i) =>
                classes === 2 ? (row[1] as number) - (row[0] as number) : (rows[i]?.[k] as number),
              ),
              samples.map(([, label]) => label === k),
            ),
          )
          .filter((area) => !Number.isNaN(area));
        expect(metric.samples).toBe(samples.length);
        expectSame(metric.compute(), areas.reduce((a, b) => a + b, 0) / areas.length);
      }),
      { numRuns: 40 },
    );
  });

  test('a state of another kind and a change of width are refused', () => {
    const metric = new metrics.RocAuc();
    expect(() => metric.loadStateDict({ samples: 2, counts: [1, 2, 3] })).toThrow(CheckpointError);
    tf.tidy(() => {
      metric.update(tf.zeros([2, 3]), ints([0, 1]));
      expect(() => metric.update(tf.zeros([2, 4]), ints([0, 1]))).toThrow('expected 3 scores per sample, got 4');
      metric.reset();
      metric.update(tf.zeros([2, 4]), ints([0, 1]));
    });
    expect(metric.compute()).toBe(0.5);
  });
});
