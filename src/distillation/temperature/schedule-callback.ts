/** What the callbacks share that set a number of the module by a schedule. */
import { z } from 'zod';
import type { Callback, ModuleView, TrainerView } from '../../core/contracts.ts';
import { ConfigError, show } from '../../core/errors.ts';
import { oneOf, parseOptions, wholeNumber } from '../../core/options.ts';
import type { ScheduleFunction } from './schedule.ts';

/** Options of {@link TemperatureCallback} and {@link WeightCallback}. */
export interface ScheduleCallbackOptions {
  /** What the schedule counts: epochs (default), or optimizer steps. */
  interval?: 'epoch' | 'step' | undefined;
  /** How many of these the schedule is spread over. Default: as many as the trainer runs. */
  epochs?: number | undefined;
}

/** Which number of the module is set, and which values it may have. */
export interface ScheduledNumber<N extends string = string> {
  readonly owner: string;
  /** The property of the module. */
  readonly property: 'temperature' | 'kdWeight';
  /** Under which it is logged. */
  readonly metric: N;
  readonly expected: string;
  readonly allows: (value: number) => boolean;
}

const schema = z.strictObject({ interval: oneOf('epoch', 'step').default('epoch'), epochs: wholeNumber(1).optional() });

/** Sets a number of the module at the start of each epoch, or before each step. Nothing but the trainer's counters is state. */
export abstract class ScheduleCallback<N extends string = string> implements Callback {
  readonly metricNames: readonly N[];
  readonly #target: ScheduledNumber<N>;
  readonly #value: ScheduleFunction;
  readonly #options: { interval: 'epoch' | 'step'; epochs?: number | undefined };

  protected constructor(target: ScheduledNumber<N>, value: ScheduleFunction, options: ScheduleCallbackOptions = {}) {
    this.#target = target;
    this.metricNames = [target.metric];
    this.#value = value;
    this.#options = parseOptions(target.owner, schema, options);
  }

  /** Also after a resume in the middle of an epoch, where the epoch does not start anew. */
  onTrainStart(trainer: TrainerView, module: ModuleView): void {
    this.#set(trainer, module);
  }

  onTrainEpochStart(trainer: TrainerView, module: ModuleView): void {
    module.log(this.#target.metric, this.#set(trainer, module));
  }

  onTrainBatchStart(trainer: TrainerView, module: ModuleView): void {
    if (this.#options.interval === 'step') this.#set(trainer, module);
  }

  #set(trainer: TrainerView, module: ModuleView): number {
    const { owner, property, expected, allows } = this.#target;
    const { currentEpoch: epoch, globalStep: step } = trainer;
    const perStep = this.#options.interval === 'step';
    const count = this.#options.epochs ?? (perStep ? trainer.estimatedSteppingBatches : trainer.maxEpochs);
    if (count === -1 || !Number.isFinite(count)) throw unlimited(owner);
    const progress = step / trainer.estimatedSteppingBatches || 0;
    const value = this.#value(perStep ? step : epoch, count, { epoch, step, progress });
    if (!(Number.isFinite(value) && allows(value))) {
      throw new ConfigError(`The ${property} of ${perStep ? `step ${step}` : `epoch ${epoch}`}`, {
        code: `invalid-${property === 'kdWeight' ? 'weight' : property}`,
        expected,
        got: show(value),
      });
    }
    if (!(property in module)) {
      throw new ConfigError(owner, {
        code: `module-without-${property === 'kdWeight' ? 'weight' : property}`,
        expected: `a DistillationModule, or a module with a \`${property}\``,
        got: module.constructor.name,
      });
    }
    (module as unknown as Record<typeof property, number>)[property] = value;
    return value;
  }
}

function unlimited(owner: string): ConfigError {
  return new ConfigError(owner, {
    code: 'unlimited-epochs',
    expected: 'a number of epochs to spread the schedule over',
    got: 'a trainer without limit',
    help: `set \`maxEpochs\`, or \`new ${owner}(schedule, { epochs })\``,
  });
}
