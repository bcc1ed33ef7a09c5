/** Batch normalisation in training as TensorFlow's two fused operations. */
import { hasFused, runFused } from '../../core/fused.ts';
import * as tf from '../../core/tf.ts';
import { replaceBatchNorm } from '../batch-norm-layer.ts';

/** Puts the fused pass before the layer's own, which is still taken where the engine has none. */
export function fuseBatchNormLayers(): void {
  replaceBatchNorm({
    ready: () => hasFused('KelvinBatchNorm'),
    forward(inputs, epsilon) {
      const outputs = runFused('KelvinBatchNorm', inputs, { epsilon });
      const [y, mean, variance, ...saved] = outputs as [tf.Tensor, tf.Tensor, tf.Tensor, ...tf.Tensor[]];
      return { y, mean, variance, saved };
    },
    backward(inputs, [r1, r2, r3], epsilon) {
      const all = { ...inputs, r1, r2, r3 } as tf.NamedTensorMap;
      return tf.engine().runKernel('KelvinBatchNormGrad', all, { epsilon }) as tf.Tensor[];
    },
  });
}
