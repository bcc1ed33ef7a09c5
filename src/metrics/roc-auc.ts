/** The area under the ROC curve, exactly, ties included. */
import { CheckpointError, DataError } from '../core/errors.ts';
import * as tf from '../core/tf.ts';
import { EpochMetric, type EpochMetricState } from './epoch.ts';
import { checkPair, classNumbers } from './inputs.ts';

/**
 * The area under the ROC curve: how often a sample of the class scores higher than one of the others, ties counting half.
 * Of two classes, or of one score per sample, that of class 1; of more, each class against the rest, averaged over the
 * classes that occur (macro). Waits for the scores, which have to be sorted.
 *
 * @param logits shape [batch, classes], before softmax; or one score per sample, [batch] or [batch, 1]
 * @param labels class numbers of shape [batch], or one-hot rows
 * @returns from 0 to 1; NaN when there is only one class among the labels
 * @throws DataError `metric-shape` naming the shapes
 * @example
 * ```ts
 * metrics.rocAuc(tf.tensor1d([0.1, 0.4, 0.35, 0.8]), tf.tensor1d([0, 0, 1, 1], 'int32')); // 0.75
 * ```
 */
export function rocAuc(logits: tf.Tensor, labels: tf.Tensor): number {
  const all = new RocAuc();
  all.update(logits, labels);
  return all.compute();
}

/** The area under the ROC curve over an epoch; see {@link rocAuc}. Keeps all scores: some bytes per sample and class. */
export class RocAuc extends EpochMetric<number> {
  #width = 0;
  readonly #scores: number[] = [];
  readonly #labels: number[] = [];

  constructor() {
    super(0);
  }

  override get samples(): number {
    return this.#labels.length;
  }

  override update(logits: tf.Tensor, labels: tf.Tensor): void {
    const [scores, classes] = tf.tidy(() => {
      const rows = logits.rank === 1 ? (tf.expandDims(logits, 1) as tf.Tensor) : logits;
      checkPair('RocAuc', rows, labels);
      return [this.measure(rows).arraySync() as number[][], [...classNumbers(labels).dataSync()]];
    });
    const width = scores[0]?.length ?? 0;
    if (width === 0) return;
    if (this.#width !== 0 && this.#width !== width) throw otherWidth(this.#width, width);
    this.#width = width;
    for (const row of scores) this.#scores.push(...row);
    this.#labels.push(...classes);
  }

  /** The score of class 1 where there are two, that of each class where there are more. */
  protected measure(rows: tf.Tensor): tf.Tensor {
    const classes = rows.shape[1] as number;
    if (classes === 1) return rows;
    if (classes === 2) return tf.sub(tf.slice(rows, [0, 1], [-1, 1]), tf.slice(rows, [0, 0], [-1, 1]));
    return tf.softmax(rows);
  }

  /** From 0 to 1; NaN when there is only one class among the labels. */
  compute(): number {
    const areas = Array.from({ length: this.#width }, (_, column) => {
      const scores = Float64Array.from(this.#labels, (__, row) => this.#scores[row * this.#width + column] as number);
      const wanted = this.#width === 1 ? 1 : column;
      return areaUnder(scores, (row) => this.#labels[row] === wanted);
    }).filter((area) => !Number.isNaN(area));
    return areas.reduce((a, b) => a + b, 0) / areas.length;
  }

  override reset(): void {
    this.#scores.length = 0;
    this.#labels.length = 0;
    this.#width = 0;
  }

  /** The labels, then the scores. */
  override stateDict(): EpochMetricState {
    return { samples: this.samples, counts: [...this.#labels, ...this.#scores] };
  }

  override loadStateDict({ samples, counts }: EpochMetricState): void {
    const width = samples === 0 ? 0 : counts.length / samples - 1;
    if (!Number.isInteger(width) || width < 0) {
      throw new CheckpointError('RocAuc: the saved state does not fit', {
        code: 'metric-state',
        expected: 'a label and as many scores for each sample',
        got: `${counts.length} numbers for ${samples} samples`,
      });
    }
    this.reset();
    this.#width = width;
    for (let i = 0; i < samples; i++) this.#labels.push(counts[i] as number);
    for (let i = samples; i < counts.length; i++) this.#scores.push(counts[i] as number);
  }
}

/** By the sum of the ranks of the positives, equal scores sharing their mean rank (Hanley and McNeil 1982). */
function areaUnder(scores: Float64Array, isPositive: (row: number) => boolean): number {
  const order = Uint32Array.from(scores, (_, row) => row).sort((a, b) => (scores[a] as number) - (scores[b] as number));
  let positives = 0;
  let ranks = 0;
  for (let first = 0; first < order.length; ) {
    let end = first + 1;
    while (end < order.length && scores[order[end] as number] === scores[order[first] as number]) end++;
    for (let i = first; i < end; i++) {
      if (!isPositive(order[i] as number)) continue;
      positives++;
      ranks += (first + 1 + end) / 2;
    }
    first = end;
  }
  return (ranks - (positives * (positives + 1)) / 2) / (positives * (order.length - positives));
}

const otherWidth = (expected: number, got: number): DataError =>
  new DataError('RocAuc: the number of classes changes', {
    code: 'metric-shape',
    expected: `${expected} scores per sample`,
    got: `${got}`,
  });
