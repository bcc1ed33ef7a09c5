/** Mistakes in steps and batches are typed errors that name the culprit and the cure. */
import { ImageClassificationModel, mlp, ReduceLROnPlateau, SGD, Trainer, tf } from 'kelvin';
import { expect, test } from 'vitest';
import { type BoringBatch, BoringModule, bare, boringLoader } from '../support/boring.ts';
import { messageFrom } from '../support/messages.ts';
import { mistake } from '../support/mistake.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';

assertFileLeaksNothing();

test('steps', async () => {
  const x3 = () => ({ x: tf.ones([4, 3]), y: tf.ones([4, 1]) });
  const wrong = {
    *[Symbol.iterator]() {
      yield x3();
    },
  };
  const constant = function (this: BoringModule, { y }: BoringBatch) {
    return tf.mean(y);
  };
  expect({
    asyncTraining: await mistake({ trainingStep: async () => undefined }),
    asyncRejecting: await mistake({ trainingStep: () => Promise.reject(new Error('later')) }),
    asyncValidation: await mistake({ validationStep: async () => undefined }, {}, boringLoader(1), boringLoader(1)),
    asyncOptimizerStep: await mistake({ optimizerStep: async () => undefined }),
    asyncClipping: await mistake({ configureGradientClipping: async () => ({}) }),
    notALoss: await mistake({ trainingStep: () => 0.5 }),
    noLossInObject: await mistake({ trainingStep: () => ({ los: tf.scalar(1) }) }),
    notScalar: await mistake({
      trainingStep(this: BoringModule, { x }: BoringBatch) {
        return this.forward(x);
      },
    }),
    withoutGradient: await mistake({ trainingStep: constant }),
    frozen: await mistake({
      onTrainStart(this: BoringModule) {
        this.freeze();
      },
    }),
    batchShape: await mistake({}, {}, wrong),
    validationShape: await mistake({}, {}, boringLoader(1), wrong),
    noOptimizer: await mistake({ configureOptimizers: () => undefined }),
    notAnOptimizer: await mistake({ configureOptimizers: () => 'adam' }),
    unknownKey: await mistake({
      configureOptimizers(this: BoringModule) {
        return { optimizer: new SGD(this.parameters(), { lr: 1 }), scheduler: 1 };
      },
    }),
    plateau: await mistake({
      configureOptimizers(this: BoringModule) {
        const optimizer = new SGD(this.parameters(), { lr: 1 });
        return { optimizer, lrScheduler: new ReduceLROnPlateau(optimizer) };
      },
    }),
  }).toMatchInlineSnapshot(`
    {
      "asyncClipping": "ConfigError [asynchronous-step] BoringModule.configureGradientClipping: expected a synchronous method, since its tensors are tidied up when it returns, got a promise.
      help: leave out \`async\`; wait for things in a hook, such as \`onTrainBatchStart\`, or in the data loader",
      "asyncOptimizerStep": "ConfigError [asynchronous-step] BoringModule.optimizerStep: expected a synchronous method, since its tensors are tidied up when it returns, got a promise.
      help: leave out \`async\`; wait for things in a hook, such as \`onTrainBatchStart\`, or in the data loader",
      "asyncRejecting": "ConfigError [asynchronous-step] BoringModule.trainingStep: expected a synchronous method, since its tensors are tidied up when it returns, got a promise.
      help: leave out \`async\`; wait for things in a hook, such as \`onTrainBatchStart\`, or in the data loader",
      "asyncTraining": "ConfigError [asynchronous-step] BoringModule.trainingStep: expected a synchronous method, since its tensors are tidied up when it returns, got a promise.
      help: leave out \`async\`; wait for things in a hook, such as \`onTrainBatchStart\`, or in the data loader",
      "asyncValidation": "ConfigError [asynchronous-step] BoringModule.validationStep: expected a synchronous method, since its tensors are tidied up when it returns, got a promise.
      help: leave out \`async\`; wait for things in a hook, such as \`onTrainBatchStart\`, or in the data loader",
      "batchShape": "DataError [batch-shape] A batch does not fit BoringModule: expected the input of \`dense_DenseN\` with axis -1 of input shape to have value 2, got shape 4,3.
      help: reshape the samples in the dataset, or build the network for this shape",
      "frozen": "ConfigError [nothing-trainable] BoringModule: the parameters given to the optimizer: expected at least one that is trainable, got only frozen ones.
      help: unfreeze a part of the module",
      "noLossInObject": "ConfigError [invalid-step-result] BoringModule.trainingStep: expected the loss as a tensor, or an object with \`loss\`, or nothing, got {"los":{"kept":false,"isDisposedInternal":false,"shape":[... (object).",
      "noOptimizer": "ConfigError [no-optimizer] BoringModule.configureOptimizers(): expected an optimizer, got none.
      help: return for example \`new AdamW(this.parameters(), { lr: 1e-3 })\`",
      "notALoss": "ConfigError [invalid-step-result] BoringModule.trainingStep: expected the loss as a tensor, or an object with \`loss\`, or nothing, got 0.5 (number).",
      "notAnOptimizer": "ConfigError [invalid-option] BoringModule.configureOptimizers(): expected an optimizer or { optimizer, lrScheduler }, got 'adam' (string).",
      "notScalar": "ConfigError [loss-not-scalar] BoringModule.trainingStep: the loss: expected a scalar, got shape [4,1].
      help: take its mean: \`loss.mean()\`",
      "plateau": "ConfigError [scheduler-without-monitor] BoringModule.configureOptimizers(): ReduceLROnPlateau: expected a \`monitor\`, the metric it watches, got none.
      help: return { optimizer, lrScheduler: { scheduler, monitor: 'val_loss' } }",
      "unknownKey": "ConfigError [unknown-option] BoringModule.configureOptimizers(): unknown option \`scheduler\`.
      help: did you mean \`lrScheduler\`?",
      "validationShape": "DataError [batch-shape] A batch does not fit BoringModule: expected the input of \`dense_DenseN\` with axis -1 of input shape to have value 2, got shape 4,3.
      help: reshape the samples in the dataset, or build the network for this shape",
      "withoutGradient": "ConfigError [loss-without-gradient] BoringModule.trainingStep: the loss: expected a loss that depends on the parameters given to the optimizer, got one that depends on none of them.
      help: compute it from the output of the network, with differentiable ops and without \`dataSync\`",
    }
  `);
});

