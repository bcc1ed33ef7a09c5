/** Mistakes in flags, data and calls are typed errors that name the culprit and the cure. */
import { CombinedLoader, LightningModule, ModelCheckpoint, Trainer } from 'kelvin';
import { expect, test } from 'vitest';
import { BoringModule, bare, boringLoader } from '../support/boring.ts';
import { freshDirectory } from '../support/files.ts';
import { messageFrom } from '../support/messages.ts';
import { mistake } from '../support/mistake.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';

assertFileLeaksNothing();

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
      "fraction": "ConfigError [invalid-option] Trainer: option \`limitTrainBatches\`: expected a count of at least 0, such as 10 or '10ba', or a percentage such as '25%', got 0.5 (number).",
      "negative": "ConfigError [invalid-option] Trainer: option \`maxEpochs\`: expected a whole number of at least -1, or with its unit, such as '3ep', got -2 (number).",
      "percent": "ConfigError [invalid-option] Trainer: option \`limitValBatches\`: expected a count of at least 0, such as 10 or '10ba', or a percentage such as '25%', got '120%' (string).",
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
