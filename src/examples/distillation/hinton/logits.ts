/** Logits on the host: the soft targets of the transfer set, and the errors that a network makes. */
import { type ArrayDataset, DataLoader, type ImageClassificationModel, type ImageColumns, tf } from 'kelvin';

/** What a network says of a data set. */
export interface Logits {
  /** `[samples, 10]`, row by row. */
  readonly values: Float32Array;
  readonly labels: ArrayLike<number>;
}

export const CLASSES = 10;

/** Runs a network over a data set, in its order and without training it. */
export function logitsOf(model: ImageClassificationModel, dataset: ArrayDataset<ImageColumns>): Logits {
  const values = new Float32Array(dataset.length * CLASSES);
  const { training } = model;
  model.eval();
  let row = 0;
  for (const { x, y } of new DataLoader(dataset, { batchSize: 1000 })) {
    const logits = tf.tidy(() => model.forward(x));
    values.set(logits.dataSync(), row * CLASSES);
    row += x.shape[0] as number;
    tf.dispose([x, y, logits]);
  }
  model.train(training);
  return { values, labels: dataset.columns.y.data };
}

/** Errors in all, and by the true digit. `bias` is added to the logits of some classes first. */
export function errorsOf({ values, labels }: Logits, bias: Readonly<Record<number, number>> = {}) {
  const added = Float64Array.from({ length: CLASSES }, (_, digit) => bias[digit] ?? 0);
  const byDigit = new Array<number>(CLASSES).fill(0);
  for (let row = 0; row < labels.length; row++) {
    const digit = labels[row] as number;
    if (argMax(values, row * CLASSES, added) !== digit) byDigit[digit] = (byDigit[digit] as number) + 1;
  }
  return { all: byDigit.reduce((sum, count) => sum + count, 0), byDigit };
}

function argMax(values: Float32Array, start: number, added: Float64Array): number {
  let best = 0;
  for (let digit = 1; digit < CLASSES; digit++) {
    const value = (values[start + digit] as number) + (added[digit] as number);
    if (value > (values[start + best] as number) + (added[best] as number)) best = digit;
  }
  return best;
}

/** The shift of some digits' biases that leaves the fewest errors, from -10 to 10 in steps of a quarter. */
export function bestBias(logits: Logits, digits: readonly number[]): number {
  const shifts = Array.from({ length: 81 }, (_, i) => i / 4 - 10);
  const tried = shifts.map((bias) => ({
    bias,
    errors: errorsOf(logits, Object.fromEntries(digits.map((digit) => [digit, bias]))).all,
  }));
  return tried.reduce((best, next) => (next.errors < best.errors ? next : best)).bias;
}
