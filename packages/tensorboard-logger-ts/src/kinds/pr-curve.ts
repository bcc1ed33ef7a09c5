/** Precision-recall curves: six rows (TP, FP, TN, FN, precision, recall) over thresholds spread evenly from 0 to 1. */
import { show, TensorBoardWriterError } from '../errors.ts';
import { DATA_CLASS, type Payload, type RawValue, tensorBody } from '../event.ts';
import { decodeTensor, floatTensor } from '../tensor.ts';
import { varintField } from '../wire.ts';
import type { Numbers } from './histogram.ts';

export const PR_CURVES = 'pr_curves';
/** Where nothing was predicted positive there is no precision: TensorBoard's writer divides by this, which gives 0. */
const LEAST_COUNT = 1e-7;

/** A precision-recall curve: entry `i` is for the threshold `i / (thresholds - 1)`, "positive" being at or above it. */
export interface PrCurve {
  readonly truePositives: readonly number[];
  readonly falsePositives: readonly number[];
  readonly trueNegatives: readonly number[];
  readonly falseNegatives: readonly number[];
  readonly precision: readonly number[];
  readonly recall: readonly number[];
}

/**
 * Counts, as TensorBoard's own summary does, what a classifier gets right at each threshold.
 *
 * @param labels true or 1 for the positive class, false or 0 for the negative
 * @param predictions scores from 0 to 1, one for each label
 * @param thresholds how many; default 127
 * @param weights what each sample counts; default 1
 * @throws TensorBoardWriterError `invalid-value`
 */
export function prCurve(
  labels: ArrayLike<number | boolean>,
  predictions: Numbers,
  thresholds = 127,
  weights?: Numbers,
): PrCurve {
  check(labels, predictions, thresholds, weights);
  const truePositives = new Array<number>(thresholds).fill(0);
  const falsePositives = new Array<number>(thresholds).fill(0);
  for (let i = 0; i < labels.length; i++) {
    const counts = labels[i] ? truePositives : falsePositives;
    const bucket = Math.floor((predictions[i] ?? 0) * (thresholds - 1));
    counts[bucket] = (counts[bucket] ?? 0) + (weights?.[i] ?? 1);
  }
  sumFromTheEnd(truePositives);
  sumFromTheEnd(falsePositives);
  const [positives = 0, negatives = 0] = [truePositives[0], falsePositives[0]];
  const share = (i: number, others: readonly number[]) =>
    (truePositives[i] ?? 0) / Math.max(LEAST_COUNT, (truePositives[i] ?? 0) + (others[i] ?? 0));
  const falseNegatives = truePositives.map((count) => positives - count);
  return {
    truePositives,
    falsePositives,
    trueNegatives: falsePositives.map((count) => negatives - count),
    falseNegatives,
    precision: truePositives.map((_, i) => share(i, falsePositives)),
    recall: truePositives.map((_, i) => share(i, falseNegatives)),
  };
}

export function prCurvePayload(curve: PrCurve): Payload {
  const { truePositives, falsePositives, trueNegatives, falseNegatives, precision, recall } = curve;
  const rows = [truePositives, falsePositives, trueNegatives, falseNegatives, precision, recall];
  const thresholds = truePositives.length;
  if (thresholds < 2 || rows.some((row) => row.length !== thresholds)) {
    throw invalid('Expected six rows of one length of at least 2 in a precision-recall curve.');
  }
  const metadata = { plugin: PR_CURVES, dataClass: DATA_CLASS.tensor, content: varintField(2, thresholds) };
  return { metadata, body: tensorBody(floatTensor(rows.flat(), [6, thresholds])) };
}

export function decodePrCurve(value: RawValue): { prCurve?: PrCurve } {
  if (value.tensor === undefined) return {};
  const { shape, numbers } = decodeTensor(value.tensor);
  if (shape[0] !== 6) return {};
  const width = shape[1] ?? 0;
  const row = (i: number) => numbers.slice(i * width, (i + 1) * width);
  const [truePositives, falsePositives, trueNegatives] = [row(0), row(1), row(2)];
  const [falseNegatives, precision, recall] = [row(3), row(4), row(5)];
  return { prCurve: { truePositives, falsePositives, trueNegatives, falseNegatives, precision, recall } };
}

function sumFromTheEnd(counts: number[]): void {
  for (let i = counts.length - 2; i >= 0; i--) counts[i] = (counts[i] ?? 0) + (counts[i + 1] ?? 0);
}

function check(
  labels: ArrayLike<number | boolean>,
  predictions: Numbers,
  thresholds: number,
  weights: Numbers | undefined,
): void {
  if (!Number.isInteger(thresholds) || thresholds < 2) {
    throw invalid(`Expected a whole number of at least 2 as the number of thresholds, got ${show(thresholds)}.`);
  }
  if (labels.length !== predictions.length || (weights !== undefined && weights.length !== labels.length)) {
    const got = [labels.length, predictions.length, ...(weights === undefined ? [] : [weights.length])].join(', ');
    throw invalid(`Expected one prediction (and weight) for each label, got lengths ${got}.`);
  }
  for (let i = 0; i < predictions.length; i++) {
    const score = predictions[i] ?? Number.NaN;
    if (!(score >= 0 && score <= 1)) throw invalid(`Expected predictions from 0 to 1, got ${show(score)} at ${i}.`);
  }
}

function invalid(text: string): TensorBoardWriterError {
  return new TensorBoardWriterError('invalid-value', text);
}
