/** Focal loss: cross-entropy that leaves aside what the model is already sure of. */
import { z } from 'zod';
import { DataError } from '../core/errors.ts';
import { anyThat, numberBetween, oneOf, parseOptions } from '../core/options.ts';
import * as tf from '../core/tf.ts';
import { type LossReduction, reduce } from './reduce.ts';
import { areClassNumbers, checkLogits, shapeOf } from './shapes.ts';
import { logSoftmax } from './softmax.ts';

/** Options of {@link focalLoss}. */
export interface FocalLossOptions {
  /** How strongly easy samples are left aside; 0 is cross-entropy. Default 2. */
  gamma?: number | undefined;
  /** One weight per class, shape [classes]: the paper's alpha. */
  weight?: tf.Tensor | undefined;
  /** Default `'mean'` over the samples, whatever their weights. */
  reduction?: LossReduction | undefined;
}

const schema = z.strictObject({
  gamma: numberBetween(0, Number.POSITIVE_INFINITY).default(2),
  weight: anyThat<tf.Tensor>('a tensor with one number per class', (value) => value instanceof tf.Tensor).optional(),
  reduction: oneOf('mean', 'sum', 'none').default('mean'),
});

/** Below this the power of `1 - p` counts as 0 and so does its slope, which is infinite there when gamma is below 1. */
const SMALLEST = 1e-7;

/**
 * Focal loss (Lin et al. 2017) over softmax: `-Σ target · weight · (1 - p)^gamma · log p`.
 *
 * @param logits shape [batch, classes], before softmax
 * @param labels class numbers of shape [batch] (any numeric dtype), or probabilities of shape [batch, classes]
 * @returns a scalar; with `reduction: 'none'` shape [batch]
 * @throws DataError `loss-shape` naming the shapes; ConfigError for wrong options
 * @example
 * ```ts
 * const loss = losses.focalLoss(this.forward(x), y, { gamma: 2 });
 * ```
 */
export function focalLoss(
  logits: tf.Tensor,
  labels: tf.Tensor,
  options: FocalLossOptions & { reduction: 'none' },
): tf.Tensor1D;
export function focalLoss(logits: tf.Tensor, labels: tf.Tensor, options?: FocalLossOptions): tf.Scalar;
export function focalLoss(logits: tf.Tensor, labels: tf.Tensor, options?: FocalLossOptions): tf.Tensor {
  const { gamma, weight, reduction } = parseOptions('focalLoss', schema, options);
  checkLogits('focalLoss', logits);
  const classes = logits.shape[1] as number;
  if (weight && (weight.rank !== 1 || weight.shape[0] !== classes)) throw wrongWeight(weight, classes);
  const numbers = areClassNumbers('focalLoss', logits, labels);
  return tf.tidy(() => {
    // One-hot rows are made as int32 and cast: the wasm kernel writes integers, whatever dtype it is asked for.
    const given = numbers ? tf.oneHot(tf.cast(labels, 'int32') as tf.Tensor1D, classes) : labels;
    const target = tf.cast(given, 'float32');
    const share = weight ? tf.mul(target, weight) : target;
    const logProbabilities = logSoftmax(logits);
    const unsure = tf.clipByValue(tf.sub(1, tf.exp(logProbabilities)), SMALLEST, 1);
    const terms = tf.mul(logProbabilities, gamma === 0 ? share : tf.mul(share, tf.pow(unsure, gamma)));
    return reduce(tf.neg(tf.sum(terms, 1)), reduction);
  });
}

const wrongWeight = (weight: tf.Tensor, classes: number): DataError =>
  new DataError('focalLoss: the class weights', {
    code: 'loss-shape',
    expected: `shape [${classes}]`,
    got: shapeOf(weight),
  });
