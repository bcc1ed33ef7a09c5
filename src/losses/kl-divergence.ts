/** The Kullback–Leibler divergence between two softened softmaxes: the loss of knowledge distillation. */
import { z } from 'zod';
import { runFused } from '../core/fused.ts';
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
    const divergence = tf.customGrad((logits, save) => {
      const { divergences, kept, slope } = divergencesOf(logits as tf.Tensor, teacherLogits, temperature);
      (save as tf.GradSaveFunc)(kept);
      const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor =>
        tf.mul(slope(saved), tf.mul(perSample ? tf.expandDims(dy, 1) : dy, temperature * scale));
      return {
        value: tf.mul(perSample ? divergences : tf.sum(divergences), temperature ** 2 * scale),
        gradFunc: gradFunc as unknown as (dy: tf.Tensor, saved: tf.Tensor[]) => tf.Tensor[],
      };
    });
    return divergence(studentLogits);
  });
}

interface Divergences {
  /** Of each sample, shape [batch]. */
  readonly divergences: tf.Tensor;
  /** What has to be kept for the gradient. */
  readonly kept: tf.Tensor[];
  /** The student's softmax less the teacher's, shape [batch, classes], from what was kept. */
  readonly slope: (kept: tf.Tensor[]) => tf.Tensor;
}

/** By a fused kernel where the engine has one, whose divergence and gradient come in one go. */
function divergencesOf(student: tf.Tensor, teacher: tf.Tensor, temperature: number): Divergences {
  const floats = student.dtype === 'float32' && teacher.dtype === 'float32';
  const fused = floats ? runFused('KelvinKLDivergence', { student, teacher }, { temperature }) : undefined;
  if (fused) {
    const [divergences, gradient] = fused as [tf.Tensor, tf.Tensor];
    return { divergences, kept: [gradient], slope: ([kept]) => kept as tf.Tensor };
  }
  const taught = logSoftmax(tf.div(teacher, temperature));
  const own = logSoftmax(tf.div(student, temperature));
  const probabilities = tf.exp(taught);
  return {
    // Two sums, which a compiled step finds to be cross-entropies: one operation each, the gradient with it.
    divergences: tf.sub(tf.sum(tf.mul(probabilities, taught), 1), tf.sum(tf.mul(probabilities, own), 1)),
    kept: [own, probabilities],
    slope: ([kept, target]) => tf.sub(tf.exp(kept as tf.Tensor), target as tf.Tensor),
  };
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
