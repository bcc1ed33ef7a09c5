/** The values of the temperature schedules, and what TemperatureCallback refuses. */
import { TemperatureCallback, type TemperatureSchedule, Trainer, temperatureFunction } from 'kelvin';
import { expect, test } from 'vitest';
import { BoringModule, bare, boringLoader } from '../support/boring.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';

assertFileLeaksNothing();

const values = (schedule: TemperatureSchedule, epochs: number) =>
  Array.from({ length: epochs }, (_, epoch) =>
    Number(temperatureFunction(schedule)(epoch, epochs, { epoch, step: 0, progress: 0 }).toFixed(12)),
  );

test.for<[string, TemperatureSchedule, number[]]>([
  ['constant', { schedule: 'constant' }, [4, 4, 4, 4]],
  ['constant 7', { schedule: 'constant', value: 7 }, [7, 7, 7, 7]],
  ['1 + 4(1 - e/E)', { schedule: 'linear' }, [5, 4, 3, 2]],
  ['linear to the end', { schedule: 'linear', start: 10, end: 1, endInclusive: true }, [10, 7, 4, 1]],
  ['linear upwards', { schedule: 'linear', start: 1, end: 9 }, [1, 3, 5, 7]],
  [
    'cosine',
    { schedule: 'cosine', start: 5, end: 1 },
    [5, 3 + Math.SQRT2, 3, 3 - Math.SQRT2].map((x) => Number(x.toFixed(12))),
  ],
  ['cosine to the end', { schedule: 'cosine', start: 5, end: 1, endInclusive: true }, [5, 4, 2, 1]],
  ['steps', { schedule: 'step', start: 8, every: 2 }, [8, 8, 4, 4]],
  ['steps to a floor', { schedule: 'step', start: 8, every: 1, gamma: 0.25, end: 1.5 }, [8, 2, 1.5, 1.5]],
  ['exponential', { schedule: 'exponential', start: 16, end: 1 }, [16, 8, 4, 2]],
  ['exponential to the end', { schedule: 'exponential', start: 8, end: 1, endInclusive: true }, [8, 4, 2, 1]],
  ['warmed up', { schedule: 'warmup', start: 1, end: 5, over: 2 }, [1, 3, 5, 5]],
  ['a function', (epoch, epochs) => 1 + epoch / epochs, [1, 1.25, 1.5, 1.75]],
])('%s', ([, schedule, expected]) => {
  expect(values(schedule, 4)).toEqual(expected);
});

test('one epoch begins at the start', () => {
  expect(values({ schedule: 'linear', endInclusive: true }, 1)).toEqual([5]);
});

test('what is wrong is said, when it is given or when it comes up', () =>
  expectNoLeak(async () => {
    const train = async (
      callback: TemperatureCallback,
      options: object = {},
      temperature: object = { temperature: 1 },
    ) => {
      const module = Object.assign(new BoringModule(), temperature);
      const trainer = new Trainer({ ...bare, maxEpochs: 2, callbacks: callback, ...options });
      return messageFrom(() => trainer.fit(module, boringLoader(1)).finally(() => module.dispose()));
    };
    expect({
      schedule: await messageFrom(() => temperatureFunction({ schedule: 'quadratic' } as never)),
      unknown: await messageFrom(() => new TemperatureCallback({ schedule: 'linear', begin: 3 } as never)),
      every: await messageFrom(() => new TemperatureCallback({ schedule: 'step' } as never)),
      start: await messageFrom(() => new TemperatureCallback({ schedule: 'cosine', start: 0 })),
      value: await train(new TemperatureCallback((epoch) => 1 - epoch)),
      unlimited: await train(new TemperatureCallback({ schedule: 'linear' }), { maxEpochs: -1, maxSteps: 1 }),
      module: await train(new TemperatureCallback({ schedule: 'linear' }), {}, {}),
      withEpochs: await train(new TemperatureCallback({ schedule: 'linear' }, { epochs: 3 }), {
        maxEpochs: -1,
        maxSteps: 1,
      }),
    }).toMatchInlineSnapshot(`
      {
        "every": "ConfigError [invalid-option] TemperatureCallback: option \`every\`: expected a whole number of at least 1, or a part of the run above 0 such as '0.25dur', got undefined.",
        "module": "ConfigError [module-without-temperature] TemperatureCallback: expected a DistillationModule, or a module with a \`temperature\`, got BoringModule.",
        "schedule": "ConfigError [invalid-option] TemperatureCallback: option \`schedule\`: expected 'constant', 'linear', 'cosine', 'exponential', 'step', 'warmup' or a function, got 'quadratic' (string).",
        "start": "ConfigError [invalid-option] TemperatureCallback: option \`start\`: expected a number above 0, got 0 (number).",
        "unknown": "ConfigError [unknown-option] TemperatureCallback: unknown option \`begin\`.
        help: known options: schedule, start, end, endInclusive",
        "unlimited": "ConfigError [unlimited-epochs] TemperatureCallback: expected a number of epochs to spread the schedule over, got a trainer without limit.
        help: set \`maxEpochs\`, or \`new TemperatureCallback(schedule, { epochs })\`",
        "value": "ConfigError [invalid-temperature] The temperature of epoch 1: expected a finite number above 0, got 0 (number).",
        "withEpochs": "nothing was thrown",
      }
    `);
  }));
