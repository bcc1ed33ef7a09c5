/** The distillation losses without published values: each against its formula in float64 and finite differences. */
import { losses, startEngine, tf } from 'kelvin';
import { beforeAll, describe, expect, test } from 'vitest';
import { messageFrom } from '../../support/messages.ts';
import { assertFileLeaksNothing } from '../../support/no-leak.ts';
import { expectGradient, logSoftmax } from '../support.ts';

assertFileLeaksNothing();
beforeAll(() => startEngine({ engine: 'wasm' }));

type Rows = number[][];
const STUDENT: Rows = [
  [2, -1, 0.5, 0.7],
  [0.1, 0.2, 0.3, -1],
  [-0.4, 1.3, 0.9, 0.2],
];
const TEACHER: Rows = [
  [1, 1, -2, 0.5],
  [-3, 3, 2, 0.1],
  [0.3, -0.8, 1.1, 2],
];
const LABELS = [0, 2, 3];

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const mean = (values: readonly number[]): number => sum(values) / values.length;
const soften = (row: readonly number[], T: number): number[] => logSoftmax(row.map((z) => z / T));
const dot = (a: readonly number[], b: readonly number[]): number => sum(a.map((x, i) => x * (b[i] as number)));
const unit = (row: readonly number[]): number[] => row.map((x) => x / Math.sqrt(dot(row, row)));
const byRow = (rows: Rows, f: (s: number[], t: number[], i: number) => number): number =>
  mean(rows.map((row, i) => f(row, TEACHER[i] as number[], i)));
const kl = (logP: number[], logQ: number[]): number => sum(logP.map((p, c) => Math.exp(p) * (p - (logQ[c] as number))));

