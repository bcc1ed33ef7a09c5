/**
 * tf.layers' convolution without an activation is one fused operation, whose gradient function computes the gradient of the
 * input also where nobody asks for it, as for the images that a network begins with. While gradients are taken it is
 * computed as a convolution and a bias here, whose gradients are computed as they are needed.
 */
import * as tf from '../core/tf.ts';

/** What the layer has that is needed here. */
interface ConvolutionLayer {
  readonly kernel: { read(): tf.Tensor };
  readonly bias: { read(): tf.Tensor } | null;
  readonly strides: [number, number];
  readonly dilationRate: [number, number];
  readonly padding: string;
  readonly dataFormat: string;
  readonly activation: { getClassName(): string } | null;
}

type Call = (this: ConvolutionLayer, inputs: tf.Tensor | tf.Tensor[], kwargs: object) => tf.Tensor;

let done = false;

/** Puts this in the place of the fused pass of `conv2d` layers. A second call does nothing. */
export function splitConvolutionLayers(): void {
  const [layer] = tf.serialization.SerializationMap.getMap().classNameMap.Conv2D ?? [];
  if (done || layer === undefined) return;
  done = true;
  const prototype = layer.prototype as { call: Call };
  const { call } = prototype;
  prototype.call = function (inputs, kwargs) {
    const x = Array.isArray(inputs) ? (inputs[0] as tf.Tensor) : inputs;
    const linear = (this.activation?.getClassName() ?? 'linear') === 'linear';
    const fits = linear && x.rank === 4 && this.dataFormat === 'channelsLast' && tf.engine().isTapeOn();
    return fits ? tf.tidy(() => convolve(this, x as tf.Tensor4D)) : call.call(this, inputs, kwargs);
  };
}

function convolve(layer: ConvolutionLayer, x: tf.Tensor4D): tf.Tensor {
  const { kernel, bias, strides, dilationRate } = layer;
  const pad = layer.padding === 'same' ? 'same' : 'valid';
  const y = tf.conv2d(x, kernel.read() as tf.Tensor4D, strides, pad, 'NHWC', dilationRate);
  return bias ? tf.add(y, bias.read()) : y;
}
