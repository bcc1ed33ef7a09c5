/** Hinton's distillation as a module: the loss, who learns, and who is left alone. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  DistillationModule,
  type DistillationOptions,
  Dropout,
  ImageClassificationModel,
  readCheckpoint,
  startEngine,
  type Teacher,
  TemperatureCallback,
  Trainer,
  tf,
} from 'kelvin';
import { beforeAll, describe, expect, test } from 'vitest';
import { bare } from '../support/boring.ts';
import { freshDirectory } from '../support/files.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { collect } from '../support/recorder.ts';

assertFileLeaksNothing();
beforeAll(() => startEngine({ engine: 'wasm' }));

const goldenFile = new URL('../../../shared/golden/kd_losses.json', import.meta.url);
interface Golden {
  inputs: { zs: number[][]; zt: number[][]; y: number[] };
  losses: Record<string, { cfg: { T: number }; value: number; grad: number[] }>;
}
const golden = existsSync(goldenFile) ? (JSON.parse(readFileSync(goldenFile, 'utf8')) as Golden) : undefined;

const ZS = [
  [2, -1, 0.5],
  [0.1, 0.2, 0.3],
];
const ZT = [
  [1, 1, -2],
  [-3, 5, 3],
];
const Y = [2, 0];

/** A network that gives row i for the i-th unit vector. */
function table(rows: number[][], activation: 'linear' | 'softmax' = 'linear'): tf.LayersModel {
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ units: rows[0]?.length as number, useBias: false, activation, inputShape: [rows.length] }),
    ],
  });
  tf.tidy(() => model.setWeights([tf.tensor2d(rows)]));
  return model;
}

const unitVectors = (n: number) => tf.tidy(() => tf.oneHot(tf.range(0, n, 1, 'int32'), n).toFloat());

/** One training step on the table: its logged losses, and the gradient that reached the student's logits. */
async function step(
  zs: number[][],
  zt: number[][] | tf.LayersModel,
  y: number[],
  options: Partial<DistillationOptions>,
) {
  const teacher = Array.isArray(zt) ? table(zt) : zt;
  const student = new DistillationModule({
    encoder: table(zs),
    head: 'none',
    classes: zs[0]?.length as number,
    teacher,
    optimizer: 'sgd',
    lrSchedule: 'constant',
    ...options,
  });
  const batch = { x: unitVectors(zs.length), y: tf.tensor1d(y, 'int32') };
  const gradient = collect('beforeOptimizerStep', (_trainer, _optimizer, gradients) => [
    ...(Object.values(gradients as object)[0] as tf.Tensor).dataSync(),
  ]);
  const { metrics } = await new Trainer({ ...bare, maxSteps: 1, callbacks: gradient }).fit(student, [batch]);
  tf.dispose([batch.x, batch.y]);
  student.dispose();
  tf.dispose(teacher.weights.map((weight) => weight.read())); // tfjs does not dispose of all that is nested
  return { metrics, gradient: gradient.seen[0] as number[] };
}

const logSoftmax = (row: number[], T: number): number[] => {
  const total = Math.log(row.reduce((sum, z) => sum + Math.exp(z / T), 0));
  return row.map((z) => z / T - total);
};
const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const crossEntropy = (zs: number[][], y: number[]) =>
  mean(zs.map((row, i) => -(logSoftmax(row, 1)[y[i] as number] as number)));
const kl = (zs: number[][], zt: number[][], T: number) =>
  mean(
    zs.map((row, i) => {
      const [q, p] = [logSoftmax(row, T), logSoftmax(zt[i] as number[], T)];
      return p.reduce((sum, logP, c) => sum + Math.exp(logP) * (logP - (q[c] as number)), 0);
    }),
  );

test.for([
  [0, 4],
  [0.3, 1],
  [0.5, 4],
  [0.9, 20],
  [1, 2],
] as const)('loss at α = %d, T = %d is (1 - α) CE + α T² KL, in doubles', async ([alpha, temperature]) => {
  const { metrics } = await step(ZS, ZT, Y, { alpha, temperature });
  const [ce, kd] = [crossEntropy(ZS, Y), temperature ** 2 * kl(ZS, ZT, temperature)];
  expect(metrics.train_loss).toBeCloseTo((1 - alpha) * ce + alpha * kd, 4);
  if (alpha === 0) return expect(metrics).not.toHaveProperty('train_kd_loss');
  expect(metrics.train_ce_loss).toBeCloseTo(ce, 5);
  expect(metrics.train_kd_loss).toBeCloseTo(kd, 4);
});

