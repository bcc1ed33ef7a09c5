/** Every mistake is a typed error that names the culprit and the cure. */
import {
  CombinedLoader,
  ImageClassificationModel,
  LightningModule,
  ModelCheckpoint,
  mlp,
  ReduceLROnPlateau,
  SGD,
  Trainer,
  type TrainerOptions,
  tf,
} from 'kelvin';
import { expect, test } from 'vitest';
import { type BoringBatch, BoringModule, bare, boringLoader } from '../support/boring.ts';
import { freshDirectory } from '../support/files.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';

assertFileLeaksNothing();

/** The text of what a fit of a changed module throws. Nothing must be left behind. */
const mistake = (
  changes: object,
  options: TrainerOptions = {},
  train: unknown = boringLoader(2),
  val?: unknown,
): Promise<string> =>
  expectNoLeak(async () => {
    const module = Object.assign(new BoringModule(), changes);
    const text = await messageFrom(() =>
      new Trainer({ ...bare, maxEpochs: 2, ...options }).fit(module, train as never, val as never),
    );
    module.dispose();
    return text.replaceAll(/dense_Dense\d+/g, 'dense_DenseN');
  });

test('flags', async () => {
  const text = (options: object) => messageFrom(() => new Trainer(options));
  expect({
    unknown: await text({ maxEpoch: 3 }),
    negative: await text({ maxEpochs: -2 }),
    fraction: await text({ limitTrainBatches: 0.5 }),
    percent: await text({ limitValBatches: '120%' }),
    time: await text({ maxTime: 3000 }),
    accumulate: await text({ accumulateGradBatches: 0 }),
    clip: await text({ gradientClipVal: 0 }),
    algorithm: await text({ gradientClipAlgorithm: 'both' }),
    callbacks: await text({ callbacks: ['EarlyStopping'] }),
    barebones: await text({ barebones: true, enableProgressBar: true }),
    checkpointing: await text({ enableCheckpointing: false, callbacks: new ModelCheckpoint() }),
    sanity: await text({ numSanityValSteps: -2 }),
  }).toMatchInlineSnapshot(`
    {
      "accumulate": "ConfigError [invalid-option] Trainer: option \`accumulateGradBatches\`: expected a whole number of at least 1, got 0 (number).",
      "algorithm": "ConfigError [invalid-option] Trainer: option \`gradientClipAlgorithm\`: expected 'norm' or 'value', got 'both' (string).",
      "barebones": "ConfigError [conflicting-options] Trainer: option \`enableProgressBar\`: expected nothing to be attached, since \`barebones\` is on.
      help: leave out \`barebones\` or \`enableProgressBar\`",
      "callbacks": "ConfigError [invalid-option] Trainer: option \`callbacks\`: expected a callback or an array of callbacks, got ["EarlyStopping"] (array).",
      "checkpointing": "ConfigError [conflicting-options] Trainer: option \`enableCheckpointing\`: expected true, since a ModelCheckpoint is given, got false.
      help: leave out one of them",
      "clip": "ConfigError [invalid-option] Trainer: option \`gradientClipVal\`: expected a number above 0, got 0 (number).",
      "fraction": "ConfigError [invalid-option] Trainer: option \`limitTrainBatches\`: expected a count of at least 0, or a percentage such as '25%', got 0.5 (number).",
      "negative": "ConfigError [invalid-option] Trainer: option \`maxEpochs\`: expected a whole number of at least -1, got -2 (number).",
      "percent": "ConfigError [invalid-option] Trainer: option \`limitValBatches\`: expected a count of at least 0, or a percentage such as '25%', got '120%' (string).",
      "sanity": "ConfigError [invalid-option] Trainer: option \`numSanityValSteps\`: expected a whole number of at least -1, got -2 (number).",
      "time": "ConfigError [invalid-option] Trainer: option \`maxTime\`: expected a time such as '30min', '90s' or '2h', got 3000 (number).",
      "unknown": "ConfigError [unknown-option] Trainer: unknown option \`maxEpoch\`.
      help: did you mean \`maxEpochs\`?",
    }
  `);
});

