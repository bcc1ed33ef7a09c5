/** Several optimizers: stepped by hand, or by the trainer with a loss for each; saved and resumed exactly. */
import { type Callback, type SGD, seedEverything, Trainer, tf } from 'kelvin';
import { expect, test } from 'vitest';
import { type BoringBatch, bare, boringLoader } from '../support/boring.ts';
import { freshDirectory } from '../support/files.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { ByHand, ByName } from '../support/pair.ts';

assertFileLeaksNothing();

const expectClose = (actual: readonly number[], expected: readonly number[]): void => {
  for (const [i, value] of actual.entries()) expect(value).toBeCloseTo(expected[i] as number, 6);
};

test('E6 §2.1 C5 manual: 2 optimizers x 3 batches are 3 training steps, 3 per optimizer; the scheduler is not stepped', () =>
  expectNoLeak(async () => {
    const module = new ByHand();
    const counts: unknown[] = [];
    const hooks: string[] = [];
    const spy: Callback = {
      onBeforeZeroGrad: () => void hooks.push('zeroGrad'),
      onBeforeBackward: () => void hooks.push('before'),
      onAfterBackward: () => void hooks.push('after'),
      onBeforeOptimizerStep: (trainer) => void hooks.push(`step ${trainer.globalStep}`),
      onTrainBatchEnd: (trainer) => void counts.push([trainer.globalStep, trainer.loggedStep]),
    };
    const rows: number[] = [];
    const logger = { logMetrics: (_: object, step: number) => void rows.push(step) };
    const trainer = new Trainer({
      engine: 'wasm',
      maxEpochs: 1,
      logEveryNSteps: 1,
      logger,
      callbacks: spy,
      enableCheckpointing: false,
      enableProgressBar: false,
      enableModelSummary: false,
    });
    const seen: unknown[] = [];
    module.onTrainEpochEnd = () => {
      seen.push(module.optimizers().map(({ name, stepCount, lr }) => [name, stepCount, lr]));
      seen.push(trainer.learningRates, module.lrSchedulers().length);
    };
    expect(await trainer.fit(module, boringLoader(3))).toMatchObject({ steps: 3, batches: 3 });
    expect(counts).toEqual([
      [1, 0],
      [2, 1],
      [3, 2],
    ]);
    expect(rows).toEqual([0, 1, 2]);
    expect(hooks.slice(0, 6)).toEqual(['before', 'after', 'before', 'after', 'step 0', 'step 0']);
    expect(hooks).not.toContain('zeroGrad');
    expect(seen).toEqual([
      [
        ['first', 3, 0.1],
        ['second', 3, 0.05],
      ],
      { 'lr-first': 0.1, 'lr-second': 0.05 },
      1,
    ]);
    module.dispose();
  }));

test('§2.1 C7 a loss per optimizer by name: the weights of a run by hand, and of two runs with an optimizer each', () =>
  expectNoLeak(async () => {
    const [byHand, byName, replayed] = [new ByHand(), new ByName(), new ByName()];
    const lrs: number[] = [];
    for (const module of [byHand, byName]) {
      if (module === byHand)
        module.onTrainBatchEnd = (_o, _b, i) => void (i === 2 && module.lrSchedulers()[0]?.step(0));
      const trainer = new Trainer({ ...bare, maxEpochs: 2 });
      trainer.on('trainEnd', () => lrs.push(...Object.values(trainer.learningRates)));
      expect(await trainer.fit(module, boringLoader(3))).toMatchObject({ steps: 6 });
    }
    expect(lrs).toEqual([0.025, 0.05, 0.025, 0.05]);
    expectClose(byName.weights(), byHand.weights());

    const [first, second] = replayed.configureOptimizers();
    for (let epoch = 0; epoch < 2; epoch++) {
      if (first !== undefined && epoch === 1) first.optimizer.lr = 0.05;
      for (const batch of boringLoader(3)) {
        const steps = [
          { each: first, loss: () => replayed.lossA(batch), net: replayed.a },
          { each: second, loss: () => replayed.lossB(batch), net: replayed.b },
        ].map(({ each, loss, net }) => ({
          each,
          taken: tf.variableGrads(() => loss() as tf.Scalar, replayed.parametersOf(net)),
        }));
        for (const { each, taken } of steps) each?.optimizer.step(taken.grads);
        tf.dispose([batch, steps.map(({ taken }) => taken)] as unknown as tf.TensorContainer);
      }
    }
    expectClose(byName.weights(), replayed.weights());
    for (const each of [first, second]) each?.optimizer.dispose();
    for (const module of [byHand, byName, replayed]) module.dispose();
  }));

test('an optimizer without a loss in a batch takes no step; clipping is per optimizer; the loss reported is the sum', () =>
  expectNoLeak(async () => {
    class Alternating extends ByName {
      override trainingStep(batch: BoringBatch, batchIdx = 0): ReturnType<ByName['trainingStep']> {
        if (batchIdx % 2 === 0) return super.trainingStep(batch);
        return { losses: { second: this.lossB(batch) } } as never;
      }
    }
    const module = new Alternating();
    const trainer = new Trainer({ ...bare, maxEpochs: 1, gradientClipVal: 0.5 });
    const clipped: number[] = [];
    const reported: boolean[] = [];
    const { configureGradientClipping } = module;
    module.configureGradientClipping = (optimizer, gradients, clipping) => {
      clipped.push(Object.keys(gradients).length);
      return configureGradientClipping.call(module, optimizer, gradients, clipping);
    };
    trainer.on('trainBatchEnd', ({ loss, losses: parts }) => {
      const sum = Object.values(parts as Record<string, tf.Tensor>).reduce(
        (all, each) => all + Number(each.dataSync()[0]),
        0,
      );
      reported.push(Math.abs(Number(loss?.dataSync()[0]) - sum) < 1e-6);
    });
    let counts: number[] = [];
    trainer.on('trainEnd', () => {
      counts = trainer.optimizers.map((optimizer) => (optimizer as SGD).stepCount);
    });
    expect(await trainer.fit(module, boringLoader(3))).toMatchObject({ steps: 3 });
    expect(counts).toEqual([2, 3]);
    expect(clipped).toEqual([2, 2, 2, 2, 2]);
    expect(reported).toEqual([true, true, true]);
    module.dispose();
  }));

test.each([
  ['by hand', ByHand],
  ['by name', ByName],
])('resumed %s, two optimizers go on bit for bit', (_, Module) =>
  expectNoLeak(async () => {
    const path = `${freshDirectory()}/two.ckpt`;
    const run = async (options: { stopAt?: number; ckptPath?: string }): Promise<number[]> => {
      const restore = seedEverything(3);
      const module = new Module();
      const trainer = new Trainer({ ...bare, maxEpochs: 3 });
      module.onTrainBatchEnd = async () => {
        if (trainer.globalBatch === options.stopAt) await trainer.saveCheckpoint(path);
      };
      await trainer.fit(module, { train: boringLoader(3), ckptPath: options.ckptPath });
      const weights = module.weights();
      module.dispose();
      restore();
      return weights;
    };
    const straight = await run({ stopAt: 4 });
    expect(await run({ ckptPath: path })).toEqual(straight);
  }),
);
