/**
 * tf.layers' convolution without an activation is one fused operation, whose gradient function computes the gradient of the
 * input also where nobody asks for it, as for the images that a network begins with. While gradients are taken it is
 * computed as a convolution and a bias here, whose gradients are computed as they are needed. Bias and relu are one
 * operation where the engine has it.
 */
import * as tf from '../core/tf.ts';
import { biasRelu, hasBiasRelu } from './bias-relu.ts';
import { type ActivatedLayer, activationOf, putOnce } from './layer-pass.ts';

/** What the layer has that is needed here. */
interface ConvolutionLayer extends ActivatedLayer {
  readonly kernel: { read(): tf.Tensor };
  readonly bias: { read(): tf.Tensor } | null;
  readonly strides: [number, number];
  readonly dilationRate: [number, number];
  readonly padding: string;
  readonly dataFormat: string;
}

/** Puts this in the place of the fused pass of `conv2d` layers. A second call does nothing. */
export function splitConvolutionLayers(): void {
  putOnce<ConvolutionLayer>('Conv2D', {
    fits(layer, { rank }) {
      const { bias, dataFormat } = layer;
      if (rank !== 4 || dataFormat !== 'channelsLast') return false;
      const name = activationOf(layer);
      return name === 'linear' ? tf.engine().isTapeOn() : name === 'relu' && bias !== null && hasBiasRelu();
    },
    run: (layer, x) => convolve(layer, x as tf.Tensor4D),
  });
}

function convolve(layer: ConvolutionLayer, x: tf.Tensor4D): tf.Tensor {
  const { kernel, bias, strides, dilationRate } = layer;
  const pad = layer.padding === 'same' ? 'same' : 'valid';
  const y = tf.conv2d(x, kernel.read() as tf.Tensor4D, strides, pad, 'NHWC', dilationRate);
  if (bias === null) return y;
  return activationOf(layer) === 'relu' ? biasRelu(y, bias.read()) : tf.add(y, bias.read());
}
