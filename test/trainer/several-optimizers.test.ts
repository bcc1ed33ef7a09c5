/** Several optimizers: stepped by hand, or by the trainer with a loss for each; saved and resumed exactly. */
import { Adam, type Callback, LightningModule, losses, SGD, StepLR, seedEverything, Trainer, tf } from 'kelvin';
import { expect, test } from 'vitest';
import { type BoringBatch, BoringModule, bare, boringLoader } from '../support/boring.ts';
import { freshDirectory } from '../support/files.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';

assertFileLeaksNothing();

const line = (): tf.Sequential =>
  tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2], kernelInitializer: 'ones' })] });

/** Two lines, each with a loss and an optimizer of its own. */
abstract class Pair extends LightningModule<BoringBatch> {
  readonly a = line();
  readonly b = line();

  /** How far each line is from the targets; `b` also depends on `a`, as a discriminator on a generator. */
  lossA({ x, y }: BoringBatch): tf.Tensor {
    return losses.mse(this.a.apply(x) as tf.Tensor, y);
  }
  lossB({ x, y }: BoringBatch): tf.Tensor {
    return losses.mse(tf.add(this.b.apply(x) as tf.Tensor, this.a.apply(x) as tf.Tensor), tf.neg(y));
  }
  parametersOf(net: tf.LayersModel): tf.Variable[] {
    const own = new Set(net.trainableWeights.map((weight) => weight.name));
    return this.parameters().filter((variable) => own.has(variable.name));
  }
  override configureOptimizers() {
    const first = new Adam(this.parametersOf(this.a), { lr: 0.1 });
    const second = new SGD(this.parametersOf(this.b), { lr: 0.05, momentum: 0.9 });
    return [
      { name: 'first', optimizer: first, lrScheduler: new StepLR(first, { stepSize: 1, gamma: 0.5 }) },
      { name: 'second', optimizer: second },
    ];
  }
  weights(): number[] {
    return [...this.namedVariables().values()].flatMap((variable) => [...variable.dataSync()]);
  }
}

const expectClose = (actual: readonly number[], expected: readonly number[]): void => {
  for (const [i, value] of actual.entries()) expect(value).toBeCloseTo(expected[i] as number, 6);
};

class ByHand extends Pair {
  override automaticOptimization = false;
  trainingStep(batch: BoringBatch): void {
    const [first, second] = this.optimizers();
    const forFirst = this.manualBackward(() => this.lossA(batch), first);
    const forSecond = this.manualBackward(() => {
      const loss = this.lossB(batch);
      this.log('second_loss', loss);
      return loss;
    }, second);
    first?.step(forFirst);
    second?.step(forSecond);
  }
}

class ByName extends Pair {
  trainingStep(batch: BoringBatch) {
    return { losses: { first: this.lossA(batch), second: this.lossB(batch) } };
  }
}