test('data', async () => {
  const once = boringLoader(2)[Symbol.iterator]();
  expect({
    missing: await mistake({}, {}, null),
    notIterable: await mistake({}, {}, 42),
    emptyArray: await mistake({}, {}, []),
    lengthZero: await mistake({}, {}, { length: 0, [Symbol.iterator]: function* () {} }),
    emptyStream: await mistake({}, {}, { [Symbol.iterator]: function* () {} }),
    exhausted: await mistake({}, {}, once),
    shorterThanItSays: await mistake({}, {}, { ...boringLoader(2), length: 5 }),
    sequentialTrain: await mistake({}, {}, new CombinedLoader([boringLoader(1), boringLoader(1)], 'sequential')),
    notALoaderWithin: await mistake({}, {}, { train: { a: boringLoader(1), b: 3 } }),
    emptyMember: await mistake({}, {}, { train: { a: boringLoader(1), b: [] } }),
    usedUpMember: await mistake({}, {}, { train: { a: boringLoader(3), b: boringLoader(1)[Symbol.iterator]() } }),
    emptyVal: await mistake({}, {}, boringLoader(1), { length: 0, [Symbol.iterator]: function* () {} }),
    exhaustedVal: await mistake({}, {}, boringLoader(1), boringLoader(2)[Symbol.iterator]()),
    unknownName: await mistake({}, {}, { train: boringLoader(1), vall: boringLoader(1) }),
    noValidationStep: await mistake({ validationStep: undefined }, {}, boringLoader(1), boringLoader(1)),
  }).toMatchInlineSnapshot(`
    {
      "emptyArray": "DataError [empty-loader] The train loader: expected at least one batch in each epoch, got none.
      help: check that the dataset is not empty and, with \`dropLast\`, not smaller than one batch",
      "emptyMember": "DataError [empty-loader] The member \`b\` of a combined loader: expected at least one batch each time it is walked through, got none.
      help: check that the dataset is not empty and, with \`dropLast\`, not smaller than one batch",
      "emptyStream": "DataError [empty-loader] The train loader: expected at least one batch in each epoch, got none.
      help: check that the dataset is not empty and, with \`dropLast\`, not smaller than one batch",
      "emptyVal": "DataError [empty-loader] The val loader: expected at least one batch in each epoch, got none.
      help: check that the dataset is not empty and, with \`dropLast\`, not smaller than one batch",
      "exhausted": "DataError [exhausted-loader] The train loader: expected at least one batch in each epoch, got none in epoch 1.
      help: a generator object can be iterated only once: give an object whose [Symbol.iterator] starts anew",
      "exhaustedVal": "DataError [exhausted-loader] The val loader: expected at least one batch in each epoch, got none in epoch 1.
      help: a generator object can be iterated only once: give an object whose [Symbol.iterator] starts anew",
      "lengthZero": "DataError [empty-loader] The train loader: expected at least one batch in each epoch, got none.
      help: check that the dataset is not empty and, with \`dropLast\`, not smaller than one batch",
      "missing": "ConfigError [missing-loader] trainer.fit: expected a training loader, got none.
      help: give it to \`trainer.fit\`, or return it from \`trainDataloader\` of the module or of a data module",
      "noValidationStep": "ConfigError [missing-step] trainer.fit: expected BoringModule to have \`validationStep\`, since there is a validation loader, got a module without it.
      help: add \`validationStep(batch, batchIdx)\` and log its metrics there, or leave out the loader",
      "notALoaderWithin": "ConfigError [invalid-loader] CombinedLoader: member \`b\`: expected a DataLoader, an array of batches, anything iterable, or loaders in an array or an object, got 3 (number).",
      "notIterable": "ConfigError [invalid-loader] The train loader: expected a DataLoader, an array of batches, anything iterable, or loaders in an array or an object, got 42 (number).",
      "sequentialTrain": "ConfigError [sequential-training] The train loader: expected a CombinedLoader of mode 'maxSizeCycle', 'minSize' or 'maxSize', got 'sequential'.
      help: train on one loader after the other with \`reloadDataloadersEveryNEpochs\`, or join the datasets",
      "shorterThanItSays": "DataError [loader-length] The train loader: expected 5 batches, as its \`length\` says, got only 2.
      help: mend its \`length\`, or leave it out when it is not known",
      "unknownName": "ConfigError [unknown-option] trainer.fit: unknown option \`vall\`.
      help: did you mean \`val\`?",
      "usedUpMember": "DataError [exhausted-loader] The member \`b\` of a combined loader: expected at least one batch each time it is walked through, got none the second time.
      help: a generator object can be iterated only once: give an object whose [Symbol.iterator] starts anew",
    }
  `);
});

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

