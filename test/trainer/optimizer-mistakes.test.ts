/** What does not go together with several optimizers and manual optimization says so. */
import {
  BatchSizeFinder,
  type Callback,
  GradientAccumulationScheduler,
  LearningRateFinder,
  SGD,
  Trainer,
  tf,
} from 'kelvin';
import { expect, test } from 'vitest';
import { type BoringBatch, bare, boringLoader } from '../support/boring.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { ByHand, ByName, type Pair } from '../support/pair.ts';

assertFileLeaksNothing();

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

test('what turns one rate, or accumulates, refuses several optimizers and those stepped by hand', () =>
  expectNoLeak(async () => {
    const text = (module: Pair, callbacks: Callback): Promise<string> =>
      messageFrom(() => new Trainer({ ...bare, maxEpochs: 1, callbacks }).fit(module, boringLoader(2))).finally(() =>
        module.dispose(),
      );
    const finders = [
      new LearningRateFinder({ updateAttr: false }),
      new BatchSizeFinder({ loader: () => boringLoader(2) }),
    ];
    for (const finder of finders) expect(await text(new ByHand(), finder)).toContain('[manual-optimization]');
    const rates = await text(new ByName(), new LearningRateFinder({ updateAttr: false }));
    expect(rates).toMatchInlineSnapshot(`
      "ConfigError [several-optimizers] Training on trial (LearningRateFinder, BatchSizeFinder): expected to be told whose learning rate is looked for, got ByName with the optimizers first, second.
        help: give the finder \`optimizer: 'first'\`, and another finder for each of the others"
    `);
    expect(await text(new ByName(), new LearningRateFinder({ optimizer: 'third' }))).toContain(
      "expected one of first, second, got 'third'",
    );
    expect(await text(new ByHand(), new GradientAccumulationScheduler({ 0: 2 }))).toMatchInlineSnapshot(`
      "ConfigError [manual-optimization] GradientAccumulationScheduler: expected a module that the trainer optimizes, got ByHand, which does it by hand.
        help: accumulate in \`trainingStep\`, or leave out \`automaticOptimization = false\`"
    `);
  }));