test('E6 manual: 2 optimizers x 3 batches are 3 training steps, 3 per optimizer; the scheduler is not stepped', () =>
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

test('a loss per optimizer by name: the weights of a run by hand, and of two runs with an optimizer each', () =>
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

test('A10 a stop in the first batch: a scheduler of interval step has been stepped once', () =>
  expectNoLeak(async () => {
    class Halving extends BoringModule {
      override configureOptimizers() {
        const optimizer = new SGD(this.parameters(), { lr: 1 });
        const scheduler = new StepLR(optimizer, { stepSize: 1, gamma: 0.5 });
        return { optimizer, lrScheduler: { scheduler, interval: 'step' as const } } as never;
      }
    }
    const module = new Halving();
    const trainer = new Trainer({ ...bare, maxEpochs: 2 });
    const rates: number[] = [];
    trainer.on('trainBatchEnd', () => {
      trainer.shouldStop = true;
    });
    trainer.on('trainEnd', () => rates.push(...Object.values(trainer.learningRates)));
    expect(await trainer.fit(module, boringLoader(4))).toMatchObject({ steps: 1, status: 'stopped' });
    expect(rates).toEqual([0.5]);
    module.dispose();
  }));

test('what does not go together says so', () =>
  expectNoLeak(async () => {
    const text = async (make: () => Pair, options: object = {}): Promise<string> => {
      const module = make();
      const message = await messageFrom(() =>
        new Trainer({ ...bare, maxEpochs: 1, ...options }).fit(module, boringLoader(1)),
      );
      module.dispose();
      return message.replaceAll(/dense_Dense\d+/g, 'dense_DenseN');
    };
    const changed = (Module: new () => Pair, changes: object) => () => Object.assign(new Module(), changes);
    expect({
      clip: await text(() => new ByHand(), { gradientClipVal: 1 }),
      accumulate: await text(() => new ByHand(), { accumulateGradBatches: 2 }),
      automatic: await text(changed(ByHand, { automaticOptimization: true })),
      unknownName: await text(
        changed(ByName, {
          trainingStep(this: Pair, batch: BoringBatch) {
            return { losses: { third: this.lossA(batch) } };
          },
        }),
      ),
      sharedParameters: await text(
        changed(ByName, {
          configureOptimizers(this: Pair) {
            return [new SGD(this.parameters(), { lr: 1 }), new SGD(this.parameters(), { lr: 1 })];
          },
        }),
      ),
      sameName: await text(
        changed(ByName, {
          configureOptimizers(this: Pair) {
            return [this.a, this.b].map((net) => ({
              name: 'x',
              optimizer: new SGD(this.parametersOf(net), { lr: 1 }),
            }));
          },
        }),
      ),
      none: await text(changed(ByName, { configureOptimizers: () => [] })),
      outside: await text(
        changed(ByHand, {
          onTrainBatchEnd(this: Pair) {
            this.optimizers()[0]?.step({});
          },
        }),
      ),
      nonFinite: await text(
        changed(ByHand, { lossA: () => tf.scalar(Number.NaN).mul(tf.scalar(1)), trainingStep: nanStep }),
      ),
      asynchronous: await text(changed(ByHand, { onBeforeOptimizerStep: async () => {} })),
    }).toMatchInlineSnapshot(`
      {
        "accumulate": "ConfigError [manual-optimization] Trainer: option \`accumulateGradBatches\`: expected to be left out, since ByHand optimizes by hand.
        help: do it in \`trainingStep\`, or leave out \`automaticOptimization = false\`",
        "asynchronous": "ConfigError [asynchronous-step] onBeforeOptimizerStep, in manual optimization,: expected a synchronous method, since its tensors are tidied up when it returns, got a promise.
        help: leave out \`async\`; wait for things in a hook, such as \`onTrainBatchStart\`, or in the data loader",
        "automatic": "ConfigError [not-manual] ByHand: manual optimization: expected a module with \`automaticOptimization = false\`, while \`fit\` trains it, got a module that the trainer optimizes.",
        "clip": "ConfigError [manual-optimization] Trainer: option \`gradientClipVal\`: expected to be left out, since ByHand optimizes by hand.
        help: do it in \`trainingStep\`, or leave out \`automaticOptimization = false\`",
        "nonFinite": "NonFiniteError [non-finite-loss] The loss of epoch 0, batch 0 (optimizer step 0): expected a finite number, got NaN.
        help: lower the learning rate, set \`gradientClipVal\`, or look at this batch; the weights are those before it. \`terminateOnNaN: false\` goes on regardless",
        "none": "ConfigError [no-optimizer] ByName.configureOptimizers(): expected an optimizer, got none.
        help: return for example \`new AdamW(this.parameters(), { lr: 1e-3 })\`",
        "outside": "ConfigError [outside-of-step] Optimizer 'first': step: expected to be called in ByHand.trainingStep, got called in trainBatchEnd.",
        "sameName": "ConfigError [duplicate-optimizer-name] ByName.configureOptimizers(): expected a name of its own for each optimizer, got 'x' twice.",
        "sharedParameters": "ConfigError [shared-parameters] ByName.configureOptimizers(): expected each parameter in one optimizer, got \`dense_DenseN/kernel\` in '0' and in '1'.
        help: give each optimizer parameters of its own, or set \`automaticOptimization = false\`",
        "unknownName": "ConfigError [unknown-optimizer] ByName.trainingStep: losses: expected names of optimizers: first, second, got 'third'.
        help: name them in \`configureOptimizers\`: [{ name, optimizer }, …]",
      }
    `);
    const module = new ByHand();
    expect(await messageFrom(() => module.optimizers())).toMatchInlineSnapshot(`
      "ConfigError [not-attached] ByHand.trainer: expected the module to be in a trainer, got a module that no trainer runs.
        help: use it in hooks and steps, while \`fit\`, \`validate\`, \`test\` or \`predict\` runs"
    `);
    module.dispose();
  }));

function nanStep(this: Pair, batch: BoringBatch): void {
  this.manualBackward(() => tf.mul(this.lossB(batch), Number.NaN));
}