test('a NaN loss stops before it reaches the weights', () =>
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

test('labels out of range and images that do not fit', () =>
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

test('two runs at once, of one trainer or with one module', () =>
  expectNoLeak(async () => {
    const [module, other] = [new BoringModule(), new BoringModule()];
    const [trainer, second] = [new Trainer({ ...bare, maxEpochs: 1 }), new Trainer({ ...bare, maxEpochs: 1 })];
    const first = trainer.fit(module, boringLoader(2));
    expect(await messageFrom(() => trainer.test(other, boringLoader(1)))).toMatchInlineSnapshot(`
      "ConfigError [already-running] trainer.test: expected an idle trainer, got one in which \`fit\` is running.
        help: await the first call, or use a second trainer"
    `);
    expect(await messageFrom(() => second.fit(module, boringLoader(1)))).toMatchInlineSnapshot(`
      "ConfigError [module-in-use] trainer.fit: BoringModule: expected a module that no trainer runs, got one that another trainer runs at the moment.
        help: await the other call first"
    `);
    expect(await first).toMatchObject({ status: 'finished' });
    module.dispose();
    other.dispose();
  }));

test('what a trainer or module cannot do now', () =>
  expectNoLeak(async () => {
    class Bare extends LightningModule {
      trainingStep() {}
    }
    const [module, none] = [new BoringModule(), new Bare()];
    const trainer = new Trainer({ ...bare, maxEpochs: 1 });
    const path = `${freshDirectory()}/x.ckpt`;
    module.setup = () => trainer.saveCheckpoint(path);
    expect({
      save: await messageFrom(() => trainer.saveCheckpoint(path)),
      saveTooEarly: await messageFrom(() => trainer.fit(module, boringLoader(1))),
      trainer: await messageFrom(() => module.trainer),
      testStep: await messageFrom(() => trainer.test(none, boringLoader(1) as never)),
      forward: await messageFrom(() => trainer.predict(none, boringLoader(1) as never)),
    }).toMatchInlineSnapshot(`
      {
        "forward": "ConfigError [no-forward] Bare.predictStep: expected the module to have \`forward\` or \`predictStep\`, got neither.",
        "save": "ConfigError [not-running] trainer.saveCheckpoint: expected a fit that goes on or has been, got a trainer that has not trained anything.
        help: call it in a hook or after \`fit\`, or use ModelCheckpoint",
        "saveTooEarly": "ConfigError [too-early] trainer.saveCheckpoint: expected to be called after \`configureOptimizers\`, got called before.
        help: call it from \`onFitStart\` on, or with \`weightsOnly: true\`",
        "testStep": "ConfigError [missing-step] trainer.test: expected Bare to have \`testStep\`, got a module without it.
        help: add \`testStep(batch, batchIdx)\` and log its metrics there",
        "trainer": "ConfigError [not-attached] BoringModule.trainer: expected the module to be in a trainer, got a module that no trainer runs.
        help: use it in hooks and steps, while \`fit\`, \`validate\`, \`test\` or \`predict\` runs",
      }
    `);
    module.dispose();
  }));
