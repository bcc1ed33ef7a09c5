/**
 * Metrics over a whole epoch: `update` per batch, `compute` at its end. Their state is plain numbers on the host, so
 * nothing is left on the engine and a checkpoint can hold them. `update` waits for the batch's counts.
 */
import { CheckpointError } from '../core/errors.ts';
import * as tf from '../core/tf.ts';
import { binnedGaps, binsOf, type CalibrationOptions } from './calibration.ts';
import { checkPair, hits } from './inputs.ts';

/** The saved state of a metric: plain data. */
export type EpochMetricState = { readonly samples: number; readonly counts: readonly number[] };

/**
 * The base of the metrics that are fed batch by batch: sums over samples, from which the value is computed.
 *
 * @example
 * ```ts
 * const accuracy = new metrics.Accuracy();
 * for (const { x, y } of batches) accuracy.update(model(x), y);
 * accuracy.compute(); // 0.93
 * ```
 */
export abstract class EpochMetric<Value> {
  #samples = 0;
  readonly #counts: Float64Array;

  protected constructor(size: number) {
    this.#counts = new Float64Array(size);
  }

  /** Samples seen since the last `reset`. */
  get samples(): number {
    return this.#samples;
  }

  /** The sums over all samples. */
  protected get counts(): Float64Array {
    return this.#counts;
  }

  /** The sums over one batch. */
  protected abstract measure(logits: tf.Tensor, labels: tf.Tensor): tf.Tensor;

  /** The value over everything since the last `reset`. */
  abstract compute(): Value;

  /**
   * Takes in a batch and waits for its counts.
   *
   * @param logits shape [batch, classes]
   * @param labels class numbers of shape [batch], or one-hot rows
   * @throws DataError `metric-shape` naming the shapes
   */
  update(logits: tf.Tensor, labels: tf.Tensor): void {
    const counts = tf.tidy(() => [...this.measure(logits, labels).dataSync()]);
    counts.forEach((count, index) => {
      this.#counts[index] = (this.#counts[index] as number) + count;
    });
    this.#samples += logits.shape[0] as number;
  }

  /** Forgets everything. */
  reset(): void {
    this.#counts.fill(0);
    this.#samples = 0;
  }

  /** What has to be saved for an exact resume. */
  stateDict(): EpochMetricState {
    return { samples: this.#samples, counts: [...this.#counts] };
  }

  /** @throws CheckpointError when the state is of another size */
  loadStateDict(state: EpochMetricState): void {
    if (state.counts.length !== this.#counts.length)
      throw new CheckpointError(`${this.constructor.name}: the saved state does not fit`, {
        code: 'metric-state',
        expected: `${this.#counts.length} counts`,
        got: `${state.counts.length}`,
      });
    this.#samples = state.samples;
    this.#counts.set(state.counts);
  }
}

/** The share of samples whose largest logit is the label's. Exact also when the last batch is smaller. */
export class Accuracy extends EpochMetric<number> {
  constructor() {
    super(1);
  }

  protected measure(logits: tf.Tensor, labels: tf.Tensor): tf.Tensor {
    checkPair('Accuracy', logits, labels);
    return tf.sum(hits(logits, labels));
  }

  /** From 0 to 1; NaN without samples. */
  compute(): number {
    return (this.counts[0] as number) / this.samples;
  }
}

/** Expected calibration error over an epoch; see `expectedCalibrationError`. */
export class CalibrationError extends EpochMetric<number> {
  readonly bins: number;

  /** @throws ConfigError for wrong options */
  constructor(options?: CalibrationOptions) {
    const bins = binsOf('CalibrationError', options);
    super(bins);
    this.bins = bins;
  }

  protected measure(logits: tf.Tensor, labels: tf.Tensor): tf.Tensor {
    checkPair('CalibrationError', logits, labels);
    return binnedGaps(logits, labels, this.bins);
  }

  /** From 0 to 1; NaN without samples. */
  compute(): number {
    return this.counts.reduce((sum, gap) => sum + Math.abs(gap), 0) / this.samples;
  }
}
