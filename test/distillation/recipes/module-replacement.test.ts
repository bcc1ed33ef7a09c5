/** Module replacement: which blocks run, what is trained, and that a resumed run replaces the same blocks. */
import { join } from 'node:path';
import {
  type Callback,
  ImageClassificationModel,
  ModuleReplacement,
  type ModuleReplacementOptions,
  seedEverything,
  startEngine,
  Trainer,
  tf,
} from 'kelvin';
import { beforeAll, expect, test } from 'vitest';
import { bare } from '../../support/boring.ts';
import { freshDirectory } from '../../support/files.ts';
import { messageFrom } from '../../support/messages.ts';
import { assertFileLeaksNothing } from '../../support/no-leak.ts';
import { batches, countCalls, weightsOf } from '../support.ts';
import { expectClose, free, LR, sgd } from './support.ts';

assertFileLeaksNothing();
beforeAll(() => startEngine({ engine: 'wasm' }));

/** A block of one dense layer. */
function block(seed: number, from: number, units: number): tf.LayersModel {
  const kernelInitializer = tf.initializers.glorotNormal({ seed });
  return tf.sequential({
    layers: [tf.layers.dense({ units, inputShape: [from], kernelInitializer, activation: 'tanh' })],
  });
}

const three = (seed: number) => [block(seed, 4, 5), block(seed + 1, 5, 5), block(seed + 2, 5, 3)];

test('with a chance of 1 from the start it is plain training of the student', async () => {
  const data = batches(3);
  const [teacher, student, plain] = [three(10), three(20), three(20)];
  const before = teacher.map(weightsOf);
  const module = new ModuleReplacement({ ...sgd, teacher, student, start: 1 });
  await new Trainer({ ...bare, maxEpochs: 2 }).fit(module, data);
  const encoder = tf.sequential({ layers: plain });
  await new Trainer({ ...bare, maxEpochs: 2 }).fit(
    new ImageClassificationModel({ ...sgd, encoder, head: 'none', classes: 3 }),
    data,
  );
  expect(student.map(weightsOf)).toEqual(plain.map(weightsOf));
  expect(module.namedVariables().size).toBe(6); // the student's kernels and biases, none of the teacher's
  expect(teacher.map(weightsOf)).toEqual(before);
  free(...teacher, ...student, ...plain, ...data);
});

test('the chance rises in a line, and each step runs one block for each place', async () => {
  const data = batches(4);
  const [teacher, student] = [three(10), three(20)];
  const counted = [...teacher, ...student].map((model) => countCalls(model.layers[0] as tf.layers.Layer));
  const restore = seedEverything(2);
  const module = new ModuleReplacement({ ...sgd, teacher, student, start: 0.2, until: 0.5 });
  const rates: number[] = [];
  const trainer = new Trainer({
    ...bare,
    maxEpochs: 5,
    callbacks: [{ onTrainBatchStart: () => void rates.push(module.replacingRate) }],
  });
  await trainer.fit(module, data);
  restore();
  expect(rates.map((rate) => Number(rate.toFixed(4)))).toEqual([
    ...Array.from({ length: 10 }, (_, i) => Number((0.2 + 0.08 * i).toFixed(4))),
    ...Array(10).fill(1),
  ]);
  const calls = counted.map(({ calls }) => calls);
  for (const place of [0, 1, 2]) expect((calls[place] as number) + (calls[place + 3] as number)).toBe(20);
  expect(calls.slice(0, 3).every((count) => count > 0 && count <= 10)).toBe(true);
  free(...teacher, ...student, ...data);
});

test('layerwise: every block learns what its teacher makes of the same input, without labels', async () => {
  const data = batches(2);
  const [teacher, student, plain] = [three(10), three(20), three(20)];
  const module = new ModuleReplacement({ ...sgd, teacher, student, mode: 'layerwise' });
  const { metrics } = await new Trainer({ ...bare, maxSteps: 1 }).fit(module, data.map(({ x }) => ({ x })) as never);
  const parts = [0, 1, 2].map((i) => metrics[`train_block_${i}`] as number);
  expect(metrics.train_loss).toBeCloseTo(parts.reduce((sum, part) => sum + part, 0), 5); // biome-ignore format: short
  tf.tidy(() => {
    let input = data[0]?.x as tf.Tensor;
    for (const [i, own] of plain.entries()) {
      const target = (teacher[i] as tf.LayersModel).apply(input) as tf.Tensor;
      const variables = own.weights.map((w) => w.read() as tf.Variable);
      const given = input;
      const { grads } = tf.variableGrads(
        () => tf.mean(tf.squaredDifference(own.apply(given) as tf.Tensor, target)) as tf.Scalar,
        variables,
      );
      for (const variable of variables)
        variable.assign(tf.sub(variable, tf.mul(grads[variable.name] as tf.Tensor, LR)));
      input = target;
    }
  });
  student.forEach((own, i) => {
    expectClose(weightsOf(own), weightsOf(plain[i] as tf.LayersModel));
  });
  free(...teacher, ...student, ...plain, ...data);
});

test('a run that is resumed replaces the same blocks', async () => {
  const data = batches(3);
  const path = join(freshDirectory(), 'one.ckpt');
  const run = async (seed: number, limit: number, ckptPath?: string) => {
    const [teacher, student] = [three(10), three(20)];
    const restore = seedEverything(seed);
    const module = new ModuleReplacement({ ...sgd, teacher, student, until: 1 });
    // The rate depends on the length of the run: both plan for four epochs.
    const stop: Callback = {
      onTrainEpochEnd(trainer) {
        if (trainer.currentEpoch === limit) trainer.shouldStop = true;
      },
    };
    const trainer = new Trainer({ ...bare, maxEpochs: 4, callbacks: [stop] });
    await trainer.fit(module, { train: data, ckptPath });
    if (limit === 1) await trainer.saveCheckpoint(path);
    restore();
    const weights = student.map(weightsOf);
    free(...teacher, ...student);
    return weights;
  };
  const whole = await run(5, 9);
  await run(5, 1);
  expect(await run(99, 9, path)).toEqual(whole);
  free(...data);
});

test('blocks that do not fit are named', async () => {
  const [teacher, student] = [three(10), three(20)];
  const wide = block(1, 5, 7);
  const make = (options: ModuleReplacementOptions) => messageFrom(() => new ModuleReplacement(options));
  expect(
    await make({ teacher, student: [student[0] as tf.LayersModel, wide, student[2] as tf.LayersModel] }),
  ).toMatchInlineSnapshot(`
    "ConfigError [blocks-do-not-fit] ModuleReplacement: the blocks of the student: expected those of the teacher: [4] -> [5], [5] -> [5], [5] -> [3], got [4] -> [5], [5] -> [7], [5] -> [3].
      help: end or begin a block with a layer that brings it to the shape"
  `);
  expect(await make({ teacher, student: [] })).toContain('at least one tf.LayersModel');
  free(...teacher, ...student, wide);
});
