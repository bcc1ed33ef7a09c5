/** Amounts with a unit: one parser, and every flag that takes one says which units it takes. */
import fc from 'fast-check';
import {
  type Callback,
  EMAWeightAveraging,
  filtered,
  ModelCheckpoint,
  StochasticWeightAveraging,
  TemperatureCallback,
  Timer,
  Trainer,
  type TrainerOptions,
} from 'kelvin';
import { expect, test } from 'vitest';
import { type Amount, parseAmount } from '../../src/core/duration.ts';
import { BoringModule, bare, boringLoader } from '../support/boring.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';

assertFileLeaksNothing();

const whole = fc.nat(1_000_000);
const decimal = fc.nat(1_000_000).map((n) => n / 1000);
const TIMES = { ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 } as const;

test('property: what is written is read', () => {
  const written: fc.Arbitrary<[string, Amount]> = fc.oneof(
    fc.tuple(whole, fc.constantFrom('ba', 'ep', 'st')).map(([n, unit]) => [`${n}${unit}`, { amount: n, unit }]),
    fc.nat(100_000).map((n) => [`${n / 1000}%`, { amount: n / 1000, unit: '%' }]),
    fc.nat(1000).map((n) => [`${n / 1000}dur`, { amount: n / 1000, unit: 'dur' }]),
    fc
      .tuple(decimal, fc.constantFrom(...(Object.keys(TIMES) as (keyof typeof TIMES)[])))
      .map(([n, unit]) => [`${n}${unit}`, { amount: n * TIMES[unit], unit: 'ms' }]),
  ) as fc.Arbitrary<[string, Amount]>;
  fc.assert(fc.property(written, ([text, amount]) => void expect(parseAmount(text)).toEqual(amount)));
});

test('property: nothing else is read, and nothing throws', () => {
  const strange = fc.oneof(
    fc.string(),
    fc.anything(),
    fc.tuple(decimal, fc.string({ minLength: 1 })).map(([n, s]) => `${n} ${s}`),
  );
  fc.assert(
    fc.property(strange, (value) => {
      const amount = parseAmount(value);
      if (amount !== undefined) expect(value).toMatch(/^\d+(\.\d+)?(%|ba|ep|st|dur|ms|s|min|h|d)$/);
    }),
  );
  for (const text of ['1.5ep', '101%', '1.1dur', '-1ba', '3', 'ba', '3 ba', '1e3ba', '3constructor']) {
    expect(parseAmount(text), text).toBeUndefined();
  }
});

test("flags take counts with their unit as without: '3ep' is 3 epochs, '2ba' 2 batches, '4st' 4 steps", async () => {
  const run = async (options: TrainerOptions) => {
    const module = new BoringModule();
    let validations = 0;
    module.onValidationEnd = () => void validations++;
    const { epochs, steps } = await new Trainer({ ...bare, ...options }).fit(module, boringLoader(4), boringLoader(1));
    module.dispose();
    return { epochs, steps, validations };
  };
  expect(await run({ maxEpochs: '3ep', limitTrainBatches: '2ba' })).toEqual({ epochs: 3, steps: 6, validations: 3 });
  expect(await run({ maxSteps: '5st' })).toMatchObject({ steps: 5 });
  expect(await run({ maxEpochs: 1, valCheckInterval: '2ba' })).toEqual({ epochs: 1, steps: 4, validations: 2 });
  expect(await run({ maxEpochs: 1, overfitBatches: '1ba' })).toMatchObject({ steps: 1 });
  expect(await run({ maxEpochs: 2, valCheckInterval: '0.000001ms' })).toMatchObject({ validations: 8 }); // after every batch
  expect(await run({ maxEpochs: 2, valCheckInterval: '10d' })).toMatchObject({ validations: 0 });
  expect(await run({ maxEpochs: 1, valCheckInterval: '3ba', checkValEveryNEpoch: null })).toMatchObject({
    validations: 1,
  });
});

