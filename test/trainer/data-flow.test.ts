/** Where loaders come from, when they are asked for again, and the life of a data module. */
import { join } from 'node:path';
import { LightningDataModule, MemoryLogger, type RunStage, Trainer, tf } from 'kelvin';
import { expect, test } from 'vitest';
import { BoringModule, bare, boringLoader } from '../support/boring.ts';
import { freshDirectory } from '../support/files.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { Recorded } from '../support/recorded-data.ts';

assertFileLeaksNothing();

/** Notes the hooks beside which those of the data module stand. */
function traced(trace: string[]): BoringModule {
  return Object.assign(new BoringModule(), {
    prepareData: () => void trace.push('M.prepareData'),
    setup: (stage: RunStage) => void trace.push(`M.setup(${stage})`),
    onFitStart: () => void trace.push('M.fitStart'),
    onTrainEpochStart: () => void trace.push('M.trainEpochStart'),
    teardown: (stage: RunStage) => void trace.push(`M.teardown(${stage})`),
  });
}

test('E8 the calls to a data module in fit, validate, test and predict', async () => {
  const trace: string[] = [];
  const [module, datamodule] = [traced(trace), new Recorded(trace)];
  const trainer = new Trainer({
    ...bare,
    barebones: false,
    enableProgressBar: false,
    enableModelSummary: false,
    maxEpochs: 1,
    logger: false,
    enableCheckpointing: false,
  });
  await trainer.fit(module, { datamodule });
  expect(trace.splice(0)).toEqual([
    ...['D.prepareData', 'M.prepareData', 'D.setup(fit)', 'M.setup(fit)', 'D.val(0)', 'D.train(0)', 'M.fitStart'],
    ...['M.trainEpochStart', 'D.teardown(fit)', 'M.teardown(fit)'],
  ]);
  for (const stage of ['validate', 'test', 'predict'] as const) {
    tf.dispose((await trainer[stage](module, datamodule)) as never); // predictions are the caller's
    const loader = { validate: 'D.val(1)', test: 'D.test', predict: 'D.predict' }[stage];
    expect(trace.splice(0)).toEqual([
      ...['D.prepareData', 'M.prepareData', `D.setup(${stage})`, `M.setup(${stage})`, loader],
      ...[`D.teardown(${stage})`, `M.teardown(${stage})`],
    ]);
  }
  module.trainingStep = () => {
    throw new Error('boom');
  };
  trainer.maxEpochs = 2;
  await expect(trainer.fit(module, datamodule)).rejects.toThrow('boom');
  expect(trace.slice(-2)).toEqual(['M.trainEpochStart', 'D.exception(boom)']);
  expect(await messageFrom(() => datamodule.trainer)).toContain('not-attached');
  module.dispose();
});

test('what is given goes before the data module, and the data module before the module', async () => {
  const module = new BoringModule();
  let asked = '';
  const count = (name: string, batches: number) => () => {
    asked += `${name} `;
    return boringLoader(batches);
  };
  Object.assign(module, {
    trainDataloader: count('M.train', 1),
    valDataloader: count('M.val', 1),
    testDataloader: count('M.test', 1),
    predictDataloader: count('M.predict', 3),
  });
  const steps = async (data?: object): Promise<number> =>
    (await new Trainer({ ...bare, maxEpochs: 1 }).fit(module, data as never)).steps;
  const askedBy = async <T>(run: Promise<T>): Promise<[T, string]> => {
    const result = await run;
    const names = asked;
    asked = '';
    return [result, names];
  };
  class TrainOnly extends LightningDataModule {
    override trainDataloader = count('D.train', 2) as never;
  }
  const trainer = new Trainer(bare);
  expect(await askedBy(steps())).toEqual([1, 'M.train M.val ']);
  expect(await askedBy(steps({ train: boringLoader(5) }))).toEqual([5, 'M.val ']);
  expect(await askedBy(steps({ train: boringLoader(5), val: boringLoader(1) }))).toEqual([5, '']);
  expect(await askedBy(steps(new TrainOnly()))).toEqual([2, 'D.train M.val ']);
  expect((await askedBy(trainer.predict(module, undefined, { returnPredictions: false })))[1]).toBe('M.predict ');
  expect((await askedBy(trainer.test(module)))[1]).toBe('M.test ');
  expect((await askedBy(trainer.validate(module)))[1]).toBe('M.val ');
  module.dispose();
});

