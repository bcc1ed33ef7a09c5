/** Changes the number of accumulated batches from epoch to epoch. */
import type { Callback, ModuleView, TrainerView } from '../core/contracts.ts';
import { ConfigError, show } from '../core/errors.ts';
import { type EpochCount, epochsOf, isEpochCount } from '../core/training-time.ts';

const OPTION = 'GradientAccumulationScheduler: option `scheduling`';

const EXPECTED =
  "an object from epochs, such as 4, '4ep' or '0.5dur', to counts of batches, at least 1: `{ 0: 1, '4ep': 2 }`";

/**
 * Accumulates the gradients of `scheduling[epoch]` batches into one optimizer step, from that epoch on. Before the first
 * epoch given, of one batch. `trainer.estimatedSteppingBatches` reckons with it.
 *
 * @param scheduling from epochs, counted from 0, or parts of the training, to counts of batches
 * @throws ConfigError `invalid-option` for an empty or wrong schedule; at the start of training `conflicting-options` when
 * the trainer's `accumulateGradBatches` is set as well, `manual-optimization` when the module optimizes by hand
 *
 * @example
 * ```ts
 * new GradientAccumulationScheduler({ 0: 8, 4: 4, 8: 1 })   // from epoch 8 on no accumulation
 * new GradientAccumulationScheduler({ '0ep': 4, '0.5dur': 1 })
 * ```
 */
export class GradientAccumulationScheduler implements Callback {
  readonly #entries: readonly (readonly [epoch: EpochCount, batches: number])[];

  constructor(scheduling: Readonly<Partial<Record<EpochCount, number>>>) {
    if (typeof scheduling !== 'object' || scheduling === null || Object.keys(scheduling).length === 0)
      throw wrong(scheduling);
    this.#entries = Object.entries(scheduling).map(([key, batches = 0]) => {
      const epoch = /^\d+$/.test(key) ? Number(key) : key;
      if (!isEpochCount(epoch, 0) || !Number.isInteger(batches) || batches < 1) throw wrong(scheduling);
      return [epoch, batches] as const;
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

  /** The count of batches in an epoch, counted from 0, of a training of `maxEpochs`. */
  batchesAt(epoch: number, maxEpochs = -1): number {
    const entries = this.#entries.map(([first, batches]) => [epochsOf(first, maxEpochs, OPTION), batches] as const);
    const begun = entries.filter(([first]) => first <= epoch);
    return begun.sort(([a], [b]) => b - a)[0]?.[1] ?? 1;
  }

  #apply(trainer: TrainerView): void {
    trainer.accumulateGradBatches = this.batchesAt(trainer.currentEpoch, trainer.maxEpochs);
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
  return new ConfigError(OPTION, {
    code: 'invalid-option',
    expected: EXPECTED,
    got: show(got),
  });
}
