/** The Kullback–Leibler divergence between two softened softmaxes: the loss of knowledge distillation. */
import { z } from 'zod';
import { oneOf, parseOptions, positiveNumber } from '../core/options.ts';
import * as tf from '../core/tf.ts';
import { checkLogits, checkSameShape } from './shapes.ts';
import { logSoftmax } from './softmax.ts';

const schema = z.strictObject({
  temperature: positiveNumber().default(1),
  reduction: oneOf('batchmean', 'mean', 'sum', 'none').default('batchmean'),
});

/** How {@link klDivergence} reduces: over the batch, over all elements (PyTorch's `'mean'`), summed, or by sample. */
export type KLReduction = 'batchmean' | 'mean' | 'sum' | 'none';

/** Options of {@link klDivergence}. */
export interface KLDivergenceOptions {
  /** What both logits are divided by. Default 1. */
  temperature?: number | undefined;
  /** Default `'batchmean'`. */
  reduction?: KLReduction | undefined;
}

/**
 * `T² · KL(softmax(teacher / T) ‖ softmax(student / T))` (Hinton, Vinyals and Dean 2015). The factor T² keeps the
 * gradient's size when the temperature changes. The teacher is a constant: no gradient flows into it.
 *
 * @param studentLogits shape [batch, classes]
 * @param teacherLogits the same shape
 * @returns a scalar; with `reduction: 'none'` shape [batch]
 * @throws DataError `loss-shape` naming the shapes; ConfigError for wrong options
 * @example
 * ```ts
 * const soft = losses.klDivergence(student, teacher, { temperature: 4 });
 * const loss = tf.add(tf.mul(losses.crossEntropy(student, y), 0.1), tf.mul(soft, 0.9));
 * ```
 */
export function klDivergence(
  studentLogits: tf.Tensor,
  teacherLogits: tf.Tensor,
  options: KLDivergenceOptions & { reduction: 'none' },
): tf.Tensor1D;
export function klDivergence(
  studentLogits: tf.Tensor,
  teacherLogits: tf.Tensor,
  options?: KLDivergenceOptions,
): tf.Scalar;
export function klDivergence(
  studentLogits: tf.Tensor,
  teacherLogits: tf.Tensor,
  options?: KLDivergenceOptions,
): tf.Tensor {
  const { temperature, reduction } = parseOptions('klDivergence', schema, options);
  checkLogits('klDivergence', studentLogits);
  checkSameShape('klDivergence', ['studentLogits', studentLogits], ['teacherLogits', teacherLogits]);
  const scale = scaleOf(reduction, studentLogits);
  const perSample = reduction === 'none';
  return tf.tidy(() => {
    const teacher = logSoftmax(tf.div(teacherLogits, temperature));
    const probabilities = tf.exp(teacher);
    const divergence = tf.customGrad((logits, save) => {
      const student = logSoftmax(tf.div(logits as tf.Tensor, temperature));
      (save as tf.GradSaveFunc)([student, probabilities]);
      const terms = tf.mul(probabilities, tf.sub(teacher, student));
      const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor => {
        const difference = tf.sub(tf.exp(saved[0] as tf.Tensor), saved[1] as tf.Tensor);
        return tf.mul(difference, tf.mul(perSample ? tf.expandDims(dy, 1) : dy, temperature * scale));
      };
      return {
        value: tf.mul(perSample ? tf.sum(terms, 1) : tf.sum(terms), temperature ** 2 * scale),
        gradFunc: gradFunc as unknown as (dy: tf.Tensor, saved: tf.Tensor[]) => tf.Tensor[],
      };
    });
    return divergence(studentLogits);
  });
}

function scaleOf(reduction: KLReduction, { shape, size }: tf.Tensor): number {
  switch (reduction) {
    case 'batchmean':
      return 1 / (shape[0] as number);
    case 'mean':
      return 1 / size;
    case 'sum':
    case 'none':
      return 1;
    default:
      return reduction satisfies never;
  }
}
