/** Batch normalisation in training as two operations while a step is recorded: no later pass could put it together. */
import { asOperation } from '../../core/recording.ts';
import * as tf from '../../core/tf.ts';
import { replaceBatchNorm } from '../batch-norm-layer.ts';

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
      return asOperation('BatchNormTrainGrad', all, { epsilon }, () => backward(all, epsilon));
    },
  });
}

type Three = [tf.Tensor, tf.Tensor, tf.Tensor];

function forward(x: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor, epsilon: number): Three {
  const { mean, variance } = tf.moments(x, leadingAxes(x));
  const normed = tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, epsilon)));
  return [tf.add(tf.mul(normed, scale), offset), mean, variance];
}

/** Ioffe and Szegedy 2015: gradients for the input, the scale and the offset. */
function backward(
  { dy, x, scale, mean, variance }: Record<'dy' | 'x' | 'scale' | 'mean' | 'variance', tf.Tensor>,
  epsilon: number,
): Three {
  const axes = leadingAxes(x);
  const inverse = tf.rsqrt(tf.add(variance, epsilon));
  const normed = tf.mul(tf.sub(x, mean), inverse);
  const ofScale = tf.sum(tf.mul(dy, normed), axes);
  const ofOffset = tf.sum(dy, axes);
  const count = x.size / mean.size;
  const shared = tf.add(tf.mul(normed, tf.div(ofScale, count)), tf.div(ofOffset, count));
  return [tf.mul(tf.mul(tf.sub(dy, shared), inverse), scale), ofScale, ofOffset];
}

const leadingAxes = (x: tf.Tensor): number[] => Array.from({ length: x.rank - 1 }, (_, i) => i);