describe.skipIf(!golden)('as in PyTorch (needs ../shared/golden/kd_losses.json)', () => {
  const { inputs, losses } = golden ?? { inputs: { zs: [], zt: [], y: [] }, losses: {} };
  test.for(['kd_forward_kl_T1', 'kd_forward_kl_T4'])('%s', async (name) => {
    const { cfg, value, grad } = losses[name] as Golden['losses'][string];
    const { metrics, gradient } = await step(inputs.zs, inputs.zt, inputs.y, { alpha: 1, temperature: cfg.T });
    expect(metrics.train_kd_loss).toBeCloseTo(value, 5);
    for (const [i, expected] of grad.entries()) expect(gradient[i]).toBeCloseTo(expected, 5);
  });
});

test('a teacher that ends in a softmax, at any depth, teaches as one that gives logits', async () => {
  const options = { alpha: 1, temperature: 3 };
  const { metrics } = await step(ZS, ZT, Y, options);
  const layered = () => tf.sequential({ layers: [table(ZT), tf.layers.softmax()] });
  const nested = () => tf.sequential({ layers: [tf.layers.inputLayer({ inputShape: [2] }), table(ZT, 'softmax')] });
  const activated = () => tf.sequential({ layers: [table(ZT), tf.layers.activation({ activation: 'softmax' })] });
  for (const teacher of [() => table(ZT, 'softmax'), layered, nested, activated]) {
    const other = await step(ZS, teacher(), Y, options);
    expect(other.metrics.train_kd_loss).toBeCloseTo(metrics.train_kd_loss as number, 5);
  }
});

/** A teacher with everything that must not change: batch norm, dropout. */
function livelyTeacher(): tf.LayersModel {
  return tf.sequential({
    layers: [
      tf.layers.batchNormalization({ inputShape: [4] }),
      tf.layers.dense({ units: 6, activation: 'relu' }),
      new Dropout({ rate: 0.5 }),
      tf.layers.dropout({ rate: 0.5 }),
      tf.layers.dense({ units: 3 }),
    ],
  });
}
const weightsOf = (model: tf.LayersModel) =>
  model.weights.map((weight) => [...(weight.read() as tf.Tensor).dataSync()]);
const student = (teacher: Teacher, options: Partial<DistillationOptions> = {}) =>
  new DistillationModule({
    encoder: tf.sequential({ layers: [tf.layers.dense({ units: 5, inputShape: [4] })] }),
    classes: 3,
    teacher,
    learningRate: 0.1,
    ...options,
  });

test.for(['a model', 'a module'])(
  '%s as teacher stays as it is, takes no part in training and is not saved',
  async (kind) => {
    const network = livelyTeacher();
    const teacher: Teacher =
      kind === 'a model' ? network : new ImageClassificationModel({ encoder: network, head: 'none', classes: 3 });
    const before = weightsOf(network);
    const module = student(teacher, { alpha: 0.9 });
    const initial = weightsOf(module.net);
    const batches = [0, 1].map((i) => ({
      x: tf.randomNormal([6, 4], 0, 1, 'float32', i),
      y: tf.tensor1d([0, 1, 2, 0, 1, 2], 'int32'),
    }));
    const logits = collect('trainBatchEnd', (_trainer, _output, batch) =>
      tf.tidy(() => [...module.teach((batch as { x: tf.Tensor }).x).dataSync()]),
    );
    const trainer = new Trainer({ ...bare, maxEpochs: 3, callbacks: logits });
    await expectNoLeak(() => trainer.fit(module, batches));
    const path = join(freshDirectory(), 'student.ckpt');
    await trainer.saveCheckpoint(path);
    expect(weightsOf(network)).toEqual(before);
    expect(weightsOf(module.net)).not.toEqual(initial);
    expect(logits.seen[0]).toEqual(logits.seen[2]); // no dropout in it
    expect([...module.namedVariables().keys()]).toHaveLength(4);
    const { tensors, state } = await readCheckpoint(path);
    expect([...tensors.keys()].filter((name) => name.startsWith('model/'))).toHaveLength(4);
    expect(state.hparams).toMatchObject({ alpha: 0.9, temperature: 4, classes: 3 });
    tf.dispose(batches as never);
    module.dispose();
    network.dispose();
  },
);

