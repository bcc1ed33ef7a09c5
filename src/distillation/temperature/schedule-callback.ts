/** What the callbacks share that set a number of the module by a schedule. */
import { z } from 'zod';
import type { Callback, ModuleView, TrainerView } from '../../core/contracts.ts';
import { parseAmount } from '../../core/duration.ts';
import { ConfigError, show } from '../../core/errors.ts';
import { anyThat, oneOf, parseOptions } from '../../core/options.ts';
import { type EpochCount, isEpochCount } from '../../core/training-time.ts';
import type { ScheduleFunction } from './schedule.ts';

/** Options of {@link TemperatureCallback} and {@link WeightCallback}. */
export interface ScheduleCallbackOptions {
  /** What the schedule counts: epochs (default), or optimizer steps. */
  interval?: 'epoch' | 'step' | undefined;
  /**
   * How many of these the schedule is spread over: `10`, with a unit `'10ep'` or, by steps, `'500st'`, or a part of the
   * training, `'0.5dur'`. Default: as many as the trainer runs.
   */
  epochs?: EpochCount | `${number}st` | undefined;
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

const schema = z.strictObject({
  interval: oneOf('epoch', 'step').default('epoch'),
  epochs: anyThat<EpochCount | `${number}st`>(
    "a count of at least 1, such as 10, '10ep' or '500st', or a part of the training, such as '0.5dur'",
    (value) => isEpochCount(value, 1) || isSteps(value),
  ).optional(),
});

const isSteps = (value: unknown): boolean => {
  const given = parseAmount(value);
  return given?.unit === 'st' && given.amount >= 1;
};

/** Sets a number of the module at the start of each epoch, or before each step. Nothing but the trainer's counters is state. */
export abstract class ScheduleCallback<N extends string = string> implements Callback {
  readonly metricNames: readonly N[];
  readonly #target: ScheduledNumber<N>;
  readonly #value: ScheduleFunction;
  readonly #options: z.output<typeof schema>;

  protected constructor(target: ScheduledNumber<N>, value: ScheduleFunction, options: ScheduleCallbackOptions = {}) {
    this.#target = target;
    this.metricNames = [target.metric];
    this.#value = value;
    this.#options = parseOptions(target.owner, schema, options);
    if (this.#options.interval === 'epoch' && isSteps(this.#options.epochs))
      throw stepsOfEpochs(target.owner, this.#options.epochs);
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
    const count = this.#count(trainer);
    if (count < 1 || !Number.isFinite(count)) throw unlimited(owner);
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
  /** Epochs or steps that the schedule is spread over; below 1 or infinite when nothing limits them. */
  #count({ estimatedSteppingBatches, maxEpochs, numTrainingBatches, accumulateGradBatches }: TrainerView): number {
    const { interval, epochs } = this.#options;
    const whole = interval === 'step' ? estimatedSteppingBatches : maxEpochs;
    if (typeof epochs === 'number') return epochs;
    const given = parseAmount(epochs);
    if (given === undefined) return whole;
    if (given.unit === 'dur') return whole === -1 ? whole : Math.max(1, Math.round(whole * given.amount));
    if (given.unit === 'st' || interval === 'epoch') return given.amount;
    return given.amount * Math.ceil(numTrainingBatches / accumulateGradBatches);
  }
}

function stepsOfEpochs(owner: string, got: unknown): ConfigError {
  return new ConfigError(`${owner}: option \`epochs\``, {
    code: 'invalid-option',
    expected: "epochs, such as '10ep', since the schedule counts epochs",
    got: show(got),
    help: "add `interval: 'step'` for a schedule that counts optimizer steps",
  });
}

function unlimited(owner: string): ConfigError {
  return new ConfigError(owner, {
    code: 'unlimited-epochs',
    expected: 'a number of epochs to spread the schedule over',
    got: 'a trainer without limit',
    help: `set \`maxEpochs\`, or \`new ${owner}(schedule, { epochs })\``,
  });
}
