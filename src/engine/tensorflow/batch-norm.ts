/** Batch normalisation in training as two operations, `FusedBatchNormV3` and its gradient. */
import * as tf from '../../core/tf.ts';
import { attributes, type Info, type TensorFlowBackend, tidied } from './ops.ts';

/** Registers KelvinBatchNorm and KelvinBatchNormGrad. */
export function directBatchNorm(backend: TensorFlowBackend): void {
  const { T, type, bool, float, text } = attributes(backend);
  const common = [T, type('U', backend.binding.TF_FLOAT), text('data_format', 'NHWC'), bool('is_training', true)];

  // Outputs: y, the batch's mean and variance, and what the gradient wants back.
  tidied<{ epsilon: number }>('KelvinBatchNorm', (inputs, { epsilon }) => {
    const { x, scale, offset } = inputs as Record<'x' | 'scale' | 'offset', Info>;
    const attrs = [...common, float('epsilon', epsilon), float('exponential_avg_factor', 1)];
    const empty = tf.tensor1d([]);
    const outputs = backend.executeMultipleOutputs(
      'FusedBatchNormV3',
      attrs,
      [as4d(x), scale, offset, empty, empty],
      6,
    );
    const [y, mean, unbiased, ...reserved] = outputs as [tf.Tensor, tf.Tensor, tf.Tensor, ...tf.Tensor[]];
    const count = tf.util.sizeFromShape(x.shape) / (x.shape.at(-1) as number);
    // TensorFlow corrects the variance for the mean that was estimated, which tf.layers does not.
    const variance = count > 1 ? tf.mul(unbiased, (count - 1) / count) : tf.zerosLike(unbiased);
    return [shapedAs(y, x), mean, variance, ...reserved];
  });
  tidied<{ epsilon: number }>('KelvinBatchNormGrad', (inputs, { epsilon }) => {
    const { dy, x, scale, r1, r2, r3 } = inputs as Record<'dy' | 'x' | 'scale' | 'r1' | 'r2' | 'r3', Info>;
    const attrs = [...common, float('epsilon', epsilon)];
    const given = [as4d(dy), as4d(x), scale, r1, r2, r3];
    const outputs = backend.executeMultipleOutputs('FusedBatchNormGradV3', attrs, given, 5) as tf.Tensor[];
    const [ofX, ofScale, ofOffset] = outputs as [tf.Tensor, tf.Tensor, tf.Tensor];
    return [shapedAs(ofX, x), ofScale, ofOffset];
  });
}

/** [batch, height, width, channels], whatever lies before the channels. */
const as4d = (x: Info): Info =>
  x.shape.length === 4 ? x : tf.reshape(x as tf.Tensor, [-1, 1, 1, x.shape.at(-1) as number]);

const shapedAs = (y: tf.Tensor, x: Info): tf.Tensor => (x.shape.length === 4 ? y : tf.reshape(y, x.shape));
