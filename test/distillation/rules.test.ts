/** Rules that toolkits of distillation are known to break: what runs when, what is saved, what is asked for. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import {
  convert,
  DistillationModule,
  exportStudent,
  LogitsDistillationLoss,
  losses,
  MFTLoss,
  StaticLossBalancer,
  startEngine,
  Trainer,
  tf,
} from 'kelvin';
import { beforeAll, expect, test } from 'vitest';
import { bare } from '../support/boring.ts';
import { freshDirectory } from '../support/files.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { batches, Classifier, countCalls, network } from './support.ts';

assertFileLeaksNothing();
beforeAll(() => startEngine({ engine: 'wasm' }));

const kd = () => new LogitsDistillationLoss({ temperature: 2 });

test('the teacher does not run in validation, test, prediction, or where its weight is 0', async () => {
  const [student, teacher, data] = [network(1), network(7, 9), batches(2)];
  const counter = countCalls(teacher.getLayer('hidden'));
  const converted = await convert(student, { teacherModel: teacher, criterion: kd() });
  const module = new DistillationModule({ encoder: student, head: 'none', classes: 3, teacher, alpha: 0 });
  const trainer = () => new Trainer({ ...bare, maxEpochs: 1 });
  for (const each of [converted, module]) {
    await trainer().validate(each, data);
    await trainer().test(each, data);
    const said = await trainer().predict(each, data);
    tf.dispose(said as never);
  }
  await trainer().fit(module, data);
  expect(counter.calls).toBe(0);
  await trainer().fit(converted, data);
  expect(counter.calls).toBe(2);
  exportStudent(converted);
  module.dispose();
  teacher.dispose();
  tf.dispose(data as never);
});

test('a checkpoint is as small beside a large teacher as beside a small one', async () => {
  const data = batches(1);
  const sizes = [2, 2000].map(async (hidden) => {
    const [student, teacher] = [network(1), network(7, hidden)];
    const distiller = await convert(new Classifier(student), { teacherModel: teacher, criterion: kd() });
    const path = join(freshDirectory(), 'student.ckpt');
    const trainer = new Trainer({ ...bare, maxEpochs: 1 });
    await trainer.fit(distiller, data);
    await trainer.saveCheckpoint(path);
    exportStudent(distiller);
    for (const model of [student, teacher]) model.dispose();
    return statSync(path).size;
  });
  const [small, large] = (await Promise.all(sizes)) as [number, number];
  expect(Math.abs(large - small)).toBeLessThan(100);
  tf.dispose(data as never);
});

test('computeKdLoss reduces as it is told, and hands labels on', async () => {
  const [student, teacher] = [network(1), network(7)];
  const perSample = (s: tf.Tensor, t: tf.Tensor) => tf.sum(tf.square(tf.sub(s, t)), 1);
  const distiller = await convert(student, {
    teacherModel: teacher,
    criterion: [{ loss: perSample }, { loss: new MFTLoss() }],
    lossBalancer: new StaticLossBalancer([0.5, 0.5]),
  });
  tf.tidy(() => {
    const x = tf.randomNormal([4, 4], 0, 1, 'float32', 3);
    const labels = tf.tensor1d([0, 1, 2, 0], 'int32');
    const [own, taught] = [distiller.forward(x), distiller.teach(x)];
    const parts = (reduction?: (loss: tf.Tensor) => tf.Tensor) =>
      Object.values(distiller.computeKdLoss(undefined, { skipBalancer: true, labels, reduction })).map(
        (part) => part.dataSync()[0] as number,
      );
    const each = [...perSample(own, taught).dataSync()];
    const sum = each.reduce((total, value) => total + value, 0);
    const mft = losses.minifinetuning(own, taught, labels).dataSync()[0] as number;
    for (const [given, expected] of [
      [parts(), sum / 4],
      [parts(tf.sum), sum],
      [parts(tf.max), Math.max(...each)],
    ] as const) {
      expect(given[0]).toBeCloseTo(expected, 4);
      expect(given[1]).toBeCloseTo(mft, 5);
    }
    const total = distiller.computeKdLoss(undefined, { labels }).dataSync()[0] as number;
    expect(total).toBeCloseTo(0.5 * (sum / 4) + 0.5 * mft, 4);
  });
  expect(await messageFrom(() => tf.tidy(() => void distiller.computeKdLoss()))).toContain('[no-forward]');
  exportStudent(distiller);
  for (const model of [student, teacher]) model.dispose();
});

test('a student loss that has no weight is not asked for', async () => {
  const [student, teacher, data] = [network(1), network(7), batches(1)];
  const unlabelled = data.map(({ x }) => ({ x }));
  const metricsWith = async (share: number) => {
    const criterion = kd();
    const lossBalancer = new StaticLossBalancer(share);
    const distiller = await convert(student, { teacherModel: teacher, criterion, lossBalancer });
    const { metrics } = await new Trainer({ ...bare, maxEpochs: 1 }).fit(distiller, unlabelled);
    return metrics;
  };
  expect(await metricsWith(1)).not.toHaveProperty('train_student_loss');
  expect(await messageFrom(() => metricsWith(0.9))).toMatch(
    /DataError \[no-labels\] .*expected images `x` and labels `y`.* got x/,
  );
  for (const model of [student, teacher]) model.dispose();
  tf.dispose(data as never);
});
