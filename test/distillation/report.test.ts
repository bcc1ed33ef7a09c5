/** The report of an evaluation: intervals over seeds, divergence, calibration, and the forms in which it is read. */
import { evaluateDistillation, startEngine, tf } from 'kelvin';
import { beforeAll, expect, test } from 'vitest';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';

assertFileLeaksNothing();
beforeAll(() => startEngine({ engine: 'wasm' }));

const FEW = { runs: 2, warmUp: 1 };

/** Logits `[a·x, b·x]` of one input. */
function linear(a: number, b: number, softmax = false): tf.Sequential {
  const dense = tf.layers.dense({ units: 2, inputShape: [1], activation: softmax ? 'softmax' : 'linear' });
  const model = tf.sequential({ layers: [dense] });
  tf.tidy(() => model.setWeights([tf.tensor2d([[a, b]]), tf.zeros([2])]));
  return model;
}

const XS = [-2, -1, -0.5, 0.5, 1, 2, 3];
const LABELS = [0, 0, 1, 1, 1, 0, 1];

function* batches() {
  for (let i = 0; i < XS.length; i += 4) {
    const x = XS.slice(i, i + 4);
    yield { x: tf.tensor2d(x, [x.length, 1]), y: tf.tensor1d(LABELS.slice(i, i + 4), 'int32') };
  }
}

/** P(class 1) for weights `[a, b]`. */
const probability = (x: number, a: number, b: number): number => 1 / (1 + Math.exp((a - b) * x));

test('divergence and calibration equal their definitions', async () => {
  const models = { teacher: linear(0, 2), student: linear(0, 0.7), probabilities: linear(0, 0.7, true) };
  const report = await expectNoLeak(() => evaluateDistillation(models, batches(), { ...FEW, bins: 5 }));
  const kl = XS.map((x) => {
    const [p, q] = [probability(x, 0, 2), probability(x, 0, 0.7)];
    return p * Math.log(p / q) + (1 - p) * Math.log((1 - p) / (1 - q));
  });
  const mean = kl.reduce((a, b) => a + b) / kl.length;
  const [teacher, student, probabilities] = report.rows;
  expect(teacher?.kl.value).toBe(0);
  expect(student?.kl.value).toBeCloseTo(mean, 6);
  expect(probabilities?.kl.value, 'a softmax at the end makes no difference').toBeCloseTo(mean, 5);
  expect(student?.kl.low).toBeLessThan(mean);

  const bins = new Map<number, { hits: number; sure: number }>();
  XS.forEach((x, i) => {
    const p = probability(x, 0, 0.7);
    const sure = Math.max(p, 1 - p);
    const bin = Math.ceil(sure * 5);
    const { hits, sure: before } = bins.get(bin) ?? { hits: 0, sure: 0 };
    bins.set(bin, { hits: hits + Number(Number(p > 0.5) === LABELS[i]), sure: before + sure });
  });
  const ece = [...bins.values()].reduce((sum, bin) => sum + Math.abs(bin.hits - bin.sure), 0) / XS.length;
  expect(student?.ece.value).toBeCloseTo(ece, 6);
  expect(student?.calibration.reduce((sum, { samples }) => sum + samples, 0)).toBe(XS.length);
  for (const model of Object.values(models)) model.dispose();
});

test('the gain of one model over another is that of their pairs of seeds', async () => {
  const [right, wrong] = [linear(0, 2), linear(2, 0)];
  const models = { teacher: right, good: [right, right], mixed: [right, wrong] };
  const report = await evaluateDistillation(models, batches(), FEW);
  const accuracy = (name: string) => report.rows.find((row) => row.name === name)?.accuracy.seeds as number[];
  const gains = accuracy('good').map((own, i) => own - (accuracy('mixed')[i] as number));
  expect(gains[0]).toBe(0);
  const gain = report.gain('good', 'mixed');
  expect(gain.seeds).toEqual(gains);
  expect(gain.value).toBeCloseTo((gains[0] as number) / 2 + (gains[1] as number) / 2, 12);
  expect([gain.low, gain.high]).toEqual([-1, 1]); // two pairs say little
  expect(() => report.gain('good', 'best')).toThrow("expected 'teacher' or 'good' or 'mixed', got 'best'");
  expect(() => report.gain('good', 'teacher')).toThrow('expected as many seeds of both, got 2 and 1');
  for (const model of [right, wrong]) model.dispose();
});

