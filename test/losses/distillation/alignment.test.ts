/** CKA and the feature overhaul: against their formulas in float64, and by what makes each of them what it is. */
import { losses, startEngine, tf } from 'kelvin';
import { beforeAll, expect, test } from 'vitest';
import { assertFileLeaksNothing, expectNoLeak } from '../../support/no-leak.ts';
import { expectGradient, expectNear } from '../support.ts';

assertFileLeaksNothing();
beforeAll(() => startEngine({ engine: 'wasm' }));

type Rows = number[][];
const STUDENT: Rows = [
  [2, -1, 0.5],
  [0.1, 0.2, -0.3],
  [-0.4, 1.3, 0.9],
  [-0.9, -0.2, -2],
];
const TEACHER: Rows = [
  [1, -0.5, -2],
  [-3, 3, -0.2],
  [0.3, -0.8, 1.1],
  [-0.5, -1, -0.6],
];

const transpose = (rows: Rows): Rows => (rows[0] as number[]).map((_, c) => rows.map((row) => row[c] as number));
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const mean = (values: readonly number[]): number => sum(values) / values.length;
const scalar = (loss: tf.Tensor): number => {
  const [value] = loss.dataSync();
  loss.dispose();
  return value as number;
};

/** By the covariances of the features, where the loss goes by the similarities of the samples. */
function alignment(own: Rows, other: Rows): number {
  const centred = (rows: Rows) => transpose(rows).map((column) => column.map((x) => x - mean(column)));
  const size = (a: Rows, b: Rows) =>
    sum(a.flatMap((x) => b.map((y) => sum(x.map((v, i) => v * (y[i] as number))) ** 2)));
  const [x, y] = [centred(own), centred(other)];
  return 1 - size(x, y) / Math.sqrt(size(x, x) * size(y, y));
}

test('centred kernel alignment: value and gradient, also of layers of other widths', () => {
  for (const teacher of [TEACHER, TEACHER.map((row) => row.slice(0, 2))]) {
    const given = tf.tensor2d(teacher);
    expectGradient(
      STUDENT,
      (x) => losses.centeredKernelAlignment(x, given),
      (rows) => alignment(rows, teacher),
    );
    given.dispose();
  }
});

test('features that are turned, scaled and shifted are alike; a batch of another size is an error', () =>
  expectNoLeak(() => {
    const [cos, sin] = [Math.cos(0.7), Math.sin(0.7)];
    const turned = TEACHER.map(([a = 0, b = 0, c = 0]) => [
      3 * (cos * a - sin * b) + 1,
      3 * (sin * a + cos * b),
      3 * c - 2,
    ]);
    const [student, teacher] = [tf.tensor2d(turned), tf.tensor2d(TEACHER)];
    expect(scalar(losses.centeredKernelAlignment(student, teacher))).toBeCloseTo(0, 5);
    const two = tf.slice(student, 0, 2);
    expect(() => losses.centeredKernelAlignment(two, teacher)).toThrow(/same batch|rows|batch/);
    tf.dispose([student, teacher, two]);
  }));

/** The partial distance with these margins. */
function overhaul(student: Rows, margins: readonly number[]): number {
  return mean(
    student.flatMap((row, i) =>
      row.map((s, c) => {
        const t = Math.max((TEACHER[i] as number[])[c] as number, margins[c] as number);
        return s <= t && t <= 0 ? 0 : (t - s) ** 2;
      }),
    ),
  );
}

test('overhaul: value and gradient, with the margins of the batch and with given ones', () => {
  const teacher = tf.tensor2d(TEACHER);
  const ofBatch = transpose(TEACHER).map((column) => mean(column.filter((x) => x < 0)));
  expectGradient(
    STUDENT,
    (x) => losses.overhaulDistillation(x, teacher),
    (rows) => overhaul(rows, ofBatch),
  );
  const margins = [-0.1, -2, -0.7];
  const given = tf.tensor1d(margins);
  expectGradient(
    STUDENT,
    (x) => losses.overhaulDistillation(x, teacher, { margin: given }),
    (rows) => overhaul(rows, margins),
  );
  expect(overhaul(STUDENT, margins)).not.toBeCloseTo(overhaul(STUDENT, ofBatch), 3);
  tf.dispose([teacher, given]);
});

test('margins of a batch normalisation are the means of what is negative of a normal distribution', () => {
  const [scale, shift] = [
    [1, 0.5, -2, 0.1],
    [0, 0.3, -1, 5],
  ] as const;
  /** E[x | x < 0] by summing over a fine grid. */
  const expected = (deviation: number, centre: number): number => {
    const xs = Array.from({ length: 200_000 }, (_, i) => -(i + 0.5) * 1e-4);
    const weights = xs.map((x) => Math.exp(-0.5 * ((x - centre) / deviation) ** 2));
    return sum(xs.map((x, i) => x * (weights[i] as number))) / sum(weights);
  };
  const tensors = [tf.tensor1d([...scale]), tf.tensor1d([...shift])] as const;
  const margins = losses.overhaulMargins(...tensors);
  const wanted = [expected(1, 0), expected(0.5, 0.3), expected(2, -1), -3 * 0.1]; // the last is never negative
  expectNear([...margins.dataSync()], wanted, 1e-4);
  tf.dispose([...tensors, margins]);
});
