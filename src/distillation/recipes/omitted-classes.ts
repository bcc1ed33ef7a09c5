/** Transfer sets that lack classes: leaving them out, and giving them back through the biases of the last layer. */
import { z } from 'zod';
import { ConfigError, DataError } from '../../core/errors.ts';
import { anyThat, parseOptions, positiveNumber, wholeNumber } from '../../core/options.ts';
import * as tf from '../../core/tf.ts';
import type { Dataset } from '../../data/dataset.ts';
import { subset } from '../../data/datasets/subsets.ts';

/** What a network says of a data set, on the host. */
export interface ClassScores {
  /** Logits `[samples, classes]`, row by row. */
  readonly logits: Float32Array;
  /** The right class of each sample. */
  readonly labels: ArrayLike<number>;
}

/** Misclassified samples: in all, and by their right class. */
export interface ClassErrors {
  readonly all: number;
  readonly byClass: readonly number[];
}

/** Options of {@link bestClassBias}. */
export interface ClassBiasOptions {
  /** Shifts from `-range` to `range` are tried. Default 10. */
  range?: number | undefined;
  /** How far they lie apart. Default 0.25. */
  step?: number | undefined;
}

const schema = z.strictObject({ range: positiveNumber().default(10), step: positiveNumber().default(0.25) });

/**
 * The samples of a data set whose class is not among `omitted`: a transfer set for the question what soft targets tell of
 * classes that the student never sees (Hinton et al. 2015, section 3).
 *
 * @param labels the class of each sample, in the order of the data set
 * @throws DataError `labels-do-not-fit` for another number of labels
 *
 * @example
 * ```ts
 * const transfer = withoutClasses(train, train.columns.y.data, [3]);
 * ```
 */
export function withoutClasses<S, B>(
  dataset: Dataset<S, B>,
  labels: ArrayLike<number>,
  omitted: readonly number[],
): Dataset<S, B> {
  if (labels.length !== dataset.length) {
    throw new DataError('withoutClasses: the labels', {
      code: 'labels-do-not-fit',
      expected: `${dataset.length}, one for each sample`,
      got: String(labels.length),
    });
  }
  const left = new Set(omitted);
  return subset(
    dataset,
    Array.from(labels, (label, row) => (left.has(label) ? -1 : row)).filter((row) => row >= 0),
  );
}

/**
 * Counts the errors that are made when `bias` is added to the logits of some classes.
 *
 * @example
 * ```ts
 * classErrors(scores, { 3: 3.5 }).byClass[3];
 * ```
 */
export function classErrors({ logits, labels }: ClassScores, bias: Readonly<Record<number, number>> = {}): ClassErrors {
  const classes = logits.length / labels.length;
  if (!Number.isInteger(classes)) {
    throw new DataError('classErrors: the logits', {
      code: 'labels-do-not-fit',
      expected: `a row for each of ${labels.length} labels`,
      got: `${logits.length} numbers`,
    });
  }
  const added = Float64Array.from({ length: classes }, (_, index) => bias[index] ?? 0);
  const byClass = new Array<number>(classes).fill(0);
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row] as number;
    if (argMax(logits, row * classes, added) !== label) byClass[label] = (byClass[label] as number) + 1;
  }
  return { all: byClass.reduce((sum, count) => sum + count, 0), byClass };
}

/**
 * The common shift of some classes' biases that leaves the fewest errors, the least of several. Choose it on data that
 * is not the test set, unless you say so.
 *
 * @returns the shift, and the errors that it leaves
 * @throws ConfigError for wrong options
 *
 * @example
 * ```ts
 * const { bias } = bestClassBias(scoresOfTrainingSet, [3]);
 * shiftClassBias(student, [3], bias);
 * ```
 */
export function bestClassBias(
  scores: ClassScores,
  classes: readonly number[],
  options: ClassBiasOptions = {},
): { readonly bias: number; readonly errors: ClassErrors } {
  const { range, step } = parseOptions('bestClassBias', schema, options);
  const shifts = Array.from(
    { length: 2 * Math.floor(range / step) + 1 },
    (_, i) => (i - Math.floor(range / step)) * step,
  );
  const tried = shifts.map((bias) => ({
    bias,
    errors: classErrors(scores, Object.fromEntries(classes.map((index) => [index, bias]))),
  }));
  return tried.reduce((best, next) => (next.errors.all < best.errors.all ? next : best));
}

/**
 * Adds `bias` to the biases of some classes in a network's last layer.
 *
 * @throws ConfigError `no-class-bias` when the last layer has no bias for each class
 * @example
 * ```ts
 * shiftClassBias(student, [7, 8], -7.6);
 * ```
 */
export function shiftClassBias(model: tf.LayersModel, classes: readonly number[], bias: number): void {
  const count = model.outputs[0]?.shape.at(-1) ?? 0;
  const last = model.weights.at(-1);
  const variable = last?.read() as tf.Variable | undefined;
  if (!last?.originalName.includes('bias') || variable?.shape.join() !== String(count)) {
    throw new ConfigError('shiftClassBias: the last layer', {
      code: 'no-class-bias',
      expected: `a bias of shape [${count}]`,
      got: last === undefined ? 'no weights' : `${last.originalName} [${variable?.shape}]`,
    });
  }
  const known = anyThat<number[]>(`class numbers below ${count}`, (value) =>
    (value as number[]).every((c) => c < count),
  );
  parseOptions('shiftClassBias', z.strictObject({ classes: z.array(wholeNumber(0)).and(known) }), { classes });
  tf.tidy(() => {
    const shift = Float32Array.from({ length: count }, (_, index) => (classes.includes(index) ? bias : 0));
    variable.assign(tf.add(variable, tf.tensor1d(shift)));
  });
}

function argMax(values: Float32Array, start: number, added: Float64Array): number {
  let best = 0;
  for (let index = 1; index < added.length; index++) {
    const value = (values[start + index] as number) + (added[index] as number);
    if (value > (values[start + best] as number) + (added[best] as number)) best = index;
  }
  return best;
}
