/** Decoupled knowledge distillation: the target class and the other classes weighted apart. */
import { z } from 'zod';
import { detach } from '../../core/detach.ts';
import { DataError } from '../../core/errors.ts';
import { numberBetween, parseOptions, positiveNumber } from '../../core/options.ts';
import * as tf from '../../core/tf.ts';
import { checkPair, logSoft, logSumExp, oneHotLabels } from './soft.ts';

/** Options of {@link decoupledDistillation}. */
export interface DecoupledOptions {
  /** Weight of the target class against all others, TCKD. Default 1. */
  alpha?: number | undefined;
  /** Weight of what the others are among themselves, NCKD. Default 8. */
  beta?: number | undefined;
  /** Default 4. */
  temperature?: number | undefined;
}

const schema = z.strictObject({
  alpha: numberBetween(0, Number.POSITIVE_INFINITY).default(1),
  beta: numberBetween(0, Number.POSITIVE_INFINITY).default(8),
  temperature: positiveNumber().default(4),
});

/** Far enough below every logit that the softmax gives 0, as in the paper's code. */
const NOWHERE = 1000;

/**
 * DKD: `T² (α · TCKD + β · NCKD)`, the mean over the batch (Zhao et al. 2022, arXiv 2203.08679). KL is
 * `TCKD + (1 - p_t,y) · NCKD`. Raise its weight over the first epochs: `WeightCallback`.
 *
 * @param studentLogits shape [batch, classes]
 * @param teacherLogits the same shape; a constant
 * @param labels class numbers [batch]
 * @throws DataError `loss-shape`; `too-few-classes` for two classes, where nothing is left besides the target
 * @example
 * ```ts
 * const loss = losses.decoupledDistillation(student, teacher, y, { beta: 2 });
 * ```
 */
export function decoupledDistillation(
  studentLogits: tf.Tensor,
  teacherLogits: tf.Tensor,
  labels: tf.Tensor,
  options?: DecoupledOptions,
): tf.Scalar {
  const { alpha, beta, temperature } = parseOptions('decoupledDistillation', schema, options);
  checkPair('decoupledDistillation', studentLogits, teacherLogits);
  if ((studentLogits.shape[1] as number) < 3) {
    throw new DataError('decoupledDistillation', {
      code: 'too-few-classes',
      expected: 'at least 3 classes',
      got: String(studentLogits.shape[1]),
      help: 'with two classes there is one other class, and its share among the others is always 1: use klDivergence',
    });
  }
  return tf.tidy(() => {
    const target = oneHotLabels('decoupledDistillation', studentLogits, labels);
    const away = tf.mul(target, NOWHERE);
    const parts = (logits: tf.Tensor) => {
      const soft = tf.div(logits, temperature);
      const others = tf.sub(soft, away);
      const total = logSumExp(soft);
      const right = tf.sub(tf.sum(tf.mul(soft, target), 1, true), total);
      return { right, wrong: tf.sub(logSumExp(others), total), among: logSoft(others) };
    };
    const [s, t] = [parts(studentLogits), parts(detach(teacherLogits))];
    const kl = (p: tf.Tensor, q: tf.Tensor): tf.Tensor => tf.sum(tf.mul(tf.exp(p), tf.sub(p, q)), 1);
    const targetKd = tf.add(kl(t.right, s.right), kl(t.wrong, s.wrong));
    const each = tf.add(tf.mul(targetKd, alpha), tf.mul(kl(t.among, s.among), beta));
    return tf.mul(tf.mean(each), temperature ** 2) as tf.Scalar;
  });
}
