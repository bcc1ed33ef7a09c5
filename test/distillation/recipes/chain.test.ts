/** Born-again generations and teacher assistants: who teaches whom, and chains that were cut short. */
import {
  bornAgain,
  type ChainOptions,
  DistillationModule,
  distillChain,
  ensembleTeacher,
  type FitLink,
  type ImageClassificationModel,
  ModelCheckpoint,
  startEngine,
  Trainer,
  teacherAssistants,
  tf,
} from 'kelvin';
import { beforeAll, expect, test } from 'vitest';
import { bare } from '../../support/boring.ts';
import { filesIn, freshDirectory } from '../../support/files.ts';
import { messageFrom } from '../../support/messages.ts';
import { assertFileLeaksNothing } from '../../support/no-leak.ts';
import { type Batch, batches, network, weightsOf } from '../support.ts';
import { free, sgd } from './support.ts';

assertFileLeaksNothing();
beforeAll(() => startEngine({ engine: 'wasm' }));

/** Trains with checkpoints; `stopIn` is interrupted in its second epoch. */
function fitter(data: readonly Batch[], { stopIn }: { stopIn?: string } = {}) {
  const trained: string[] = [];
  const fit: FitLink = async (module, { name, directory, ckptPath }) => {
    trained.push(ckptPath === undefined ? name : `${name} resumed`);
    const abort = new AbortController();
    const trainer = new Trainer({
      ...bare,
      barebones: false,
      logger: false,
      enableProgressBar: false,
      enableModelSummary: false,
      maxEpochs: 3,
      callbacks: [
        new ModelCheckpoint({ dirPath: directory, saveLast: true }),
        { onTrainEpochStart: ({ currentEpoch }) => void (name === stopIn && currentEpoch === 1 && abort.abort()) },
      ],
    });
    return trainer.fit(module, { train: data as never, ckptPath, signal: abort.signal });
  };
  return { fit, trained };
}

const distilledByHand = async (
  net: tf.LayersModel,
  teacher: ReturnType<typeof ensembleTeacher> | tf.LayersModel,
  data: readonly Batch[],
) => {
  const module = new DistillationModule({
    ...sgd,
    encoder: net,
    head: 'none',
    classes: 3,
    teacher,
    alpha: 0.5,
    temperature: 4,
  });
  await new Trainer({ ...bare, maxEpochs: 3 }).fit(module, data as never);
  return net;
};

test.for(['previous', 'all'] as const)('assistants pass on what they learned; taught by %s', async (taughtBy) => {
  const data = batches();
  const teacher = network(50, 9);
  const { fit } = fitter(data);
  const directory = freshDirectory();
  const { status, models } = await teacherAssistants({
    teacher,
    assistants: [() => network(1, 7)],
    student: () => network(2, 4),
    training: sgd,
    taughtBy,
    fit,
    directory,
  });
  const assistant = await distilledByHand(network(1, 7), teacher, data);
  const elders = taughtBy === 'all' ? ensembleTeacher([teacher, assistant]) : assistant;
  const student = await distilledByHand(network(2, 4), elders, data);
  expect(status).toBe('finished');
  expect(models.map(weightsOf)).toEqual([assistant, student].map(weightsOf));
  expect(filesIn(directory)).toEqual(['link_0', 'link_0.safetensors', 'link_1', 'link_1.safetensors']);
  free(teacher, assistant, student, ...models, ...data);
});

test('a born-again chain that is interrupted ends where one that was not does, and trains nothing twice', async () => {
  const data = batches();
  const run = async (directory: string, stopIn?: string) => {
    const { fit, trained } = fitter(data, stopIn === undefined ? {} : { stopIn });
    const make = () => tf.sequential({ layers: [tf.layers.dense({ units: 3, inputShape: [4] })] }); // drawn from the stream
    const { status, models } = await bornAgain({ make, generations: 3, fit, directory, training: sgd, seed: 4 });
    const weights = models.map(weightsOf);
    free(...models);
    return { status, weights, trained };
  };
  const whole = await run(freshDirectory());
  const directory = freshDirectory();
  const first = await run(directory, 'link_1');
  expect(first).toMatchObject({ status: 'interrupted', trained: ['link_0', 'link_1'] });
  expect(first.weights).toEqual(whole.weights.slice(0, 1));
  const second = await run(directory);
  expect(second.trained).toEqual(['link_1 resumed', 'link_2']);
  expect(second.weights).toEqual(whole.weights);
  expect(new Set(whole.weights.map(String)).size).toBe(3);
  free(...data);
});

test('the first generation learns from labels alone, the next at T = 1', async () => {
  const seen: unknown[] = [];
  const fit = async (module: ImageClassificationModel) => {
    seen.push(module instanceof DistillationModule ? module.temperature : 'alone');
    return { status: 'finished' };
  };
  const { models } = await bornAgain({ make: (i) => network(i), generations: 2, fit, directory: freshDirectory() });
  expect(seen).toEqual(['alone', 1]);
  free(...models);
});

test('what fit throws comes out, the networks are freed, and mistakes are named', async () => {
  const directory = freshDirectory();
  const options: ChainOptions = {
    students: [() => network(1), () => network(2)],
    fit: async () => ({ status: 'finished' }),
    directory,
  };
  const broken = async (_: unknown, { index }: { index: number }) => {
    if (index === 1) throw new Error('no disk');
    return { status: 'finished' };
  };
  expect(await messageFrom(() => distillChain({ ...options, fit: broken }))).toBe('Error no disk');
  expect(filesIn(directory)).toEqual(['link_0.safetensors']);
  const other = { ...options, students: [() => network(1, 8)] };
  expect(await messageFrom(() => distillChain(other))).toContain('checkpoint-does-not-fit');
  expect(await messageFrom(() => distillChain({ ...options, students: [] }))).toContain('at least one function');
  expect(await messageFrom(() => teacherAssistants({ assistants: [], student: () => network(1) } as never))).toContain(
    'no-teacher',
  );
});