test('several seeds give a mean and an interval of Student, one seed an interval of Wilson', async () => {
  // 2, 7 and 5 errors: class 1 for x > 0, class 0 for x > 0, always class 0.
  const seeds = [linear(0, 1), linear(1, 0), linear(0, 0)];
  const teacher = linear(0, 3);
  const report = await expectNoLeak(() => evaluateDistillation({ teacher, student: seeds }, batches(), FEW));
  const student = report.rows[1]?.errors;
  const errors = student?.seeds ?? [];
  expect(errors).toEqual([2, 5, 4]);
  const mean = 11 / 3;
  const deviation = Math.sqrt(errors.reduce((sum, e) => sum + (e - mean) ** 2, 0) / 2);
  expect(student?.value).toBeCloseTo(mean);
  // 4.30 deviations of the mean reach to 7.46, beyond all of the samples.
  const half = (4.302653 * deviation) / Math.sqrt(3);
  expect(student?.low).toBeCloseTo(Math.max(0, mean - half), 4);
  expect([mean + half > XS.length, student?.high, report.rows[1]?.accuracy.low]).toEqual([true, XS.length, 0]);
  // Wilson, by the published formula for 2 of 7.
  const { low, high } = report.reference.errors;
  expect([low / 7, high / 7].map((share) => share.toFixed(4))).toEqual(['0.0822', '0.6411']);
  for (const model of [teacher, ...seeds]) model.dispose();
});

test('a table, Markdown, JSON and a page that stands by itself', async () => {
  const teacher = linear(0, 2);
  const student = linear(0, -1);
  const report = await evaluateDistillation({ teacher, '<b>student|': [student, student] }, batches(), {
    ...FEW,
    title: 'A & B',
    classNames: ['cat', 'dog'],
  });
  expect(report.toTable().split('\n')[0]?.split(/ {2,}/)).toEqual(
    'model errors accuracy parameters size MACs smaller p50 p95 samples/s faster agrees KL ECE'.split(' '),
  );
  expect(report.toTable()).toContain('5 (5–5)');
  expect(report.toMarkdown()).toContain('| <b>student\\| | 5 (5–5) |');
  const json = JSON.parse(JSON.stringify(report));
  expect(json).toMatchObject({ title: 'A & B', reference: 'teacher' });
  expect(json.models[1]).toMatchObject({
    parameters: 4,
    macs: 2,
    sizeReduction: 1,
    errors: { value: 5, seeds: [5, 5] },
  });

  const html = report.toHTML();
  expect(html).toContain('<h1>A &amp; B</h1>');
  expect(html, 'names are text').not.toContain('<b>student|');
  expect(html).toContain('<td>dog</td>');
  expect(html.match(/<svg /g)).toHaveLength(6);
  expect(html, 'nothing is fetched').not.toMatch(/(?:src|href)=|@import|url\(/);
  expect(html.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:/);
  expect(html).not.toMatch(/NaN|undefined|Infinity/);

  const written: [string, string, number][] = [];
  report.writeTo({ addText: (...args) => written.push(args) }, 'report.html');
  expect(written).toEqual([['distillation/report', `${report.toMarkdown()}\n\n[The whole report](report.html)`, 0]]);
  for (const model of [teacher, student]) model.dispose();
});

test.each<[string, object, object, string]>([
  [
    'names of classes that are too few',
    {},
    { classNames: ['one'] },
    'option `classNames`: expected 2 names, one per class, got 1',
  ],
  ['a name without models', { nothing: [] }, {}, 'expected at least one model under `nothing`'],
  [
    'more classes than the teacher',
    { wide: 3 },
    {},
    'the output of `wide`: expected 2 classes, as the reference gives, got 3',
  ],
])('%s: an error', async (_, more, options, message) => {
  const teacher = linear(0, 2);
  const wide = tf.sequential({ layers: [tf.layers.dense({ units: 3, inputShape: [1] })] });
  const models = { teacher, ...('wide' in more ? { wide } : more) };
  await expectNoLeak(() =>
    expect(evaluateDistillation(models as never, batches(), { ...FEW, ...options })).rejects.toThrow(message),
  );
  for (const model of [teacher, wide]) model.dispose();
});

test('a label that no model knows is an error', async () => {
  const teacher = linear(0, 2);
  const wrong = [{ x: tf.tensor2d([[1]]), y: tf.tensor1d([2], 'int32') }];
  await expect(evaluateDistillation({ teacher }, wrong, FEW)).rejects.toThrow(
    'evaluateDistillation: a label: expected a whole number from 0 to 1, got 2',
  );
  teacher.dispose();
});
