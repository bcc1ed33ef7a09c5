/** What the losses on logits share: options, checks, softened log-probabilities, reduction. */
import { z } from 'zod';
import { detach } from '../../core/detach.ts';
import { DataError } from '../../core/errors.ts';
import { oneOf, positiveNumber } from '../../core/options.ts';
import * as tf from '../../core/tf.ts';
import type { KLReduction } from '../kl-divergence.ts';
import { checkLogits, checkSameShape, shapeOf } from '../shapes.ts';

/** Options that every loss between two rows of logits has. */
export interface SoftLossOptions {
  /** What both logits are divided by; the loss is multiplied by T², so that its gradient keeps its size. Default 1. */
  temperature?: number | undefined;
  /** Default `'batchmean'`: the mean over the samples. */
  reduction?: KLReduction | undefined;
}

/** The schema of {@link SoftLossOptions}. */
export const softLossSchema = z.strictObject({
  temperature: positiveNumber().default(1),
  reduction: oneOf('batchmean', 'mean', 'sum', 'none').default('batchmean'),
});

/** Throws unless both are logits `[batch, classes]` of one shape. */
export function checkPair(owner: string, student: tf.Tensor, teacher: tf.Tensor): void {
  checkLogits(owner, student);
  checkSameShape(owner, ['studentLogits', student], ['teacherLogits', teacher]);
}

/** Throws unless labels are class numbers `[batch]`; gives them as rows of 0 and 1. */
export function oneHotLabels(owner: string, logits: tf.Tensor, labels: tf.Tensor | undefined): tf.Tensor2D {
  const [batch, classes] = logits.shape as [number, number];
  if (labels?.rank === 1 && labels.shape[0] === batch)
    return tf.cast(tf.oneHot(tf.cast(labels, 'int32'), classes), 'float32') as tf.Tensor2D;
  throw new DataError(`${owner}: the labels`, {
    code: 'loss-shape',
    expected: `class numbers of shape [${batch}]`,
    got: labels === undefined ? 'none' : shapeOf(labels),
    help: 'this loss needs to know the right class of every sample',
  });
}

/** Logarithms of the softmax of rows, differentiable, no number growing beyond what the logits are. */
export function logSoft(logits: tf.Tensor, temperature: number | tf.Scalar = 1): tf.Tensor2D {
  const scaled = temperature === 1 ? logits : tf.div(logits, temperature);
  const shifted = tf.sub(scaled, detach(tf.max(scaled, 1, true)));
  return tf.sub(shifted, tf.log(tf.sum(tf.exp(shifted), 1, true))) as tf.Tensor2D;
}

/** `log(Σ exp)` of each row, shape `[batch, 1]`. */
export function logSumExp(logits: tf.Tensor): tf.Tensor {
  const largest = detach(tf.max(logits, 1, true));
  return tf.add(largest, tf.log(tf.sum(tf.exp(tf.sub(logits, largest)), 1, true)));
}

/** From one divergence per sample to what `reduction` asks for. */
export function reduceSamples(perSample: tf.Tensor, reduction: KLReduction, classes: number): tf.Tensor {
  switch (reduction) {
    case 'batchmean':
      return tf.mean(perSample);
    case 'mean':
      return tf.div(tf.mean(perSample), classes);
    case 'sum':
      return tf.sum(perSample);
    case 'none':
      return perSample;
    default:
      return reduction satisfies never;
  }
}
