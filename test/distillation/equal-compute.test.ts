/** The comparison at equal compute: how long each may train, and what is concluded. */
import {
  compareAtEqualCompute,
  countMacs,
  DistillationModule,
  type EqualComputeRun,
  equalComputeEpochs,
  ImageClassificationModel,
  startEngine,
  Trainer,
  tf,
} from 'kelvin';
import { beforeAll, expect, test } from 'vitest';
import { bare } from '../support/boring.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { batches, network } from './support.ts';

assertFileLeaksNothing();
beforeAll(() => startEngine({ engine: 'wasm' }));

test('epochs follow from the costs of three passes for a step and one for an answer', () => {
  const cost = { student: 2, teacher: 12, epochs: 10 };
  expect(equalComputeEpochs(cost)).toBe(30); // (6 + 12) / 6 times as long
  expect(equalComputeEpochs({ ...cost, answers: 'cached' })).toBe(12);
  expect(equalComputeEpochs({ ...cost, answers: 'cached', teacherEpochs: 5 })).toBe(42);
  expect(equalComputeEpochs({ ...cost, teacher: 0.001 })).toBe(10);
});

const train = async (model: ImageClassificationModel, { epochs }: EqualComputeRun, data: unknown) =>
  new Trainer({ ...bare, maxEpochs: epochs }).fit(model, data as never);

function* testSet() {
  yield* batches(3);
}

test('both are trained with the same compute, evaluated, and freed', async () => {
  const data = batches(2);
  const teacher = network(50, 20);
  const seen: EqualComputeRun[] = [];
  const result = await expectNoLeak(() =>
    compareAtEqualCompute({
      teacher,
      test: testSet(),
      epochs: 3,
      seeds: [4, 5],
      make: ({ kind, seed }) => {
        const options = { encoder: network(seed), head: 'none', classes: 3 } as const;
        return kind === 'alone'
          ? new ImageClassificationModel(options)
          : new DistillationModule({ ...options, teacher });
      },
      fit: (model, run) => {
        seen.push(run);
        return train(model, run, data);
      },
    }),
  );
  const student = network(4);
  const ratio = countMacs(teacher) / countMacs(student);
  const alone = Math.round(3 + (3 * ratio) / 3);
  expect(result.epochs).toEqual({ distilled: 3, alone });
  expect(seen).toEqual(
    [4, 5].flatMap((seed) => [
      { kind: 'distilled', seed, epochs: 3 },
      { kind: 'alone', seed, epochs: alone },
    ]),
  );
  const [own, taught] = ['student alone', 'student distilled'].map(
    (name) => result.report.rows.find((row) => row.name === name)?.accuracy,
  );
  expect(result.gain.value).toBeCloseTo((taught?.value as number) - (own?.value as number), 9);
  expect(result.gain.seeds).toHaveLength(2);
  expect(result.summary).toContain(`3 epochs of distillation the student alone is trained for ${alone}`);
  for (const model of [teacher, student]) tf.dispose(model.weights.map((weight) => weight.read()));
  tf.dispose(data as never);
});

test('what is much better is called so; what throws leaves nothing behind', async () => {
  const teacher = network(50, 20);
  /** Always right or always wrong, where every label is 0. */
  const options = (right: boolean) => {
    const net = network(1);
    const bias = right ? [9, 0, 0] : [0, 9, 0];
    tf.tidy(() => net.layers[1]?.setWeights([tf.zeros([5, 3]), tf.tensor1d(bias)]));
    return { encoder: net, head: 'none', classes: 3 } as const;
  };
  function* zeros() {
    for (let i = 0; i < 3; i++) yield { x: tf.ones([20, 4]), y: tf.zeros([20], 'int32') };
  }
  const compare = (right: 'alone' | 'distilled', fail = false) =>
    compareAtEqualCompute({
      ...{ teacher, test: zeros(), epochs: 1, seeds: [0] },
      make: ({ kind }) => new ImageClassificationModel(options(kind === right)),
      fit: async () => {
        if (fail) throw new Error('no memory');
      },
    });
  expect((await compare('distilled')).verdict).toBe('distilled');
  expect((await compare('alone')).verdict).toBe('alone');
  await expectNoLeak(async () => expect(await messageFrom(() => compare('alone', true))).toBe('Error no memory'));
  tf.dispose(teacher.weights.map((weight) => weight.read()));
});