test('an async step is refused before it is called, and a promise of a loss leaves none behind', () =>
  expectNoLeak(async () => {
    const late = async (): Promise<tf.Tensor> => {
      await Promise.resolve();
      return tf.scalar(1);
    };
    let called = 0;
    const own = async function (this: BoringModule, batch: BoringBatch) {
      called++;
      await Promise.resolve();
      return BoringModule.prototype.trainingStep.call(this, batch);
    };
    expect(await mistake({ trainingStep: own })).toContain('[asynchronous-step] BoringModule.trainingStep');
    expect(called).toBe(0);
    for (const promise of [() => late(), () => late().then((loss) => ({ loss }))]) {
      expect(await mistake({ trainingStep: promise })).toContain('[asynchronous-step] BoringModule.trainingStep');
      expect(await mistake({ automaticOptimization: false, trainingStep: promise })).toContain('[asynchronous-step]');
    }
  }));

test('§2.2 T9 a NaN loss stops before it reaches the weights', () =>
  expectNoLeak(async () => {
    const module = new BoringModule();
    let before: number[] = [];
    const own = module.trainingStep;
    module.trainingStep = (batch, batchIdx = 0) => {
      if (batchIdx === 2) before = module.weights();
      return batchIdx === 2 ? tf.mul(own.call(module, batch), Number.NaN) : own.call(module, batch);
    };
    expect(
      await messageFrom(() => new Trainer({ ...bare, maxEpochs: 1 }).fit(module, boringLoader(4))),
    ).toMatchInlineSnapshot(`
      "NonFiniteError [non-finite-loss] The loss of epoch 0, batch 2 (optimizer step 2): expected a finite number, got NaN.
        help: lower the learning rate, set \`gradientClipVal\`, or look at this batch; the weights are those before it. \`terminateOnNaN: false\` goes on regardless"
    `);
    expect(module.weights()).toEqual(before);
    const free = new Trainer({ ...bare, maxEpochs: 1, terminateOnNaN: false });
    expect(await free.fit(module, boringLoader(4))).toMatchObject({ status: 'finished', steps: 4 });
    module.dispose();
  }));

test('§2.2 T7 labels out of range and images that do not fit', () =>
  expectNoLeak(async () => {
    const module = new ImageClassificationModel({ encoder: mlp({ inputs: [2, 2, 1], hidden: [3] }), classes: 3 });
    const text = async (x: number[], y: number[]) => {
      const batch = { x: tf.ones(x), y: tf.tensor1d(y, 'int32') };
      const message = await messageFrom(() => new Trainer({ ...bare, maxEpochs: 1 }).fit(module, [batch]));
      tf.dispose(batch as never);
      return message;
    };
    expect(await text([2, 2, 2, 1], [0, 3])).toMatchInlineSnapshot(`
      "DataError [label-out-of-range] label 1 of 2 is not a class: expected a whole number from 0 to 2, got 3.
        help: check the data set, and the number of classes that the model was built with"
    `);
    expect(await text([2, 3, 2, 1], [0, 1])).toMatchInlineSnapshot(`
      "DataError [batch-shape] A batch does not fit ImageClassificationModel: expected images of shape [batch, 2, 2, 1], got [2, 3, 2, 1].
        help: reshape the images in the dataset, or build the encoder for this shape"
    `);
    module.dispose();
  }));
