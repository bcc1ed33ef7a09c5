/** Batch normalisation in training as two operations while a step is recorded: no later pass could put it together. */
import { asOperation } from '../../core/recording.ts';
import * as tf from '../../core/tf.ts';
import { batchNormGradients, leadingAxes, replaceBatchNorm } from '../batch-norm-layer.ts';

/** Makes every batch normalisation layer two operations. Returns what undoes it. */
export function withWholeBatchNorm(): () => void {
  return replaceBatchNorm({
    forward(inputs, epsilon) {
      const { x, scale, offset } = inputs;
      const compute = () => forward(x, scale, offset, epsilon);
      const [y, mean, variance] = asOperation('BatchNormTrain', inputs, { epsilon }, compute) as Three;
      return { y, mean, variance, saved: [mean, variance] };
    },
    backward(inputs, saved, epsilon) {
      const [mean, variance] = saved as [tf.Tensor, tf.Tensor];
      const all = { ...inputs, mean, variance };
      return asOperation('BatchNormTrainGrad', all, { epsilon }, () => batchNormGradients(inputs, epsilon, all));
    },
  });
}

type Three = [tf.Tensor, tf.Tensor, tf.Tensor];

function forward(x: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor, epsilon: number): Three {
  const { mean, variance } = tf.moments(x, leadingAxes(x));
  const normed = tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, epsilon)));
  return [tf.add(tf.mul(normed, scale), offset), mean, variance];
}
