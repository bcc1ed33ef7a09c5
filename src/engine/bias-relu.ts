/**
 * relu(x + bias) as one operation of the engines that have it, with its gradients in one operation: passes over memory are
 * what these cost.
 */
import { hasFused, runFused } from '../core/fused.ts';
import * as tf from '../core/tf.ts';

/** Whether the current engine has it, now. */
export const hasBiasRelu = (): boolean => hasFused('KelvinBiasRelu');

/** relu(x + bias), the bias along the last axis; ask {@link hasBiasRelu} first. */
export const biasRelu = (x: tf.Tensor, bias: tf.Tensor): tf.Tensor =>
  tf.engine().runKernel('KelvinBiasRelu', { x, bias }) as tf.Tensor;

/** Registers the operation's gradient. A second call does nothing. */
export function completeBiasRelu(): void {
  if (tf.getGradient('KelvinBiasRelu') !== undefined) return;
  tf.registerGradient({
    kernelName: 'KelvinBiasRelu',
    outputsToSave: [true],
    gradFunc(given, [saved]) {
      const [y, dy] = [saved as tf.Tensor, given as tf.Tensor];
      const [ofX, ofBias] = runFused('KelvinReluBiasGrad', { y, dy }, {}) ?? composed(y, dy);
      return { x: () => ofX as tf.Tensor, bias: () => ofBias as tf.Tensor };
    },
  });
}

/** The same in operations that have gradients themselves. */
function composed(y: tf.Tensor, dy: tf.Tensor): [tf.Tensor, tf.Tensor] {
  const ofX = tf.mul(dy, tf.cast(tf.greater(y, 0), 'float32'));
  const leading = y.shape.slice(0, -1).map((_, axis) => axis);
  return [ofX, tf.sum(ofX, leading)];
}
