/** The callback that changes the temperature of a distillation. */
import { positiveNumber } from '../../core/options.ts';
import { type NamedSchedule, type ScheduleFunction, scheduleFunction } from './schedule.ts';
import { ScheduleCallback, type ScheduleCallbackOptions } from './schedule-callback.ts';

/** A temperature of one's own: a function of the epoch, counted from 0, and of how many there are. */
export type TemperatureFunction = ScheduleFunction;

/** How the temperature changes. By default it begins at 5 and ends at 1; a constant one is 4. */
export type TemperatureSchedule = NamedSchedule | TemperatureFunction;

const quantity = { owner: 'TemperatureCallback', constant: 4, start: 5, end: 1, number: positiveNumber };

/**
 * Turns a schedule into a function of the epoch.
 *
 * @throws ConfigError `invalid-option`, `unknown-option`
 *
 * @example
 * ```ts
 * const temperature = temperatureFunction({ schedule: 'linear' });
 * temperature(0, 10, { epoch: 0, step: 0, progress: 0 }); // 5
 * ```
 */
export function temperatureFunction(schedule: TemperatureSchedule): TemperatureFunction {
  return scheduleFunction(quantity, schedule);
}

/**
 * Sets the temperature of a DistillationModule or Distiller at the start of each epoch, and logs it as `temperature`. With
 * `interval: 'step'` the schedule counts optimizer steps.
 *
 * @throws ConfigError when the module has no temperature, when the number of epochs is unlimited and `epochs` not given,
 * or when the schedule gives anything but a number above 0
 *
 * @example
 * ```ts
 * new TemperatureCallback({ schedule: 'linear', start: 5, end: 1 })
 * new TemperatureCallback((epoch, epochs) => 8 * 0.5 ** (epoch / epochs))
 * new TemperatureCallback((_step, _steps, { progress }) => 1 + 4 * (1 - progress), { interval: 'step' })
 * ```
 */
export class TemperatureCallback extends ScheduleCallback<'temperature'> {
  constructor(schedule: TemperatureSchedule, options: ScheduleCallbackOptions = {}) {
    super(
      {
        owner: 'TemperatureCallback',
        property: 'temperature',
        metric: 'temperature',
        expected: 'a finite number above 0',
        allows: (value) => value > 0,
      },
      temperatureFunction(schedule),
      options,
    );
  }
}
