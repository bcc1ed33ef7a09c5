/** Changes the number of accumulated batches from epoch to epoch. */
import type { Callback, ModuleView, TrainerView } from '../core/contracts.ts';
import { ConfigError, show } from '../core/errors.ts';

const EXPECTED = 'an object from epochs, at least 0, to counts of batches, at least 1: `{ 0: 1, 4: 2 }`';

/**
 * Accumulates the gradients of `scheduling[epoch]` batches into one optimizer step, from that epoch on. Before the first
 * epoch given, of one batch. `trainer.estimatedSteppingBatches` reckons with it.
 *
 * @param scheduling from epochs, counted from 0, to counts of batches
 * @throws ConfigError `invalid-option` for an empty or wrong schedule; at the start of training `conflicting-options` when
 * the trainer's `accumulateGradBatches` is set as well, `manual-optimization` when the module optimizes by hand
 *
 * @example
 * ```ts
 * new GradientAccumulationScheduler({ 0: 8, 4: 4, 8: 1 })   // from epoch 8 on no accumulation
 * ```
 */
export class GradientAccumulationScheduler implements Callback {
  readonly #entries: readonly (readonly [epoch: number, batches: number])[];

  constructor(scheduling: Readonly<Record<number, number>>) {
    if (typeof scheduling !== 'object' || scheduling === null || Object.keys(scheduling).length === 0)
      throw wrong(scheduling);
    this.#entries = Object.entries(scheduling).map(([epoch, batches]) => {
      if (!/^\d+$/.test(epoch) || !Number.isInteger(batches) || batches < 1) throw wrong(scheduling);
      return [Number(epoch), batches] as const;
    });
  }

  onFitStart(trainer: TrainerView, module: ModuleView): void {
    if (!module.automaticOptimization) throw byHand(module);
    if (trainer.accumulateGradBatches === 1) return;
    throw new ConfigError('GradientAccumulationScheduler', {
      code: 'conflicting-options',
      expected: 'a trainer whose `accumulateGradBatches` is left at 1',
      got: String(trainer.accumulateGradBatches),
      help: 'put the count into the schedule: `{ 0: n }`',
    });
  }

  onTrainStart(trainer: TrainerView): void {
    this.#apply(trainer); // a run that is resumed within an epoch does not begin it again
  }

  onTrainEpochStart(trainer: TrainerView): void {
    this.#apply(trainer);
  }

  /** The count of batches in an epoch, counted from 0. */
  batchesAt(epoch: number): number {
    const begun = this.#entries.filter(([first]) => first <= epoch);
    return begun.sort(([a], [b]) => b - a)[0]?.[1] ?? 1;
  }

  #apply(trainer: TrainerView): void {
    trainer.accumulateGradBatches = this.batchesAt(trainer.currentEpoch);
  }
}

function byHand(module: ModuleView): ConfigError {
  return new ConfigError('GradientAccumulationScheduler', {
    code: 'manual-optimization',
    expected: 'a module that the trainer optimizes',
    got: `${module.constructor.name}, which does it by hand`,
    help: 'accumulate in `trainingStep`, or leave out `automaticOptimization = false`',
  });
}

function wrong(got: unknown): ConfigError {
  return new ConfigError('GradientAccumulationScheduler: option `scheduling`', {
    code: 'invalid-option',
    expected: EXPECTED,
    got: show(got),
  });
}
