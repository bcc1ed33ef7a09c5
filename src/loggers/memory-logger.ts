/** MemoryLogger: keeps the rows in memory, for tests and notebooks. */
import type { HyperParameters, JsonObject, LoggerLike, Metrics, RowAxis } from '../core/contracts.ts';

/** One logged row. */
export interface LoggedRow {
  readonly step: number;
  readonly metrics: Metrics;
  /** Given when its metrics have another x axis than the step. */
  readonly axis?: RowAxis;
}

/**
 * Keeps every row it is given.
 *
 * @example
 * ```ts
 * const logger = new MemoryLogger();
 * await new Trainer({ logger, maxEpochs: 2 }).fit(module, loaders);
 * const losses = logger.rows.map(({ metrics }) => metrics.train_loss);
 * ```
 */
export class MemoryLogger implements LoggerLike {
  #rows: LoggedRow[] = [];
  #hparams: HyperParameters = {};

  /** What was logged, in the order in which it was. */
  get rows(): readonly LoggedRow[] {
    return this.#rows;
  }

  /** The hyper-parameters that were logged. */
  get hparams(): HyperParameters {
    return this.#hparams;
  }

  logMetrics(metrics: Metrics, step: number, axis?: RowAxis): void {
    this.#rows.push({ step, metrics: { ...metrics }, ...(axis && { axis }) });
  }

  logHyperparams(hparams: HyperParameters): void {
    this.#hparams = { ...this.#hparams, ...hparams };
  }

  /** On a resume, forgets the steps that will be taken again. */
  loadStateDict(_state: JsonObject, resumeStep: number): void {
    this.#rows = this.#rows.filter(({ step }) => step < resumeStep);
  }
}
