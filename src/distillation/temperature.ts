/** How the temperature of a distillation changes over the epochs, and the callback that changes it. */
import { z } from 'zod';
import type { Callback, ModuleView, TrainerView } from '../core/contracts.ts';
import { ConfigError, show } from '../core/errors.ts';
import { flag, parseOptions, positiveNumber, wholeNumber } from '../core/options.ts';

/** A temperature of one's own: a function of the epoch, counted from 0, and of how many there are. */
export type TemperatureFunction = (epoch: number, epochs: number) => number;

/** How the temperature changes. */
export type TemperatureSchedule =
  | { readonly schedule: 'constant'; readonly value?: number | undefined }
  | {
      /** From `start` (5) towards `end` (1): `end + (start - end)(1 - e/E)`; by default `1 + 4(1 - e/E)`. */
      readonly schedule: 'linear' | 'cosine';
      readonly start?: number | undefined;
      readonly end?: number | undefined;
      /** Reach `end` in the last epoch: divide by `E - 1`. Default `false`, as the linear form was published. */
      readonly endInclusive?: boolean | undefined;
    }
  | {
      /** `start` (5), multiplied by `gamma` (0.5) every `every` epochs, never below `end` (1). */
      readonly schedule: 'step';
      readonly start?: number | undefined;
      readonly end?: number | undefined;
      readonly gamma?: number | undefined;
      readonly every: number;
    }
  | TemperatureFunction;

const schemas = {
  constant: z.strictObject({ schedule: z.literal('constant'), value: positiveNumber().default(4) }),
  linear: z.strictObject({
    schedule: z.enum(['linear', 'cosine']),
    start: positiveNumber().default(5),
    end: positiveNumber().default(1),
    endInclusive: flag().default(false),
  }),
  step: z.strictObject({
    schedule: z.literal('step'),
    start: positiveNumber().default(5),
    end: positiveNumber().default(1),
    gamma: positiveNumber().default(0.5),
    every: wholeNumber(1),
  }),
};

/**
 * Turns a schedule into a function of the epoch.
 *
 * @throws ConfigError `invalid-option`, `unknown-option`
 *
 * @example
 * ```ts
 * const temperature = temperatureFunction({ schedule: 'linear' });
 * temperature(0, 10); // 5
 * temperature(9, 10); // 1.4
 * ```
 */
export function temperatureFunction(schedule: TemperatureSchedule): TemperatureFunction {
  if (typeof schedule === 'function') return schedule;
  switch (schedule?.schedule) {
    case 'constant': {
      const { value } = parseOptions('TemperatureCallback', schemas.constant, schedule);
      return () => value;
    }
    case 'linear':
    case 'cosine': {
      const { start, end, endInclusive } = parseOptions('TemperatureCallback', schemas.linear, schedule);
      const shape =
        schedule.schedule === 'linear' ? (t: number) => 1 - t : (t: number) => (1 + Math.cos(Math.PI * t)) / 2;
      return (epoch, epochs) => {
        const last = endInclusive ? Math.max(1, epochs - 1) : epochs;
        return end + (start - end) * shape(Math.min(1, epoch / last));
      };
    }
    case 'step': {
      const { start, end, gamma, every } = parseOptions('TemperatureCallback', schemas.step, schedule);
      return (epoch) => Math.max(end, start * gamma ** Math.floor(epoch / every));
    }
    default:
      throw new ConfigError('TemperatureCallback: option `schedule`', {
        code: 'invalid-option',
        expected: "'constant', 'linear', 'cosine', 'step' or a function",
        got: show((schedule as { schedule?: unknown } | undefined)?.schedule),
      });
  }
}

/** A module that has a temperature: DistillationModule. */
interface HasTemperature {
  temperature: number;
}

/**
 * Sets the temperature of a DistillationModule at the start of each epoch, and logs it as `temperature`.
 *
 * @throws ConfigError when the module has no temperature, when the number of epochs is unlimited and `epochs` not given,
 * or when the schedule gives anything but a number above 0
 *
 * @example
 * ```ts
 * new TemperatureCallback({ schedule: 'linear', start: 5, end: 1 })
 * new TemperatureCallback((epoch, epochs) => 8 * 0.5 ** (epoch / epochs))
 * ```
 */
export class TemperatureCallback implements Callback {
  readonly #temperature: TemperatureFunction;
  readonly #epochs: number | undefined;

  constructor(schedule: TemperatureSchedule, { epochs }: { epochs?: number | undefined } = {}) {
    this.#temperature = temperatureFunction(schedule);
    this.#epochs = epochs;
  }

  /** Also after a resume in the middle of an epoch, where the epoch does not start anew. */
  onTrainStart(trainer: TrainerView, module: ModuleView): void {
    this.#set(trainer, module);
  }

  onTrainEpochStart(trainer: TrainerView, module: ModuleView): void {
    module.log('temperature', this.#set(trainer, module));
  }

  #set(trainer: TrainerView, module: ModuleView): number {
    const epochs = this.#epochs ?? trainer.maxEpochs;
    if (epochs === -1) {
      throw new ConfigError('TemperatureCallback', {
        code: 'unlimited-epochs',
        expected: 'a number of epochs to spread the schedule over',
        got: 'a trainer without limit',
        help: 'set `maxEpochs`, or `new TemperatureCallback(schedule, { epochs })`',
      });
    }
    const value = this.#temperature(trainer.currentEpoch, epochs);
    if (!(Number.isFinite(value) && value > 0)) {
      throw new ConfigError(`The temperature of epoch ${trainer.currentEpoch}`, {
        code: 'invalid-temperature',
        expected: 'a finite number above 0',
        got: show(value),
      });
    }
    if (!('temperature' in module)) {
      throw new ConfigError('TemperatureCallback', {
        code: 'module-without-temperature',
        expected: 'a DistillationModule, or a module with a `temperature`',
        got: module.constructor.name,
      });
    }
    (module as unknown as HasTemperature).temperature = value;
    return value;
  }
}
