/** Deep mutual learning, beside the loop that its paper writes down. */
import { join } from 'node:path';
import { losses, MutualLearning, startEngine, Trainer, tf } from 'kelvin';
import { beforeAll, expect, test } from 'vitest';
import { bare } from '../../support/boring.ts';
import { freshDirectory } from '../../support/files.ts';
import { messageFrom } from '../../support/messages.ts';
import { assertFileLeaksNothing } from '../../support/no-leak.ts';
import { type Batch, batches, Classifier, network, weightsOf } from '../support.ts';
import { expectClose, free, LR, sgd } from './support.ts';

assertFileLeaksNothing();
beforeAll(() => startEngine({ engine: 'wasm' }));

/** Momentum 0.9, by hand, all students updated after their common pass. */
function byHand(nets: readonly tf.LayersModel[], data: readonly Batch[], epochs: number, weight: number): void {
  const velocity = nets.map((net) => net.weights.map((w) => tf.zerosLike(w.read())));
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (const { x, y } of data) {
      tf.tidy(() => {
        const fixed = nets.map((net) => net.apply(x) as tf.Tensor2D);
        const gradients = nets.map((net, k) => {
          const loss = (): tf.Scalar => {
            const logits = net.apply(x) as tf.Tensor2D;
            const others = fixed.filter((_, j) => j !== k);
            const log = tf.logSoftmax(logits);
            const kl = others.map((other) => {
              const p = tf.softmax(other);
              return tf.mean(tf.sum(tf.mul(p, tf.sub(tf.logSoftmax(other), log)), 1));
            });
            return tf.add(
              losses.crossEntropy(logits, y),
              tf.mul(tf.div(tf.addN(kl), others.length), weight),
            ) as tf.Scalar;
          };
          const { grads } = tf.variableGrads(
            loss,
            net.weights.map((w) => w.read() as tf.Variable),
          );
          return net.weights.map((w) => grads[(w.read() as tf.Variable).name] as tf.Tensor);
        });
        nets.forEach((net, k) => {
          net.weights.forEach((w, i) => {
            const moved = tf.keep(tf.add(tf.mul(velocity[k]?.[i] as tf.Tensor, 0.9), gradients[k]?.[i] as tf.Tensor));
            velocity[k]?.[i]?.dispose();
            (velocity[k] as tf.Tensor[])[i] = moved;
            const variable = w.read() as tf.Variable;
            variable.assign(tf.sub(variable, tf.mul(moved, LR)));
          });
        });
      });
    }
  }
  tf.dispose(velocity);
}

test.for([2, 3])('%i students end where a loop written by hand does', async (count) => {
  const data = batches(3);
  const nets = Array.from({ length: count }, (_, i) => network(10 * i + 1, 4 + i));
  const plain = Array.from({ length: count }, (_, i) => network(10 * i + 1, 4 + i));
  const cohort = new MutualLearning(nets, { weight: 0.7, training: sgd });
  await new Trainer({ ...bare, maxEpochs: 2 }).fit(cohort, data);
  byHand(plain, data, 2, 0.7);
  for (const [i, net] of nets.entries()) expectClose(weightsOf(net), weightsOf(plain[i] as tf.LayersModel));
  free(...nets, ...plain, ...data);
});

test('students are modules too, log under their names, and are validated each', async () => {
  const data = batches();
  const nets = [network(1), network(2)];
  const cohort = new MutualLearning(
    nets.map((net) => new Classifier(net)),
    { temperature: 2 },
  );
  const { metrics } = await new Trainer({ ...bare, maxEpochs: 1 }).fit(cohort, { train: data, val: data });
  expect(Object.keys(metrics).sort()).toEqual(
    ['train_kl', 'train_loss', 'val_loss'].flatMap((name) => [`student_0/${name}`, `student_1/${name}`]).sort(),
  );
  expect([...cohort.namedVariables().keys()].filter((name) => name.endsWith('logits.kernel'))).toEqual([
    'students.0.net.logits.kernel',
    'students.1.net.logits.kernel',
  ]);
  free(...nets, ...data);
});

test('a run that is resumed ends with the same weights', async () => {
  const data = batches(3);
  const path = join(freshDirectory(), 'one.ckpt');
  const run = async (maxEpochs: number, ckptPath?: string) => {
    const nets = [network(1), network(2)];
    const trainer = new Trainer({ ...bare, maxEpochs });
    await trainer.fit(new MutualLearning(nets, { training: sgd }), { train: data, ckptPath });
    if (maxEpochs === 1) await trainer.saveCheckpoint(path);
    const weights = nets.flatMap(weightsOf);
    free(...nets);
    return weights;
  };
  const whole = await run(3);
  await run(1);
  expect(await run(3, path)).toEqual(whole);
  free(...data);
});

test('mistakes are named', async () => {
  const net = network(1);
  const [one, other] = [network(1, 5, 3), network(2, 5, 4)];
  expect(await messageFrom(() => new MutualLearning([net]))).toMatchInlineSnapshot(
    `"ConfigError [invalid-students] MutualLearning: expected at least two students, each there once, got 1."`,
  );
  expect(await messageFrom(() => new MutualLearning([net, net]))).toContain('each there once');
  const data = batches(1);
  const uneven = new MutualLearning([one, other], { training: sgd });
  expect(await messageFrom(() => new Trainer({ ...bare, maxEpochs: 1 }).fit(uneven, data))).toContain('class-mismatch');
  free(net, one, other, ...data);
});