test('missing loaders, conflicting hyper-parameters, misspelled hooks, a flag out of range', async () => {
  class Empty extends LightningDataModule {}
  const module = new BoringModule();
  module.saveHyperparameters({ batchSize: 8 });
  const trainer = new Trainer({ ...bare, maxEpochs: 1 });
  const misspelled = Object.assign(new Empty(), { onAfterBatchTransfers: () => {} });
  expect({
    fit: await messageFrom(() => trainer.fit(module)),
    emptyModule: await messageFrom(() => trainer.fit(module, new Empty())),
    predict: await messageFrom(() => trainer.predict(module)),
    test: await messageFrom(() => trainer.test(module, new Empty())),
    hparams: await messageFrom(() => trainer.fit(module, new Recorded([], { batchSize: 9 }))),
    hook: await messageFrom(() => trainer.fit(module, misspelled)),
    flag: await messageFrom(() => new Trainer({ reloadDataloadersEveryNEpochs: -1 })),
  }).toMatchInlineSnapshot(`
    {
      "emptyModule": "ConfigError [missing-loader] trainer.fit: expected a data module with \`trainDataloader\`, got none.
      help: give it to \`trainer.fit\`, or return it from \`trainDataloader\` of the module or of a data module",
      "fit": "ConfigError [missing-loader] trainer.fit: expected a training loader, got none.
      help: give it to \`trainer.fit\`, or return it from \`trainDataloader\` of the module or of a data module",
      "flag": "ConfigError [invalid-option] Trainer: option \`reloadDataloadersEveryNEpochs\`: expected a whole number of at least 0, got -1 (number).",
      "hook": "ConfigError [unknown-hook] Empty.onAfterBatchTransfers: expected the name of a data module's hook, got one that is never called.
      help: did you mean \`onAfterBatchTransfer\`?",
      "hparams": "ConfigError [conflicting-hparams] The hyper-parameter \`batchSize\`: expected the same value in BoringModule and Recorded, since both are logged, got 8 (number) and 9 (number).
      help: give one of them another name, or leave it out of \`saveHyperparameters\`",
      "predict": "ConfigError [missing-loader] trainer.predict: expected a loader, got none.
      help: give it to \`trainer.predict\`, or return it from \`predictDataloader\` of the module or of a data module",
      "test": "ConfigError [missing-loader] trainer.test: expected a data module with \`testDataloader\`, got none.
      help: give it to \`trainer.test\`, or return it from \`testDataloader\` of the module or of a data module",
    }
  `);
  module.dispose();
});

test('state and hyper-parameters of a data module are in the checkpoint, come back, and are logged', async () => {
  const path = join(freshDirectory(), 'here.ckpt');
  const module = new BoringModule();
  const datamodule = new Recorded([], { batchSize: 4 });
  datamodule.state = { shard: 3 };
  let logged: unknown;
  const logHyperparams = (hparams: unknown): void => {
    logged = hparams;
  };
  const logger = Object.assign(new MemoryLogger(), { logHyperparams });
  const trainer = new Trainer({
    ...bare,
    barebones: false,
    enableProgressBar: false,
    enableModelSummary: false,
    enableCheckpointing: false,
    maxEpochs: 1,
    logger,
  });
  await trainer.fit(module, datamodule);
  expect(logged).toEqual({ batchSize: 4 });
  await trainer.saveCheckpoint(path);
  const next = new Recorded();
  await new Trainer({ ...bare, maxEpochs: 2 }).fit(module, next, { ckptPath: path });
  const order = next.trace.filter((call) => !/prepare|teardown/.test(call));
  expect(order).toEqual(['D.setup(fit)', 'D.loadStateDict({"shard":3})', 'D.val(0)', 'D.train(0)']);
  await new Trainer(bare).test(module, next, { ckptPath: path });
  expect(next.trace).toContain('D.test');
  expect(next.trace.filter((call) => call.startsWith('D.loadStateDict'))).toHaveLength(2);
  class Other extends Recorded {}
  const other = new Other();
  await new Trainer({ ...bare, maxEpochs: 2 }).fit(module, other, { ckptPath: path });
  expect(other.state).toEqual({});
  module.dispose();
});
