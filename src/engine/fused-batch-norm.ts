/** Batch normalisation layers in training as the two fused kernels of whichever engine has them. */
import { hasFused, runFused } from '../core/fused.ts';
import * as tf from '../core/tf.ts';
import { batchNormGradients, replaceBatchNorm } from './batch-norm-layer.ts';

let done = false;

/** Puts the fused pass before the layer's own, which is still taken where the engine has none. A second call does nothing. */
export function fuseBatchNormLayers(): void {
  if (done) return;
  done = true;
  replaceBatchNorm({
    ready: () => hasFused('KelvinBatchNorm'),
    forward(inputs, epsilon) {
      const outputs = runFused('KelvinBatchNorm', inputs, { epsilon });
      const [y, mean, variance, ...saved] = outputs as [tf.Tensor, tf.Tensor, tf.Tensor, ...tf.Tensor[]];
      return { y, mean, variance, saved: [mean, variance, ...saved] };
    },
    backward(inputs, saved, epsilon) {
      // The kernel has no gradient of its own.
      if (tf.engine().isTapeOn()) return batchNormGradients(inputs, epsilon);
      const [mean, variance, ...rest] = saved as [tf.Tensor, tf.Tensor, ...tf.Tensor[]];
      const reserved = Object.fromEntries(rest.map((one, i) => [`r${i + 1}`, one]));
      const all = { ...inputs, mean, variance, ...reserved } as tf.NamedTensorMap;
      return tf.engine().runKernel('KelvinBatchNormGrad', all, { epsilon }) as tf.Tensor[];
    },
  });
}
