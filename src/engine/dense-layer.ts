/**
 * tf.layers' dense layer on rows of features, without the batch axis of one that tfjs's fused product adds and takes away
 * again, forward and backward; bias and relu are one operation.
 */
import * as tf from '../core/tf.ts';
import { biasRelu, hasBiasRelu } from './bias-relu.ts';
import { type ActivatedLayer, activationOf, putOnce } from './layer-pass.ts';

/** What the layer has that is needed here. */
interface DenseLayer extends ActivatedLayer {
  readonly kernel: { read(): tf.Tensor };
  readonly bias: { read(): tf.Tensor } | null;
}

/** Puts this in the place of the layer's own pass, where the engine has KelvinBiasRelu. A second call does nothing. */
export function splitDenseLayers(): void {
  putOnce<DenseLayer>('Dense', {
    fits: (layer, { rank, dtype }) =>
      rank === 2 && dtype === 'float32' && ['linear', 'relu'].includes(activationOf(layer)) && hasBiasRelu(),
    run(layer, x) {
      const product = tf.matMul(x as tf.Tensor2D, layer.kernel.read() as tf.Tensor2D);
      const bias = layer.bias?.read();
      if (activationOf(layer) === 'linear') return bias ? tf.add(product, bias) : product;
      return bias ? biasRelu(product, bias) : tf.relu(product);
    },
  });
}