interface Case {
  readonly loss: (student: tf.Tensor, teacher: tf.Tensor, labels: tf.Tensor) => tf.Tensor;
  readonly formula: (student: Rows) => number;
}
const CASES: Record<string, Case> = {
  'generalised Jensen–Shannon, β = 0.3, T = 2': {
    loss: (s, t) => losses.jensenShannonDivergence(s, t, { beta: 0.3, temperature: 2 }),
    formula: (rows) =>
      4 *
      byRow(rows, (s, t) => {
        const [ps, pt] = [soften(s, 2), soften(t, 2)];
        const m = pt.map((p, c) => Math.log(0.3 * Math.exp(p) + 0.7 * Math.exp(ps[c] as number)));
        return 0.3 * kl(pt, m) + 0.7 * kl(ps, m);
      }),
  },
  'reverse KL, summed': {
    loss: (s, t) => losses.reverseKLDivergence(s, t, { temperature: 3, reduction: 'sum' }),
    formula: (rows) => 9 * rows.length * byRow(rows, (s, t) => kl(soften(s, 3), soften(t, 3))),
  },
  'soft cross-entropy, mean over elements': {
    loss: (s, t) => losses.softCrossEntropy(s, t, { temperature: 2, reduction: 'mean' }),
    formula: (rows) => -byRow(rows, (s, t) => dot(soften(t, 2).map(Math.exp), soften(s, 2))),
  },
  'centred logits': {
    loss: (s, t) => losses.logitMse(s, t, { centered: true }),
    formula: (rows) => byRow(rows, (s, t) => mean(s.map((z, c) => (z - mean(s) - ((t[c] as number) - mean(t))) ** 2))),
  },
  'decoupled, by the identity KL = TCKD + (1 - p) NCKD': {
    loss: (s, t, y) => losses.decoupledDistillation(s, t, y, { alpha: 2, beta: 3, temperature: 2 }),
    formula: (rows) =>
      byRow(rows, (s, t, i) => {
        const [ps, pt] = [soften(s, 2), soften(t, 2)];
        const right = (row: number[]): number => Math.exp(row[LABELS[i] as number] as number);
        const two = (p: number): number[] => [Math.log(p), Math.log(1 - p)];
        const target = kl(two(right(pt)), two(right(ps)));
        return 4 * (2 * target + 3 * ((kl(pt, ps) - target) / (1 - right(pt))));
      }),
  },
  'DIST at T = 4, weights apart': {
    loss: (s, t) => losses.correlationDistillation(s, t, { beta: 0.5, gamma: 2, temperature: 4 }),
    formula: (rows) => {
      const [ps, pt] = [rows, TEACHER].map((each) => each.map((row) => soften(row, 4).map(Math.exp))) as [Rows, Rows];
      const center = (row: number[]): number[] => row.map((x) => x - mean(row));
      const rho = (a: Rows, b: Rows): number =>
        mean(a.map((row, i) => dot(unit(center(row)), unit(center(b[i] as number[])))));
      const turned = (p: Rows): Rows => (p[0] as number[]).map((_, c) => p.map((row) => row[c] as number));
      return 16 * (0.5 * (1 - rho(ps, pt)) + 2 * (1 - rho(turned(ps), turned(pt))));
    },
  },
  'MFT at T = 2': {
    loss: (s, t, y) => losses.minifinetuning(s, t, y, { temperature: 2, threshold: 0.3 }),
    formula: (rows) =>
      4 *
      byRow(rows, (s, t, i) => {
        const p = soften(t, 2).map(Math.exp);
        const [y, best] = [LABELS[i] as number, Math.max(...p)];
        const own = p[y] as number;
        const m = own >= best ? (Math.min(1, own + 0.3) - best) / (1 - best) : (best - own + 0.3) / (1 + best - own);
        const target = p.map((value, c) => Math.log((1 - m) * value + (c === y ? m : 0)));
        return kl(target, soften(s, 2));
      }),
  },
  'no teacher, as published': {
    loss: (s, _, y) => losses.teacherFreeRegularization(s, y),
    formula: (rows) =>
      byRow(rows, (s, _, i) =>
        kl(logSoftmax(s.map((_, c) => (c === LABELS[i] ? 0.99 : 0.01 / 3) / 20)), logSoftmax(s)),
      ),
  },
  'no teacher, logits softened': {
    loss: (s, _, y) => losses.teacherFreeRegularization(s, y, { correct: 0.9, temperature: 4, soften: 'logits' }),
    formula: (rows) =>
      byRow(rows, (s, _, i) =>
        kl(
          soften(
            s.map((_, c) => Math.log(c === LABELS[i] ? 0.9 : 0.1 / 3)),
            4,
          ),
          logSoftmax(s),
        ),
      ),
  },
  'cosine of features': {
    loss: (s, t) => losses.featureCosine(s, t),
    formula: (rows) => byRow(rows, (s, t) => 1 - dot(unit(s), unit(t))),
  },
  'contrast within the batch': {
    loss: (s, t) => losses.contrastiveDistillation(s, t, { temperature: 0.5 }),
    formula: (rows) =>
      -mean(rows.map((s, i) => logSoftmax(TEACHER.map((t) => dot(unit(s), unit(t)) / 0.5))[i] as number)),
  },
  'attention by distances, at power 3': {
    loss: (s, t) =>
      losses.attentionTransfer(tf.reshape(s, [3, 2, 2, 1]), tf.reshape(t, [3, 2, 2, 1]), { power: 3, mode: 'norm' }),
    formula: (rows) =>
      byRow(rows, (s, t) => {
        const [a, b] = [s, t].map((row) => unit(row.map((x) => Math.abs(x) ** 3))) as [number[], number[]];
        return Math.sqrt(sum(a.map((x, i) => (x - (b[i] as number)) ** 2))) / 2;
      }),
  },
  'attention, the larger map pooled': {
    loss: (s, t) => losses.attentionTransfer(tf.reshape(s, [3, 1, 4, 1]), tf.reshape(t, [3, 1, 2, 2])),
    formula: (rows) =>
      byRow(rows, (s, t) => {
        const [a, b, c, d] = s as [number, number, number, number];
        const [e, f, g, h] = t as [number, number, number, number];
        const student = unit([((a + b) / 2) ** 2, ((c + d) / 2) ** 2]);
        const teacher = unit([(e * e + f * f) / 2, (g * g + h * h) / 2]);
        return mean(student.map((x, i) => (x - (teacher[i] as number)) ** 2));
      }),
  },
};

describe('value and gradient', () => {
  test.each(Object.entries(CASES))('%s', (_, { loss, formula }) => {
    const [teacher, labels] = [tf.tensor2d(TEACHER), tf.tensor1d(LABELS, 'int32')];
    expectGradient(STUDENT, (x) => tf.tidy(() => loss(x, teacher, labels)), formula);
    tf.dispose([teacher, labels]);
  });
});

