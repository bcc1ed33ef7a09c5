/** The trainer computes exactly what a hand-written tfjs loop does, and the same again for the same seed. */
import { Adam, cosineWithWarmup, losses, SGD, StepLR, Trainer, tf } from 'kelvin';
import { expect, test } from 'vitest';
import { type BoringBatch, BoringModule, bare, boringLoader } from '../support/boring.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { collect } from '../support/recorder.ts';
import { train } from '../support/resumable.ts';

assertFileLeaksNothing();

const data = (): BoringBatch[] => [...boringLoader(50)];

async function byTrainer(
  batches: BoringBatch[],
  configureOptimizers: (module: BoringModule) => unknown,
): Promise<number[]> {
  const module = new BoringModule();
  Object.assign(module, { configureOptimizers: () => configureOptimizers(module) });
  const seen = collect(
    'trainBatchEnd',
    (_trainer, output) => (output as { loss: tf.Scalar }).loss.dataSync()[0] as number,
  );
  await new Trainer({ ...bare, maxEpochs: 1, callbacks: seen }).fit(module, batches);
  module.dispose();
  return seen.seen;
}

/** The loop that one writes without a trainer. */
function byHand(
  batches: BoringBatch[],
  makeStep: (module: BoringModule) => (grads: tf.NamedTensorMap) => void,
): number[] {
  const module = new BoringModule();
  const parameters = module.parameters();
  const step = makeStep(module);
  const seen = batches.map(({ x, y }) => {
    const { value, grads } = tf.variableGrads(() => losses.mse(module.forward(x), y) as tf.Scalar, parameters);
    step(grads);
    const loss = value.dataSync()[0] as number;
    tf.dispose([value, grads]);
    return loss;
  });
  module.dispose();
  return seen;
}

test('50 steps of Kelvin’s Adam', async () => {
  const batches = data();
  const expected = await byTrainer(batches, (module) => new Adam(module.parameters(), { lr: 0.05 }));
  const disposables: Adam[] = [];
  const actual = byHand(batches, (module) => {
    const adam = new Adam(module.parameters(), { lr: 0.05 });
    disposables.push(adam);
    return (grads) => adam.step(grads);
  });
  for (const each of disposables) each.dispose();
  expect(actual).toEqual(expected);
  expect(new Set(expected).size).toBe(50);
  tf.dispose(batches as never);
});

test('50 steps of tf.train.adam, through the adapter', async () => {
  const batches = data();
  const expected = await byTrainer(batches, () => tf.train.adam(0.05));
  const optimizer = tf.train.adam(0.05);
  const actual = byHand(batches, () => (grads) => optimizer.applyGradients(grads as never));
  optimizer.dispose();
  expect(actual).toEqual(expected);
  tf.dispose(batches as never);
});

test('E7 the same seed gives the same run, bit for bit: initial weights, dropout, shuffling, augmentation', async () => {
  const [a, b, c] = [await train(42, {}), await train(42, {}), await train(43, {})];
  expect(b).toEqual(a);
  expect(c.weights).not.toEqual(a.weights);
});

test('cosine with warm-up is stepped with each optimizer step, and validation sees the next rate', async () => {
  const module = new BoringModule();
  module.configureOptimizers = () => {
    const optimizer = new SGD(module.parameters(), { lr: 0.1 });
    const scheduler = cosineWithWarmup(optimizer, { warmupSteps: 2, totalSteps: 6 });
    return { optimizer, lrScheduler: { scheduler, interval: 'step' } } as never;
  };
  const rate = (hook: 'trainBatchStart' | 'validationStart') => collect(hook, ({ optimizers }) => optimizers[0]?.lr);
  const [training, validation] = [rate('trainBatchStart'), rate('validationStart')];
  await new Trainer({ ...bare, maxEpochs: 2, accumulateGradBatches: 2, callbacks: [training, validation] }).fit(
    module,
    boringLoader(6),
    boringLoader(1),
  );
  const at = (step: number) =>
    step < 2 ? (0.1 * (step + 1)) / 3 : (0.1 * (1 + Math.cos((Math.PI * (step - 2)) / 4))) / 2;
  const close = (values: (number | undefined)[], steps: number[]): void => {
    expect(values.map((value) => (value as number).toFixed(9))).toEqual(steps.map((step) => at(step).toFixed(9)));
  };
  close(training.seen, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
  close(validation.seen, [3, 6]);
  module.dispose();
});

test.for([
  ['epoch', 1, [1, 1, 1, 0.5, 0.5, 0.5], [0.5, 0.25]],
  ['step', 1, [1, 0.5, 0.25, 0.125, 0.0625, 0.03125], [0.125, 0.015625]],
  ['step', 2, [1, 1, 0.5, 0.5, 0.25, 0.25], [0.5, 0.125]],
] as const)(
  'StepLR by %s, every %i: rates in training and validation',
  async ([interval, frequency, expected, validated]) => {
    const module = new BoringModule();
    module.trainingStep = ({ x }) => tf.mul(tf.sum(module.forward(x)), 1e-9) as tf.Scalar;
    module.configureOptimizers = () => {
      const optimizer = new SGD(module.parameters(), { lr: 1 });
      return {
        optimizer,
        lrScheduler: { scheduler: new StepLR(optimizer, { stepSize: 1, gamma: 0.5 }), interval, frequency },
      } as never;
    };
    const rate = (hook: 'trainBatchStart' | 'validationStart') => collect(hook, ({ optimizers }) => optimizers[0]?.lr);
    const [training, validation] = [rate('trainBatchStart'), rate('validationStart')];
    await new Trainer({ ...bare, maxEpochs: 2, callbacks: [training, validation] }).fit(
      module,
      boringLoader(3),
      boringLoader(1),
    );
    expect(training.seen).toEqual(expected);
    expect(validation.seen).toEqual(validated);
    module.dispose();
  },
);
