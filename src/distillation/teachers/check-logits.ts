/** Finds outputs that cannot be compared as logits: other classes, or probabilities. */
import { ConfigError } from '../../core/errors.ts';
import * as tf from '../../core/tf.ts';

/** @throws ConfigError `class-mismatch` */
export function checkSameClasses(student: tf.Tensor, teacher: tf.Tensor): void {
  if (student.shape.join() === teacher.shape.join()) return;
  throw new ConfigError('The teacher', {
    code: 'class-mismatch',
    expected: `logits of shape [${student.shape}], as the student gives`,
    got: `[${teacher.shape}]`,
  });
}

/**
 * Throws when what should be logits are rows of probabilities. Reads them back: call it once.
 *
 * @throws ConfigError `probabilities-not-logits`
 */
export function checkAreLogits(whose: string, output: tf.Tensor): void {
  if (output.rank !== 2) return;
  const soft = tf.tidy(() => {
    const inside = tf.logicalAnd(tf.greaterEqual(output, 0), tf.lessEqual(output, 1));
    const whole = tf.lessEqual(tf.abs(tf.sub(tf.sum(output, 1), 1)), 1e-4);
    return tf.logicalAnd(tf.all(inside), tf.all(whole)).dataSync()[0];
  });
  if (!soft) return;
  throw new ConfigError(`${whose} gives probabilities`, {
    code: 'probabilities-not-logits',
    expected: 'logits: the softmax belongs to the loss, behind the temperature',
    help: 'take the softmax off, give a tf.LayersModel whose last layer can be told, or say `probabilities: true` of a teacher',
  });
}
