/** LearningRateMonitor: logs the learning rates, so that a schedule can be seen beside the loss. */
import { z } from 'zod';
import type { Callback, JsonObject, TrainerView } from '../core/contracts.ts';
import { ConfigError } from '../core/errors.ts';
import { flag, oneOf, parseOptions } from '../core/options.ts';

/** Options of {@link LearningRateMonitor}. */
export interface LearningRateMonitorOptions {
  /**
   * `'step'`: in each step in which metrics are logged. `'epoch'`: at the start of each epoch. Default: at the start of
   * each epoch, and in logged steps when a rate has changed since the last row.
   */
  loggingInterval?: 'step' | 'epoch' | undefined;
  /** Log the momentum, too, or the first beta of Adam and its kin: `lr-SGD-momentum`. Default `false`. */
  logMomentum?: boolean | undefined;
  /** Log the weight decay, too, where the optimizer has one: `lr-AdamW-weight_decay`. Default `false`. */
  logWeightDecay?: boolean | undefined;
}

const schema = z.strictObject({
  loggingInterval: oneOf('step', 'epoch').optional(),
  logMomentum: flag().default(false),
  logWeightDecay: flag().optional(),
});

/** What parameter groups have beside the rate, where the optimizer has it. */
interface GroupExtras {
  readonly momentum?: number | undefined;
  readonly betas?: readonly [number, number] | undefined;
  readonly weightDecay?: number | undefined;
}

/**
 * Logs the learning rate of each parameter group as `lr-Adam`, with several groups `lr-Adam/pg1`, `lr-Adam/pg2`; a
 * scheduler with a `name` gives that name. They are metrics that other callbacks can watch. The row carries the rate that the coming step uses. Its x value is the count
 * of batches that closed an accumulation window, as for training rows; there is one row per window.
 *
 * @throws ConfigError `no-logger` at the start of training when the trainer has no logger; in a dev run it is idle
 *
 * @example
 * ```ts
 * new Trainer({ callbacks: new LearningRateMonitor({ loggingInterval: 'step' }) });
 * ```
 */
export class LearningRateMonitor implements Callback {
  readonly #options: z.output<typeof schema>;
  #lastX = -1;
  #lastRow = '';

  constructor(options: LearningRateMonitorOptions = {}) {
    this.#options = parseOptions('LearningRateMonitor', schema, options);
  }

  /** Tells two monitors of one trainer apart in a checkpoint. */
  get stateKey(): string {
    return `LearningRateMonitor(${JSON.stringify(this.#options)})`;
  }

  /** What was written last: a run that goes on within an accumulation window must not write it again. */
  stateDict(): JsonObject {
    return { lastX: this.#lastX, lastRow: this.#lastRow };
  }

  loadStateDict({ lastX, lastRow }: JsonObject): void {
    this.#lastX = lastX as number;
    this.#lastRow = lastRow as string;
  }

  onFitStart(): void {
    this.#lastX = -1;
    this.#lastRow = '';
  }

  onTrainStart(trainer: TrainerView): void {
    if (trainer.loggers.length > 0 || trainer.fastDevRun) return;
    throw new ConfigError('LearningRateMonitor', {
      code: 'no-logger',
      expected: 'a trainer with a logger',
      got: 'one without',
      help: 'give the trainer a `logger`, or leave out the monitor',
    });
  }

  onTrainEpochStart(trainer: TrainerView): void {
    if (this.#options.loggingInterval !== 'step') this.#write(trainer);
  }

  onTrainBatchStart(trainer: TrainerView): void {
    const { loggingInterval } = this.#options;
    if (loggingInterval === 'epoch' || trainer.logEveryNSteps === 0) return;
    const x = coming(trainer);
    if (x === this.#lastX || (x + 1) % trainer.logEveryNSteps !== 0) return;
    if (loggingInterval === 'step' || JSON.stringify(this.#row(trainer)) !== this.#lastRow) this.#write(trainer);
  }

  #write(trainer: TrainerView): void {
    const row = this.#row(trainer);
    this.#lastX = coming(trainer);
    this.#lastRow = JSON.stringify(row);
    trainer.logMetrics(row, this.#lastX);
  }

  #row(trainer: TrainerView): Record<string, number> {
    const row: Record<string, number> = { ...trainer.learningRates };
    const { logMomentum, logWeightDecay } = this.#options;
    if (!logMomentum && !logWeightDecay) return row;
    const groups = trainer.optimizers.flatMap(({ paramGroups }) => paramGroups as readonly GroupExtras[]);
    Object.keys(row).forEach((name, i) => {
      const { momentum, betas, weightDecay } = groups[i] ?? {};
      const inertia = momentum ?? betas?.[0];
      if (logMomentum && inertia !== undefined) row[`${name}-momentum`] = inertia;
      if (logWeightDecay && weightDecay !== undefined) row[`${name}-weight_decay`] = weightDecay;
    });
    return row;
  }
}

/** The x value that the row of the coming step will have: windows closed so far. */
function coming({ globalStep, loggedStep }: TrainerView): number {
  return globalStep === 0 && loggedStep === 0 ? 0 : loggedStep + 1;
}