test('nothing of the loss flows into the teacher', () =>
  tf.tidy(() => {
    const [student, teacher, labels] = [tf.tensor2d(STUDENT), tf.tensor2d(TEACHER), tf.tensor1d(LABELS, 'int32')];
    for (const [name, { loss }] of Object.entries(CASES)) {
      const gradient = tf.grad((t: tf.Tensor) => tf.add(loss(student, t, labels), tf.mul(tf.sum(t), 0)))(teacher);
      expect(
        [...gradient.dataSync()].every((value) => value === 0),
        name,
      ).toBe(true);
    }
  }));

test('equal features have no distance and a finite gradient', () =>
  tf.tidy(() => {
    const same = tf.ones([4, 3]);
    for (const loss of [losses.relationalDistance, losses.relationalAngle, losses.similarityPreserving]) {
      const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => loss(x, same))(same);
      expect(value.dataSync()[0]).toBe(0);
      expect([...grad.dataSync()].every(Number.isFinite)).toBe(true);
    }
  }));

test('what does not fit is said, with the way out', async () => {
  const zeros = (...shape: number[]) => tf.zeros(shape);
  const said = async (body: () => tf.Tensor) => {
    tf.engine().startScope();
    const text = await messageFrom(body);
    tf.engine().endScope();
    return text;
  };
  expect({
    twoClasses: await said(() => losses.decoupledDistillation(zeros(4, 2), zeros(4, 2), zeros(4))),
    labels: await said(() => losses.minifinetuning(zeros(4, 3), zeros(4, 3), zeros(3))),
    beta: await said(() => losses.jensenShannonDivergence(zeros(4, 3), zeros(4, 3), { beta: 1 })),
    oneSample: await said(() => losses.correlationDistillation(zeros(1, 3), zeros(1, 3))),
    channels: await said(() => losses.featureMse(zeros(2, 4, 4, 3), zeros(2, 4, 4, 6))),
    sizes: await said(() => losses.featureMse(zeros(2, 8, 8, 3), zeros(2, 4, 4, 6))),
    attention: await said(() => losses.attentionTransfer(zeros(2, 6, 6, 3), zeros(2, 4, 4, 6))),
    angles: await said(() => losses.relationalAngle(zeros(2, 6), zeros(2, 4))),
  }).toMatchInlineSnapshot(`
    {
      "angles": "DataError [batch-too-small] relationalAngle: expected at least 3 samples to compare, got 2.
      help: use larger batches, and \`dropLast: true\` for the last one",
      "attention": "DataError [feature-shape] attentionTransfer: the maps: expected heights and widths of which one is a multiple of the other, got [2, 6, 6, 3] and [2, 4, 4, 6].
      help: tap layers of the same resolution",
      "beta": "ConfigError [invalid-option] jensenShannonDivergence: option \`beta\`: expected a number between 0 and 1, got 1.
      help: use klDivergence (the limit at 0) or reverseKLDivergence (at 1)",
      "channels": "DataError [feature-shape] featureMse: the student's features do not fit the teacher's: expected [2, 4, 4, 6], got [2, 4, 4, 3].
      help: a connector makes them fit: { …, connector: 'conv1x1' }",
      "labels": "DataError [loss-shape] minifinetuning: the labels: expected class numbers of shape [4], got [3].
      help: this loss needs to know the right class of every sample",
      "oneSample": "DataError [batch-too-small] correlationDistillation: expected at least 2 samples to correlate over the batch, got 1.
      help: use larger batches with \`dropLast: true\`, or \`gamma: 0\`",
      "sizes": "DataError [feature-shape] featureMse: the student's features do not fit the teacher's: expected [2, 4, 4, 6], got [2, 8, 8, 3].
      help: the maps differ in size: { …, connector: 'conv1x1' } pools the student's where it is the larger",
      "twoClasses": "DataError [too-few-classes] decoupledDistillation: expected at least 3 classes, got 2.
      help: with two classes there is one other class, and its share among the others is always 1: use klDivergence",
    }
  `);
});
