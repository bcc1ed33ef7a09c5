/**
 * tf.layers' dense layer on rows of features, without the batch axis of one that tfjs's fused product adds and takes away
 * again, forward and backward; bias and relu are one operation.
 */
import * as tf from '../core/tf.ts';
import { biasRelu, hasBiasRelu } from './bias-relu.ts';
import { putBefore } from './layer-pass.ts';

/** What the layer has that is needed here. */
interface DenseLayer {
  readonly kernel: { read(): tf.Tensor };
  readonly bias: { read(): tf.Tensor } | null;
  readonly activation: { getClassName(): string } | null;
}

let done = false;

/** Puts this in the place of the layer's own pass, where the engine has KelvinBiasRelu. A second call does nothing. */
export function splitDenseLayers(): void {
  if (done) return;
  done = true;
  putBefore<DenseLayer>('Dense', {
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

const activationOf = ({ activation }: DenseLayer): string => activation?.getClassName() ?? 'linear';
