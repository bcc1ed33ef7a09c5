/**
 * tf.layers' layer normalisation tiles its moments, scale and offset to the shape of the input. Where the engine has fused
 * kernels it is one operation each way here, with the same values and gradients.
 */
import { hasFused, runFused } from '../core/fused.ts';
import * as tf from '../core/tf.ts';
import { putOnce } from './layer-pass.ts';

/** What the layer has that is needed here. */
interface LayerNormLayer {
  readonly axis: number[];
  readonly epsilon: number;
  readonly gamma: { read(): tf.Tensor } | null;
  readonly beta: { read(): tf.Tensor } | null;
}

/** Puts the fused pass before the layer's own, which is still taken where it does not fit. A second call does nothing. */
export function fuseLayerNormLayers(): void {
  putOnce<LayerNormLayer>('LayerNormalization', {
    fits({ axis }, x) {
      const overLast = axis.length === 1 && axis[0] === x.rank - 1;
      return overLast && x.size > 0 && x.dtype === 'float32' && hasFused('KelvinLayerNorm');
    },
    run: normalize,
  });
}

function normalize({ gamma, beta, epsilon }: LayerNormLayer, x: tf.Tensor): tf.Tensor {
  const features = [x.shape.at(-1) as number];
  const op = tf.customGrad((...given) => {
    const [input, scale, offset, save] = given as unknown as [tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    const outputs = runFused('KelvinLayerNorm', { x: input, scale, offset }, { epsilon });
    const [value, mean, inverse] = outputs as [tf.Tensor, tf.Tensor, tf.Tensor];
    save([input, scale, mean, inverse]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
      const [ofX, ofScale, ofMean, ofInverse] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
      // The kernel has no gradient of its own.
      if (tf.engine().isTapeOn()) return gradients(dy, ofX, ofScale, epsilon);
      const all = { dy, x: ofX, scale: ofScale, mean: ofMean, inverse: ofInverse };
      return tf.engine().runKernel('KelvinLayerNormGrad', all, {}) as tf.Tensor[];
    };
    return { value, gradFunc: gradFunc as never };
  });
  return op(x, gamma?.read() ?? tf.ones(features), beta?.read() ?? tf.zeros(features));
}

/** Gradients for the input, the scale and the offset, of operations that have gradients themselves (Ba et al. 2016). */
function gradients(dy: tf.Tensor, x: tf.Tensor, scale: tf.Tensor, epsilon: number): tf.Tensor[] {
  const { mean, variance } = tf.moments(x, -1, true);
  const inverse = tf.rsqrt(tf.add(variance, epsilon));
  const normed = tf.mul(tf.sub(x, mean), inverse);
  const slope = tf.mul(dy, scale);
  const along = tf.mul(normed, tf.mean(tf.mul(slope, normed), -1, true));
  const leading = Array.from({ length: x.rank - 1 }, (_, i) => i);
  return [
    tf.mul(inverse, tf.sub(tf.sub(slope, tf.mean(slope, -1, true)), along)),
    tf.sum(tf.mul(dy, normed), leading),
    tf.sum(dy, leading),
  ];
}
