/** The callback that changes how much the distillation counts. */
import { numberBetween } from '../../core/options.ts';
import { type NamedSchedule, type ScheduleFunction, scheduleFunction } from './schedule.ts';
import { ScheduleCallback, type ScheduleCallbackOptions } from './schedule-callback.ts';

const quantity = {
  owner: 'WeightCallback',
  constant: 1,
  start: 0,
  end: 1,
  number: () => numberBetween(0, Number.POSITIVE_INFINITY),
};

/**
 * Multiplies the configured weight of the distillation by a factor that changes with time, and logs that as `kd_weight`: by
 * default from 0 to 1. The balancer says what the student's own loss gets: the rest with `StaticLossBalancer`, always the
 * same with `SumLossBalancer`.
 *
 * @throws ConfigError as {@link TemperatureCallback}; the weight may be 0
 *
 * @example
 * ```ts
 * new WeightCallback({ schedule: 'warmup', over: 20 })   // DKD: min(epoch / 20, 1)
 * ```
 */
export class WeightCallback extends ScheduleCallback<'kd_weight'> {
  constructor(schedule: NamedSchedule | ScheduleFunction, options: ScheduleCallbackOptions = {}) {
    super(
      {
        owner: 'WeightCallback',
        property: 'kdWeight',
        metric: 'kd_weight',
        expected: 'a finite number from 0',
        allows: (value) => value >= 0,
      },
      scheduleFunction(quantity, schedule),
      options,
    );
  }
}
