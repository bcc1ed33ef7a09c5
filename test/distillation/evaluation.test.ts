/** The comparison of models: exact counts, sizes and agreement; nothing left behind, also when it throws. */
import {
  type ComparedModel,
  compareModels,
  comparisonTable,
  Dropout,
  ImageClassificationModel,
  startEngine,
  tf,
} from 'kelvin';
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
    const rows = await compareModels(models, batches(labels), FEW);
    expect(rows).toMatchObject([
      { name: 'teacher', errors: 1, samples: 8, accuracy: 7 / 8, agreement: 1, sizeReduction: 1, speedUp: 1 },
      { name: 'perfect', errors: 0, samples: 8, accuracy: 1, agreement: 7 / 8, parameters: 4, bytes: 16 },
      { name: 'never', errors: 4, samples: 8, accuracy: 0.5, agreement: 5 / 8 },
    ]);
    for (const { latencyP50Ms, latencyP95Ms, throughput } of rows) {
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
  const [small, large] = await compareModels(models, batches(), { ...FEW, reference: 'large' });
  expect([small?.sizeReduction, large?.sizeReduction]).toEqual([40 / 16, 1]);
  expect([large?.speedUp, large?.agreement]).toEqual([1, 1]);
  for (const model of Object.values(models)) model.dispose();
});

test('modules are measured in inference mode and left as they were', async () => {
  const make = () => new ImageClassificationModel({ encoder: encoder(0.9), classes: 2 });
  const [training, evaluating] = [make(), make().eval()];
  await expectNoLeak(() => compareModels({ training, same: training, evaluating }, batches(), FEW)).then(([, same]) => {
    expect(same?.agreement, 'no dropout').toBe(1);
  });
  expect([training.training, evaluating.training]).toEqual([true, false]);
  training.dispose();
  evaluating.dispose();
});

test('the table names every model and its figures', async () => {
  const rows = [
    {
      name: 'teacher',
      errors: 1067,
      samples: 10_000,
      accuracy: 0.8933,
      parameters: 478_410,
      bytes: 1_913_640,
      latencyP50Ms: 0.117,
      latencyP95Ms: 0.2,
      throughput: 32_425.7,
      sizeReduction: 1,
      speedUp: 1,
      agreement: 1,
    },
    {
      name: 'student',
      errors: 74,
      samples: 10_000,
      accuracy: 0.9926,
      parameters: 120,
      bytes: 480,
      latencyP50Ms: 0.03,
      latencyP95Ms: 12.3,
      throughput: 9.6,
      sizeReduction: 3986.75,
      speedUp: 3.9,
      agreement: 0.5,
    },
  ];
  expect(`\n${comparisonTable(rows)}`).toMatchInlineSnapshot(`
    "
    model    errors  accuracy  parameters    size      p50       p95  images/s  smaller   agrees
    ────────────────────────────────────────────────────────────────────────────────────────────
    teacher   1,067    89.33%     478,410  1.9 MB  0.12 ms   0.20 ms    32,426     1.0x  100.00%
    student      74    99.26%         120   480 B  0.03 ms  12.30 ms        10  3986.8x   50.00%"
  `);
});

test.each<[string, () => Record<string, ComparedModel>, object, string]>([
  ['no models', () => ({}), {}, 'compareModels: expected at least one model.'],
  [
    'an unknown option',
    () => ({ a: stump(0) }),
    { run: 3 },
    'compareModels: unknown option `run`.\n  help: did you mean `runs`?',
  ],
  [
    'an unknown reference',
    () => ({ a: stump(0) }),
    { reference: 'b' },
    "compareModels: option `reference`: expected 'a', got 'b'.",
  ],
  [
    'something that is no model',
    () => ({ a: stump(0), b: { forward: 3 } as unknown as ComparedModel }),
    {},
    'compareModels: the model `b`: expected a tf.LayersModel or a LightningModule with `forward`, got {"forward":3} (object).',
  ],
])('%s: an error', async (_, make, options, message) => {
  const models = make();
  const module = new ImageClassificationModel({ encoder: encoder(0), classes: 2 });
  const all = Object.keys(models).length === 0 ? models : { module, ...models };
  await expectNoLeak(() =>
    expect(compareModels(all, [], options)).rejects.toThrow(
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
    expect(compareModels({ flat }, batches(), FEW)).rejects.toThrow(
      'compareModels: the output of `flat`: expected logits of shape [3, classes], got [3, 1, 1].',
    ),
  );
});

test('an empty loader is an error', async () => {
  const model = stump(0);
  await expect(compareModels({ model }, [], FEW)).rejects.toThrow(
    'compareModels: the loader: expected at least one batch, got none.',
  );
  model.dispose();
});