test('the temperature follows its schedule during a fit, also after a resume in the middle of an epoch', async () => {
  const path = join(freshDirectory(), 'mid.ckpt');
  const batches = [0, 1, 2].map((i) => ({
    x: tf.randomNormal([2, 4], 0, 1, 'float32', i),
    y: tf.tensor1d([0, 1], 'int32'),
  }));
  const teacher = livelyTeacher();
  const run = async (ckptPath?: string) => {
    const module = student(teacher);
    const seen = collect('trainBatchEnd', () => module.temperature);
    const save = {
      onTrainBatchEnd: (trainer: { globalBatch: number; saveCheckpoint(path: string): Promise<void> }) =>
        trainer.globalBatch === 5 && !ckptPath ? trainer.saveCheckpoint(path) : undefined,
    };
    const callbacks = [new TemperatureCallback({ schedule: 'linear' }), seen, save];
    const { metrics } = await new Trainer({ ...bare, maxEpochs: 4, callbacks }).fit(module, batches, undefined, {
      ckptPath,
    });
    module.dispose();
    return { seen: seen.seen, temperature: metrics.temperature };
  };
  const expected = [5, 5, 5, 4, 4, 4, 3, 3, 3, 2, 2, 2];
  expect(await run()).toEqual({ seen: expected, temperature: 2 });
  expect(await run(path)).toEqual({ seen: expected.slice(5), temperature: 2 });
  tf.dispose(batches as never);
  teacher.dispose();
});

test('what does not fit says so', async () => {
  const teacher = table(ZT);
  const encoder = table(ZS);
  const make = (options: object) => () =>
    new DistillationModule({ encoder, head: 'none', classes: 3, teacher, ...options });
  expect({
    classes: await messageFrom(make({ classes: 4 })),
    teacher: await messageFrom(make({ teacher: { predict: () => 1 } })),
    noTeacher: await messageFrom(make({ teacher: undefined })),
    alpha: await messageFrom(make({ alpha: 1.5 })),
    temperature: await messageFrom(make({ temperature: 0 })),
    unknown: await messageFrom(make({ temprature: 3 })),
  }).toMatchInlineSnapshot(`
    {
      "alpha": "ConfigError [invalid-option] DistillationModule: option \`alpha\`: expected a number from 0 to 1, got 1.5 (number).",
      "classes": "ConfigError [class-mismatch] DistillationModule: the teacher: expected 4 classes, as the student has, got 3.",
      "noTeacher": "ConfigError [invalid-teacher] The teacher: expected a tf.LayersModel or a LightningModule with \`forward\`, got undefined.",
      "teacher": "ConfigError [invalid-teacher] The teacher: expected a tf.LayersModel or a LightningModule with \`forward\`, got {} (object).",
      "temperature": "ConfigError [invalid-option] DistillationModule: option \`temperature\`: expected a number above 0, got 0 (number).",
      "unknown": "ConfigError [unknown-option] ImageClassificationModel: unknown option \`temprature\`.
      help: known options: encoder, classes, head, learningRate, optimizer, weightDecay, maxNorm, lrSchedule, warmupSteps, labelSmoothing, classWeights, focalGamma, testViews",
    }
  `);
  const other = table([
    [1, 2],
    [3, 4],
  ]);
  const module = make({ teacher: { forward: (x: tf.Tensor) => other.apply(x), eval: () => {} } })();
  const batch = { x: unitVectors(2), y: tf.tensor1d(Y, 'int32') };
  expect(await messageFrom(() => new Trainer({ ...bare, maxSteps: 1 }).fit(module, [batch]))).toMatchInlineSnapshot(
    `"ConfigError [class-mismatch] The teacher: expected logits of shape [2,3], as the student gives, got [2,2]."`,
  );
  tf.dispose([batch.x, batch.y]);
  for (const each of [teacher, encoder, other]) each.dispose();
});
