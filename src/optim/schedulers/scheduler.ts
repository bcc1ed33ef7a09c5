/**
 * What every learning rate scheduler is: a pure function from a count of steps to the settings of each parameter
 * group, and the count. Being closed forms, schedules can be plotted ahead, nested, and resumed from the count alone.
 */
import { CheckpointError, show } from '../../core/errors.ts';
import type { Optimizer } from '../optimizer.ts';
import type { ParamGroup } from '../param-groups.ts';

/** What a scheduler sets in one parameter group. */
export interface ScheduledSettings {
  readonly lr: number;
  /** Momentum, or Adam's beta1: whichever the group has. */
  readonly momentum?: number | undefined;
}

/** A scheduler's saved state: plain data. */
export type LRSchedulerState = {
  readonly type: string;
  readonly lastEpoch: number;
  readonly lastLr: readonly number[];
  /** The rates of the groups that the schedule starts from. */
  readonly initialLrs: readonly number[];
};

/**
 * The base of all schedulers but {@link ReduceLROnPlateau}. As in PyTorch, constructing one sets the initial learning
 * rates, and `step()` is called after the optimizer's: once per epoch or once per step, whichever its numbers count.
 *
 * To write one, extend this class, implement {@link LRScheduler.at}, and call `this.start()` last in the constructor.
 *
 * @example
 * ```ts
 * const scheduler = new CosineAnnealingLR(optimizer, { tMax: 20 });
 * for (let epoch = 0; epoch < 20; epoch++) { trainOneEpoch(); scheduler.step(); }
 * ```
 */
export abstract class LRScheduler {
  /** Told apart from ReduceLROnPlateau, whose `step` takes a metric. */
  readonly needsMetric = false;
  readonly optimizer: Optimizer;
  #lastEpoch = 0;
  #lastLr: number[] = [];

  protected constructor(optimizer: Optimizer) {
    this.optimizer = optimizer;
  }

  /** Calls of `step()` so far. */
  get lastEpoch(): number {
    return this.#lastEpoch;
  }

  /** The learning rates that were set last, by group. */
  get lastLr(): number[] {
    return [...this.#lastLr];
  }

  /** The settings of each group after `epoch` calls of `step()`. Changes nothing. */
  abstract at(epoch: number): ScheduledSettings[];

  /** Sets the learning rates for the next epoch or step. */
  step(): void {
    const settings = this.at(this.#lastEpoch + 1);
    this.#lastEpoch += 1;
    this.#apply(settings);
  }

  /** What has to be saved for an exact resume. */
  stateDict(): LRSchedulerState {
    return {
      type: this.constructor.name,
      lastEpoch: this.#lastEpoch,
      lastLr: this.lastLr,
      initialLrs: this.optimizer.paramGroups.map(initialLrOf),
    };
  }

  /**
   * Takes over a saved state. The optimizer's learning rates are part of the optimizer's own state.
   *
   * @throws CheckpointError when the state is another scheduler's
   */
  loadStateDict(state: LRSchedulerState): void {
    checkSchedulerType(state, this.constructor.name);
    this.#lastEpoch = state.lastEpoch;
    this.#lastLr = [...state.lastLr];
    this.optimizer.paramGroups.forEach((group, index) => {
      group.initialLr = state.initialLrs[index] ?? group.initialLr;
    });
  }

  /** Sets the initial learning rates. */
  protected start(): void {
    this.#apply(this.at(0));
  }

  /** The settings of each group, from the rate that the group started with. */
  protected scaled(rateOf: (initialLr: number, group: ParamGroup, index: number) => number): ScheduledSettings[] {
    return this.optimizer.paramGroups.map((group, index) => ({ lr: rateOf(initialLrOf(group), group, index) }));
  }

  #apply(settings: readonly ScheduledSettings[]): void {
    this.optimizer.paramGroups.forEach((group, index) => {
      const { lr, momentum } = settings[index] as ScheduledSettings;
      group.lr = lr;
      if (momentum !== undefined) setMomentum(group, momentum);
    });
    this.#lastLr = settings.map(({ lr }) => lr);
  }
}

/** The rate that a group started with; remembered from the first call on. */
export function initialLrOf(group: ParamGroup): number {
  group.initialLr ??= group.lr;
  return group.initialLr;
}

/** Sets what plays the part of momentum in a group. */
function setMomentum(group: ParamGroup, momentum: number): void {
  if (group.betas) group.betas = [momentum, group.betas[1]];
  else group.momentum = momentum;
}

/** Throws when a state was written by another scheduler. */
export function checkSchedulerType(state: { readonly type: string }, type: string): void {
  if (state.type === type) return;
  throw new CheckpointError(`${type}: the saved state is another scheduler's`, {
    code: 'scheduler-type',
    expected: `the state of ${type}`,
    got: show(state.type),
    help: 'resume with the scheduler that the checkpoint was written with',
  });
}
