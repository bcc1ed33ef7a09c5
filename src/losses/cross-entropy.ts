/**
 * Softmax cross-entropy with a gradient of its own, `(softmax - target) / batch`: the loss of nearly every
 * classifier's step, so it is written for few kernels both ways.
 */
import { z } from 'zod';
import { DataError } from '../core/errors.ts';
import { hasFused, runFused } from '../core/fused.ts';
import { anyThat, numberBetween, oneOf, parseOptions } from '../core/options.ts';
import * as tf from '../core/tf.ts';
import type { LossReduction } from './reduce.ts';
import { areClassNumbers, checkLogits, shapeOf } from './shapes.ts';
import { logSoftmax } from './softmax.ts';

const schema = z.strictObject({
  labelSmoothing: numberBetween(0, 1).default(0),
  reduction: oneOf('mean', 'sum', 'none').default('mean'),
  weight: anyThat<tf.Tensor>('a tensor with one number per class', (value) => value instanceof tf.Tensor).optional(),
});

/** Options of {@link crossEntropy}. */
export interface CrossEntropyOptions {
  /** How much of each label is spread evenly over all classes (Szegedy et al. 2016). From 0 to 1; default 0. */
  labelSmoothing?: number | undefined;
  /** Default `'mean'`. */
  reduction?: LossReduction | undefined;
  /** One weight per class, shape [classes]. With class numbers the mean is weighted too, as in PyTorch. */
  weight?: tf.Tensor | undefined;
}

const DEFAULTS = { labelSmoothing: 0, reduction: 'mean' as LossReduction, weight: undefined };

/**
 * Cross-entropy between logits and labels, with PyTorch's `cross_entropy` values. Labels are constants: no gradient
 * flows into them. A label outside 0 … classes - 1 counts as no class at all; `checkLabels` finds such labels.
 *
 * @param logits shape [batch, classes], before softmax; mask classes with a number such as -1e9, not with -Infinity
 * @param labels class numbers of shape [batch] (any numeric dtype), or probabilities of shape [batch, classes]
 * @returns a scalar; with `reduction: 'none'` shape [batch]
 * @throws DataError `loss-shape` naming the shapes; ConfigError for wrong options
 * @example
 * ```ts
 * const loss = losses.crossEntropy(this.forward(x), y, { labelSmoothing: 0.1 });
 * ```
 */
export function crossEntropy(
  logits: tf.Tensor,
  labels: tf.Tensor,
  options: CrossEntropyOptions & { reduction: 'none' },
): tf.Tensor1D;
export function crossEntropy(logits: tf.Tensor, labels: tf.Tensor, options?: CrossEntropyOptions): tf.Scalar;
export function crossEntropy(logits: tf.Tensor, labels: tf.Tensor, options?: CrossEntropyOptions): tf.Tensor {
  const { reduction, ...rest } = options ? parseOptions('crossEntropy', schema, options) : DEFAULTS;
  checkLogits('crossEntropy', logits);
  return tf.tidy(() => {
    const target = targetOf(logits as tf.Tensor2D, labels, rest);
    return fusedLoss(
      logits as tf.Tensor2D,
      reduction === 'mean' ? target : { ...target, divisor: 1 },
      reduction === 'none',
    );
  });
}

interface Target {
  /** What the log-probabilities are multiplied by, shape [batch, classes]; or class numbers, int32 of shape [batch]. */
  readonly target: tf.Tensor;
  /** The sum of each row, shape [batch, 1]; 1 where every row is a distribution. */
  readonly mass: tf.Tensor2D | undefined;
  /** What a mean divides by. */
  readonly divisor: number | tf.Scalar;
}