test('a wrong unit is an error that says which are right', async () => {
  const flag = (options: object) => messageFrom(() => new Trainer(options));
  expect({
    limit: await flag({ limitTrainBatches: '3ep' }),
    interval: await flag({ valCheckInterval: '3ep' }),
    across: await flag({ valCheckInterval: '0.5dur' }),
    nothing: await flag({ valCheckInterval: '0ba' }),
    noTime: await flag({ valCheckInterval: '0ms' }),
    epochs: await flag({ maxEpochs: '200ba' }),
    steps: await flag({ logEveryNSteps: '25%' }),
    time: await flag({ maxTime: '3ep' }),
    checkpoint: await messageFrom(() => new ModelCheckpoint({ everyNTrainSteps: '3ep' as never })),
    checkpointTime: await messageFrom(() => new ModelCheckpoint({ trainTimeInterval: '200ba' as never })),
    timer: await messageFrom(() => new Timer({ duration: '25%' as never })),
    ema: await messageFrom(() => new EMAWeightAveraging({ updateStartingAtStep: '3ep' as never })),
    filter: await messageFrom(() => filtered({}, { every: '30min' as never })),
    temperature: await messageFrom(() => new TemperatureCallback({ schedule: 'warmup', over: '25%' as never })),
    swa: await messageFrom(() => new StochasticWeightAveraging({ swaLrs: 0.1, swaEpochStart: '5min' as never })),
  }).toMatchInlineSnapshot(`
    {
      "across": "ConfigError [invalid-option] Trainer: option \`valCheckInterval\`: expected a count of at least 1, such as 200 or '200ba', a percentage above 0 such as '50%', or a time such as '30min', got '0.5dur' (string).",
      "checkpoint": "ConfigError [invalid-option] ModelCheckpoint: option \`everyNTrainSteps\`: expected a whole number of at least 1, or with its unit, such as '3st', got '3ep' (string).",
      "checkpointTime": "ConfigError [invalid-option] ModelCheckpoint: option \`trainTimeInterval\`: expected a time such as '30min' or '90s', got '200ba' (string).",
      "ema": "ConfigError [invalid-option] EMAWeightAveraging: option \`updateStartingAtStep\`: expected a step from 0, such as 100 or '100st', or a part of all, '0.5dur', got '3ep' (string).",
      "epochs": "ConfigError [invalid-option] Trainer: option \`maxEpochs\`: expected a whole number of at least -1, or with its unit, such as '3ep', got '200ba' (string).",
      "filter": "ConfigError [invalid-filter] Event filter: \`every\`: expected a whole number of at least 1, or '2ep', '100ba', '50st', '0.5dur', got '30min' (string).",
      "interval": "ConfigError [invalid-option] Trainer: option \`valCheckInterval\`: expected a count of at least 1, such as 200 or '200ba', a percentage above 0 such as '50%', or a time such as '30min', got '3ep' (string).",
      "limit": "ConfigError [invalid-option] Trainer: option \`limitTrainBatches\`: expected a count of at least 0, such as 10 or '10ba', or a percentage such as '25%', got '3ep' (string).",
      "noTime": "ConfigError [invalid-option] Trainer: option \`valCheckInterval\`: expected a count of at least 1, such as 200 or '200ba', a percentage above 0 such as '50%', or a time such as '30min', got '0ms' (string).",
      "nothing": "ConfigError [invalid-option] Trainer: option \`valCheckInterval\`: expected a count of at least 1, such as 200 or '200ba', a percentage above 0 such as '50%', or a time such as '30min', got '0ba' (string).",
      "steps": "ConfigError [invalid-option] Trainer: option \`logEveryNSteps\`: expected a whole number of at least 0, or with its unit, such as '3st', got '25%' (string).",
      "swa": "ConfigError [invalid-option] StochasticWeightAveraging: option \`swaEpochStart\`: expected an epoch from 1, such as 15 or '15ep', or a part of the training, such as '80%' or '0.8dur', got '5min' (string).",
      "temperature": "ConfigError [invalid-option] TemperatureCallback: option \`over\`: expected a whole number of at least 1, or a part of the run above 0 such as '0.25dur', got '25%' (string).",
      "time": "ConfigError [invalid-option] Trainer: option \`maxTime\`: expected a time such as '30min', '90s' or '2h', got '3ep' (string).",
      "timer": "ConfigError [invalid-option] Timer: option \`duration\`: expected a time such as '30min' or '90s', or '3ep', '200ba', '50st', '0.5dur', got '25%' (string).",
    }
  `);
});

test("'0.5dur' is half of the optimizer steps of the training: filters, EMA, SWA", async () => {
  const steps: Record<string, number[]> = { after: [], once: [], every: [] };
  const noting = (name: string): Callback => ({
    onTrainBatchEnd: ({ globalStep }) => void steps[name]?.push(globalStep),
  });
  const ema = new EMAWeightAveraging({ updateStartingAtStep: '0.75dur' });
  const swa = new StochasticWeightAveraging({ swaLrs: 0.1, swaEpochStart: '0.5dur', annealingEpochs: 0 });
  const train = async (...callbacks: Callback[]) => {
    const module = new BoringModule();
    await new Trainer({ ...bare, maxEpochs: 4, callbacks }).fit(module, boringLoader(2));
    module.dispose();
  };
  await train(
    filtered(noting('after'), { after: '0.5dur' }),
    filtered(noting('once'), { once: '0.5dur' }),
    filtered(noting('every'), { every: '0.25dur' }),
    ema,
  );
  await train(swa);
  expect(steps).toEqual({ after: [5, 6, 7, 8], once: [4], every: [2, 4, 6, 8] });
  expect([ema.updates, swa.averages]).toEqual([2, 3]);
});

test("schedules of the temperature take a part of the run: '0.5dur' of 8 epochs is 4", async () => {
  const seen: Record<string, number[]> = { 4: [], '0.5dur': [] };
  for (const over of [4, '0.5dur'] as const) {
    const module = Object.assign(new BoringModule(), { temperature: 1 });
    module.onTrainBatchStart = () => void seen[over]?.push(module.temperature);
    const callbacks = new TemperatureCallback({ schedule: 'warmup', start: 1, end: 9, over });
    await new Trainer({ ...bare, maxEpochs: 8, callbacks }).fit(module, boringLoader(1));
    module.dispose();
  }
  expect(seen['4']).toEqual([1, 3, 5, 7, 9, 9, 9, 9]);
  expect(seen['0.5dur']).toEqual(seen['4']);
});
