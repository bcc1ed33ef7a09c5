/** Defaults of flags from the environment, and runs that an AbortSignal ends. */
import { Trainer } from 'kelvin';
import { afterEach, expect, test } from 'vitest';
import { BoringModule, bare, boringLoader } from '../support/boring.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';

assertFileLeaksNothing();

const set = (variables: Record<string, string>): void => void Object.assign(process.env, variables);
afterEach(() => {
  for (const name of Object.keys(process.env)) if (name.startsWith('KELVIN_TRAINER_')) delete process.env[name];
});

test('flags that are left out come from the environment, checked; what is given in code goes first', () => {
  set({
    KELVIN_TRAINER_MAX_EPOCHS: '7',
    KELVIN_TRAINER_MIN_STEPS: '2',
    KELVIN_TRAINER_LIMIT_TRAIN_BATCHES: '25%',
    KELVIN_TRAINER_MAX_TIME: '30min',
    KELVIN_TRAINER_VAL_CHECK_INTERVAL: '4',
    KELVIN_TRAINER_CHECK_VAL_EVERY_N_EPOCH: 'null',
    KELVIN_TRAINER_TERMINATE_ON_NAN: 'false',
  });
  const { options } = new Trainer({ ...bare, minSteps: 5, maxEpochs: undefined });
  expect(options).toMatchObject({
    maxEpochs: 7,
    minSteps: 5,
    limitTrainBatches: '25%',
    maxTime: '30min',
    valCheckInterval: 4,
    checkValEveryNEpoch: null,
    terminateOnNaN: false,
  });
});

test('a variable that is wrong or unknown is an error that names it', async () => {
  const text = (variables: Record<string, string>): Promise<string> => {
    set(variables);
    return messageFrom(() => new Trainer(bare));
  };
  expect(await text({ KELVIN_TRAINER_MAX_EPOCHS: 'many' })).toMatchInlineSnapshot(
    `"ConfigError [invalid-option] Environment: variable \`KELVIN_TRAINER_MAX_EPOCHS\`: expected a whole number of at least -1, or with its unit, such as '3ep', got 'many'."`,
  );
  delete process.env.KELVIN_TRAINER_MAX_EPOCHS;
  expect(await text({ KELVIN_TRAINER_MAX_EPOCH: '3' })).toMatchInlineSnapshot(`
    "ConfigError [unknown-option] Environment: unknown option \`KELVIN_TRAINER_MAX_EPOCH\`.
      help: did you mean \`KELVIN_TRAINER_MAX_EPOCHS\`?"
  `);
});

test('an AbortSignal ends a fit after the running batch, as Ctrl-C does', () =>
  expectNoLeak(async () => {
    const module = new BoringModule();
    const trainer = new Trainer({ ...bare, maxEpochs: 3 });
    const controller = new AbortController();
    const heard: string[] = [];
    trainer.on('trainBatchStart', (_batch, batchIdx) => void (batchIdx === 1 && controller.abort()));
    trainer.on('interrupt', () => void heard.push('interrupt'));
    const { signal } = controller;
    expect(await trainer.fit(module, boringLoader(4), undefined, { signal })).toMatchObject({
      status: 'interrupted',
      batches: 2,
    });
    expect(heard).toEqual(['interrupt']);
    expect(await trainer.fit(module, { train: boringLoader(4), signal })).toMatchObject({ batches: 2 });
    expect(await trainer.fit(module, boringLoader(4))).toMatchObject({ status: 'finished' });
    module.dispose();
  }));

test('an AbortSignal ends validate, test and predict', () =>
  expectNoLeak(async () => {
    const module = new BoringModule();
    const trainer = new Trainer(bare);
    const seen: string[] = [];
    const stages = ['validation', 'test', 'predict'] as const;
    for (const stage of stages) {
      const controller = new AbortController();
      const { signal } = controller;
      trainer.once(`${stage}BatchEnd`, () => controller.abort());
      trainer.on(`${stage}BatchStart`, () => void seen.push(stage));
      const options = { signal, returnPredictions: false };
      if (stage === 'validation') await trainer.validate(module, boringLoader(3), { signal });
      else if (stage === 'test') await trainer.test(module, boringLoader(3), { signal });
      else await trainer.predict(module, boringLoader(3), options);
      expect(trainer.status).toBe('interrupted');
    }
    expect(seen).toEqual(['validation', 'test', 'predict']);
    const wrong = { signal: 'now' } as never;
    expect(await messageFrom(() => trainer.test(module, boringLoader(1), wrong))).toMatchInlineSnapshot(
      `"ConfigError [invalid-option] trainer.test: option \`signal\`: expected an AbortSignal, got 'now' (string)."`,
    );
    module.dispose();
  }));
