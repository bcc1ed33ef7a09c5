/** Function matching, transfer sets without labels, and the teacher that is none. */
import { join } from 'node:path';
import {
  functionMatching,
  losses,
  mixBatch,
  seedEverything,
  startEngine,
  TeacherFreeModel,
  Trainer,
  tf,
  withSeed,
} from 'kelvin';
import { beforeAll, expect, test } from 'vitest';
import { bare } from '../../support/boring.ts';
import { freshDirectory } from '../../support/files.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../../support/no-leak.ts';
import { batches, Classifier, network, weightsOf } from '../support.ts';
import { expectClose, free, LR, sgd } from './support.ts';

assertFileLeaksNothing();
beforeAll(() => startEngine({ engine: 'wasm' }));

test('a batch is mixed with its neighbours by one share, which is seeded; labels stay', async () => {
  const x = tf.tensor2d([[1, 0], [0, 1], [4, 4]]); // biome-ignore format: rows
  const y = tf.tensor1d([0, 1, 2], 'int32');
  const mix = () => withSeed(3, () => mixBatch({ x, y, ids: ['a', 'b', 'c'] }));
  const [first, second] = [mix(), mix()];
  expect(first.y).toBe(y);
  expect(first.ids).toEqual(['a', 'b', 'c']);
  const [share = 0] = first.x.dataSync();
  expect(share).toBeGreaterThan(0);
  expect(share).toBeLessThan(1);
  const rest = 1 - share;
  const expected = [share, rest, 4 * rest, share + 4 * rest, 4 * share + rest, 4 * share];
  [...first.x.dataSync()].forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i] as number, 5);
  });
  expect([...second.x.dataSync()]).toEqual([...first.x.dataSync()]);
  expect(mixBatch(x)).toBe(x);
  free(x, y, first.x, second.x);
});

test('teacher and student see the same mixed images without labels: the loop by hand ends the same', async () => {
  const data = batches(3);
  const [net, plain, teacher] = [network(1), network(1), network(7, 9)];
  const distiller = await functionMatching(net, { teacherModel: teacher, temperature: 2, training: sgd });
  const restore = seedEverything(11);
  await new Trainer({ ...bare, maxEpochs: 2 }).fit(distiller, data.map(({ x }) => ({ x }))); // biome-ignore format: short
  restore();
  withSeed(11, () => {
    const velocity = plain.weights.map((w) => tf.zerosLike(w.read()));
    for (const { x } of [...data, ...data]) {
      const mixed = mixBatch({ x }).x;
      tf.tidy(() => {
        const answer = teacher.apply(mixed) as tf.Tensor;
        const loss = () =>
          losses.klDivergence(plain.apply(mixed) as tf.Tensor, answer, { temperature: 2 }) as tf.Scalar;
        const { grads } = tf.variableGrads(loss, plain.weights.map((w) => w.read() as tf.Variable)); // biome-ignore format: short
        plain.weights.forEach((w, i) => {
          const variable = w.read() as tf.Variable;
          const moved = tf.keep(tf.add(tf.mul(velocity[i] as tf.Tensor, 0.9), grads[variable.name] as tf.Tensor));
          velocity[i]?.dispose();
          velocity[i] = moved;
          variable.assign(tf.sub(variable, tf.mul(moved, LR)));
        });
      });
      mixed.dispose();
    }
    tf.dispose(velocity);
  });
  expectClose(weightsOf(net), weightsOf(plain));
  free(net, plain, teacher, ...data);
});

test('a run of function matching that is resumed mixes as one that was not stopped', async () => {
  const data = batches(3);
  const teacher = network(7, 9);
  const path = join(freshDirectory(), 'one.ckpt');
  const run = async (seed: number, maxEpochs: number, ckptPath?: string) => {
    const net = network(1);
    const distiller = await functionMatching(net, { teacherModel: teacher, training: sgd });
    const restore = seedEverything(seed);
    const trainer = new Trainer({ ...bare, maxEpochs });
    await trainer.fit(distiller, { train: data, ckptPath });
    if (maxEpochs === 1) await trainer.saveCheckpoint(path);
    restore();
    const weights = weightsOf(net);
    free(net);
    return weights;
  };
  const whole = await run(5, 3);
  await run(5, 1);
  expect(await run(99, 3, path)).toEqual(whole);
  free(teacher, ...data);
});

test("validation is not mixed, a module's own batch hook goes first, and nothing is left behind", async () => {
  const data = batches(2);
  const teacher = network(7, 9);
  const given: number[] = [];
  class Doubled extends Classifier {
    override onAfterBatchTransfer(batch: unknown): unknown {
      const { x, y } = batch as (typeof data)[number];
      return { x: tf.mul(x, 2), y };
    }
    override forward(x: tf.Tensor): tf.Tensor2D {
      given.push(x.dataSync()[0] as number);
      return super.forward(x);
    }
  }
  const first = data.map(({ x }) => 2 * (x.dataSync()[0] as number));
  await expectNoLeak(async () => {
    const net = network(1);
    const distiller = await functionMatching(new Doubled(net), { teacherModel: teacher });
    await new Trainer({ ...bare, maxEpochs: 1 }).fit(distiller, { train: data, val: data });
    free(net);
  });
  expect(given.slice(2)).toEqual(first);
  expect(given.slice(0, 2)).not.toEqual(first);
  free(teacher, ...data);
});

test('the virtual teacher adds its divergence to the loss', async () => {
  const [batch] = batches(1);
  const net = network(1);
  const expected = tf.tidy(() => {
    const logits = net.apply(batch?.x as tf.Tensor) as tf.Tensor2D;
    const y = batch?.y as tf.Tensor1D;
    // By hand: 0.95 on the label, the rest in equal parts, softened at T = 10.
    const p = tf.softmax(tf.div(tf.add(tf.mul(tf.oneHot(y, 3), 0.95 - 0.025), 0.025), 10));
    const kl = tf.mean(tf.sum(tf.mul(p, tf.sub(tf.log(p), tf.logSoftmax(logits))), 1));
    return tf.add(tf.mul(losses.crossEntropy(logits, y), 0.7), tf.mul(kl, 0.3 * 5)).dataSync()[0] as number;
  });
  const model = new TeacherFreeModel({
    ...{ encoder: net, head: 'none', classes: 3 },
    ...{ alpha: 0.3, multiplier: 5, temperature: 10, correct: 0.95 },
  });
  const { metrics } = await new Trainer({ ...bare, maxSteps: 1 }).fit(model, [batch as typeof batch & object]);
  expect(metrics.train_loss).toBeCloseTo(expected, 5);
  free(net, batch);
});
