/** The comparison of models: exact counts, sizes and agreement; nothing left behind, also when it throws. */
import { type ComparedModel, Dropout, evaluateDistillation, ImageClassificationModel, startEngine, tf } from 'kelvin';
import { beforeAll, expect, test } from 'vitest';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';

assertFileLeaksNothing();
beforeAll(() => startEngine({ engine: 'wasm' }));

const FEW = { runs: 3, warmUp: 1 };

/** Says class 0 for x < `threshold`, else class 1: two weights and two biases. */
function stump(threshold: number): tf.Sequential {
  const model = tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [1] })] });
  tf.tidy(() => model.setWeights([tf.tensor2d([[0, 1]]), tf.tensor1d([0, -threshold])]));
  return model;
}

/** Eight units over one input, with dropout. */
function encoder(rate: number): tf.Sequential {
  return tf.sequential({ layers: [tf.layers.dense({ units: 8, inputShape: [1] }), new Dropout({ rate })] });
}

/** x from -3.5 to 3.5 in eight steps, class 1 where x > 0, in batches of 3, 3 and 2. */
function* batches({ oneHot = false } = {}) {
  const xs = [-3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5];
  for (let i = 0; i < xs.length; i += 3) {
    const part = xs.slice(i, i + 3);
    const labels = part.map((x) => Number(x > 0));
    const y = oneHot ? tf.tensor2d(labels.map((label) => [1 - label, label])) : tf.tensor1d(labels, 'int32');
    yield { x: tf.tensor2d(part, [part.length, 1]), y };
  }
}

test.each([{ oneHot: false }, { oneHot: true }])('counts errors and agreement exactly, labels %j', async (labels) => {
  const models = { teacher: stump(1), perfect: stump(0), never: stump(100) };
  await expectNoLeak(async () => {
    const report = await evaluateDistillation(models, batches(labels), FEW);
    const figures = report.rows.map(({ name, samples, errors, accuracy, agreement }) => [
      name,
      samples,
      errors.value,
      accuracy.value,
      agreement.value,
    ]);
    expect(figures).toEqual([
      ['teacher', 8, 1, 7 / 8, 1],
      ['perfect', 8, 0, 1, 7 / 8],
      ['never', 8, 4, 0.5, 5 / 8],
    ]);
    expect(report.rows[1]).toMatchObject({
      parameters: 4,
      bytes: 16,
      sensitivity: [1, 1],
      disagreements: [{ reference: 0, model: 1, samples: 1 }],
    });
    expect(report.rows[2]?.sensitivity).toEqual([1, 0]);
    for (const { latencyP50Ms, latencyP95Ms, throughput } of report.rows) {
      expect(latencyP50Ms).toBeGreaterThan(0);
      expect(latencyP95Ms).toBeGreaterThanOrEqual(latencyP50Ms);
      expect(throughput).toBeGreaterThan(0);
    }
  });
  for (const model of Object.values(models)) model.dispose();
});

test('another model than the first can be the reference', async () => {
  const models = {
    small: stump(0),
    large: tf.sequential({ layers: [tf.layers.dense({ units: 2, inputShape: [1] }), tf.layers.dense({ units: 2 })] }),
  };
  const report = await evaluateDistillation(models, batches(), { ...FEW, reference: 'large' });
  expect(report.reference.name).toBe('large');
  expect(report.rows.map((row) => report.sizeReduction(row))).toEqual([40 / 16, 1]);
  expect([report.speedUp(report.reference), report.reference.agreement.value]).toEqual([1, 1]);
  expect(report.reference.kl.value).toBe(0);
  for (const model of Object.values(models)) model.dispose();
});

test('modules are measured in inference mode and left as they were', async () => {
  const make = () => new ImageClassificationModel({ encoder: encoder(0.9), classes: 2 });
  const [training, evaluating] = [make(), make().eval()];
  const report = await expectNoLeak(() =>
    evaluateDistillation({ training, same: training, evaluating }, batches(), FEW),
  );
  expect(report.rows[1]?.agreement.value, 'no dropout').toBe(1);
  expect([training.training, evaluating.training]).toEqual([true, false]);
  training.dispose();
  evaluating.dispose();
});

test.each<[string, () => Record<string, ComparedModel>, object, string]>([
  ['no models', () => ({}), {}, 'evaluateDistillation: expected at least one model.'],
  [
    'an unknown option',
    () => ({ a: stump(0) }),
    { run: 3 },
    'evaluateDistillation: unknown option `run`.\n  help: did you mean `runs`?',
  ],
  [
    'an unknown reference',
    () => ({ a: stump(0) }),
    { reference: 'b' },
    "evaluateDistillation: option `reference`: expected 'a', got 'b'.",
  ],
  [
    'something that is no model',
    () => ({ a: stump(0), b: { forward: 3 } as unknown as ComparedModel }),
    {},
    'evaluateDistillation: the model `b`: expected a tf.LayersModel or a LightningModule with `forward`, got {"forward":3} (object).',
  ],
])('%s: an error', async (_, make, options, message) => {
  const models = make();
  const module = new ImageClassificationModel({ encoder: encoder(0), classes: 2 });
  const all = Object.keys(models).length === 0 ? models : { module, ...models };
  await expectNoLeak(() =>
    expect(evaluateDistillation(all, [], options)).rejects.toThrow(
      message.replace("expected 'a'", "expected 'module' or 'a'"),
    ),
  );
  expect(module.training, 'restored').toBe(true);
  module.dispose();
  for (const model of Object.values(models)) if (model instanceof tf.LayersModel) model.dispose();
});

test('a model whose output does not fit is named, with nothing left behind', async () => {
  const flat = tf.sequential({ layers: [tf.layers.reshape({ targetShape: [1, 1], inputShape: [1] })] });
  await expectNoLeak(() =>
    expect(evaluateDistillation({ flat }, batches(), FEW)).rejects.toThrow(
      'evaluateDistillation: the output of `flat`: expected logits of shape [3, classes], got [3, 1, 1].',
    ),
  );
});

test('an empty loader is an error', async () => {
  const model = stump(0);
  await expect(evaluateDistillation({ model }, [], FEW)).rejects.toThrow(
    'evaluateDistillation: the loader: expected at least one batch, got none.',
  );
  model.dispose();
});