function targetOf(
  logits: tf.Tensor2D,
  labels: tf.Tensor,
  { labelSmoothing, weight }: { labelSmoothing: number; weight?: tf.Tensor | undefined },
): Target {
  const [batch, classes] = logits.shape;
  const numbers = areClassNumbers('crossEntropy', logits, labels);
  const plain = numbers && labelSmoothing === 0 && weight === undefined && logits.dtype === 'float32';
  if (plain && hasFused('KelvinSparseCrossEntropy'))
    return { target: tf.cast(labels, 'int32'), mass: undefined, divisor: batch };
  const given = (numbers ? tf.oneHot(tf.cast(labels, 'int32'), classes) : labels) as tf.Tensor2D;
  // One-hot rows are made as int32 and cast: the wasm kernel writes integers, whatever dtype it is asked for.
  const hard = tf.cast(given, 'float32');
  const smooth =
    labelSmoothing === 0 ? hard : tf.add(tf.mul(hard, 1 - labelSmoothing), tf.scalar(labelSmoothing / classes));
  if (weight === undefined)
    return { target: smooth as tf.Tensor2D, mass: numbers ? undefined : massOf(smooth), divisor: batch };
  checkWeight(weight, classes);
  const target = tf.mul(smooth, weight) as tf.Tensor2D;
  return { target, mass: massOf(target), divisor: numbers ? (tf.sum(tf.mul(hard, weight)) as tf.Scalar) : batch };
}

const massOf = (target: tf.Tensor): tf.Tensor2D => tf.sum(target, 1, true);

/**
 * `-Σ target · log softmax(logits)`, divided by `divisor`, with the gradient `softmax · mass - target`. Whatever the
 * gradient needs is saved: the tidy around the loss frees the rest before the backward pass.
 */
function fusedLoss(logits: tf.Tensor2D, { target, mass, divisor }: Target, perSample: boolean): tf.Tensor {
  const scale = typeof divisor === 'number' ? 1 / divisor : tf.reciprocal(divisor);
  const loss = tf.customGrad((x, save) => {
    const { losses, kept, slope } = lossesOf(x as tf.Tensor, target, mass);
    (save as tf.GradSaveFunc)(typeof scale === 'object' ? [...kept, scale] : kept);
    const value = perSample ? losses : tf.mul(tf.sum(losses), scale);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor => {
      if (perSample) return tf.mul(slope(saved), tf.expandDims(dy, 1));
      return tf.mul(slope(saved), tf.mul(dy, typeof scale === 'object' ? (saved.at(-1) as tf.Tensor) : scale));
    };
    return { value, gradFunc: gradFunc as unknown as (dy: tf.Tensor, saved: tf.Tensor[]) => tf.Tensor[] };
  });
  return loss(logits);
}

interface Losses {
  /** Shape [batch]. */
  readonly losses: tf.Tensor;
  /** What has to be kept for the gradient. */
  readonly kept: tf.Tensor[];
  /** The gradient of the losses, of shape [batch, classes], from what was kept. */
  readonly slope: (kept: tf.Tensor[]) => tf.Tensor;
}

/** By a fused kernel where the engine has one, whose loss and gradient come in one go. `whole`: all rows sum to 1. */
function lossesOf(logits: tf.Tensor, target: tf.Tensor, mass: tf.Tensor2D | undefined): Losses {
  const fused =
    target.rank === 1
      ? runFused('KelvinSparseCrossEntropy', { logits, labels: target }, {})
      : logits.dtype === 'float32' && runFused('KelvinCrossEntropy', { logits, target }, { whole: mass === undefined });
  if (fused) {
    const [losses, gradient] = fused as [tf.Tensor, tf.Tensor];
    return { losses, kept: [gradient], slope: ([kept]) => kept as tf.Tensor };
  }
  const logProbabilities = logSoftmax(logits);
  return {
    losses: tf.neg(tf.sum(tf.mul(logProbabilities, target), 1)),
    kept: [logProbabilities, target, ...(mass ? [mass] : [])],
    slope: (kept) => {
      const probabilities = tf.exp(kept[0] as tf.Tensor);
      return tf.sub(mass ? tf.mul(probabilities, kept[2] as tf.Tensor) : probabilities, kept[1] as tf.Tensor);
    },
  };
}

function checkWeight(weight: tf.Tensor, classes: number): void {
  if (weight.rank === 1 && weight.shape[0] === classes) return;
  throw new DataError('crossEntropy: the class weights', {
    code: 'loss-shape',
    expected: `shape [${classes}]`,
    got: shapeOf(weight),
  });
}
