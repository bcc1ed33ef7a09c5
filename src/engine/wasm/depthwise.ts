/**
 * The gradients of the depthwise convolution, which the backend lacks, and its 'same' padding where the stride
 * exceeds the filter.
 */
import * as tf from '../../core/tf.ts';
import { withExplicitPadding } from './conv2d.ts';
import { type Geometry, geometryOf, type Sliding, spread, turned } from './convolution.ts';
import { complete, type Info, type Workspace } from './kernels.ts';

/** Registers DepthwiseConv2dNative, its fused form and its two gradients. */
export function completeDepthwise(): void {
  complete<tf.DepthwiseConv2dNativeAttrs>(tf.DepthwiseConv2dNative, withExplicitPadding(true));
  complete<tf.FusedDepthwiseConv2DAttrs>(tf.FusedDepthwiseConv2D, withExplicitPadding(true));
  complete<InputAttrs>(tf.DepthwiseConv2dNativeBackpropInput, inputGradient);
  complete<FilterAttrs>(tf.DepthwiseConv2dNativeBackpropFilter, filterGradient);
}

type InputAttrs = Sliding & { readonly inputShape: number[] };
type FilterAttrs = Sliding & { readonly filterShape: number[] };

/**
 * The output gradient, spread out, convolved depthwise with the turned filter. With a channel multiplier each
 * output channel is convolved by itself and those of one input channel are added.
 */
function inputGradient(inputs: Record<string, Info>, attrs: InputAttrs, work: Workspace): Info {
  const { dy, filter } = inputs as { dy: Info; filter: Info };
  const geometry = geometryOf(attrs.inputShape, filter.shape, attrs, true);
  const [height, width, channels, multiplier] = filter.shape as [number, number, number, number];
  const each = work.view(turned(filter, work), [height, width, channels * multiplier, 1]);
  const x = spread(dy, geometry, work);
  const dx = work.run(tf.DepthwiseConv2dNative, { x, filter: each }, { strides: 1, pad: 'valid', dilations: 1 });
  if (multiplier === 1) return dx;
  const apart = work.view(dx, [...attrs.inputShape, multiplier]);
  return work.run(tf.Sum, { x: apart }, { axis: [4], keepDims: false });
}

/** Every filter weight's products with the output gradient, added over all positions in double precision. */
function filterGradient(inputs: Record<string, Info>, attrs: FilterAttrs, work: Workspace): Info {
  const { x, dy } = inputs as { x: Info; dy: Info };
  const geometry = geometryOf(x.shape, attrs.filterShape, attrs, true);
  const out = work.allocate(attrs.filterShape);
  const sums = new Float64Array(tf.util.sizeFromShape(attrs.filterShape));
  addProducts(work.floats(x), work.floats(dy), geometry, sums);
  work.floats(out).set(sums);
  return out;
}

function addProducts(x: Float32Array, dy: Float32Array, geometry: Geometry, sums: Float64Array): void {
  const { batchSize, outHeight, outWidth, filterHeight, filterWidth, inHeight, inWidth } = geometry;
  const { inChannels, outChannels, strideHeight, strideWidth, padInfo } = geometry;
  for (let row = 0; row < batchSize * outHeight; row++) {
    const image = Math.floor(row / outHeight) * inHeight;
    const top = (row % outHeight) * strideHeight - padInfo.top;
    for (let column = 0; column < outWidth; column++) {
      const left = column * strideWidth - padInfo.left;
      const from = (row * outWidth + column) * outChannels;
      for (let i = Math.max(0, -top); i < filterHeight && top + i < inHeight; i++)
        for (let j = Math.max(0, -left); j < filterWidth && left + j < inWidth; j++) {
          const at = ((image + top + i) * inWidth + left + j) * inChannels;
          const weight = (i * filterWidth + j) * outChannels;
          if (inChannels === outChannels) addPixel(x, at, dy, from, sums, weight, inChannels);
          else addPixelTimes(x, at, dy, from, sums, weight, inChannels, outChannels / inChannels);
        }
    }
  }
}

/** One pixel, one output channel for each input channel. */
function addPixel(
  x: Float32Array,
  at: number,
  dy: Float32Array,
  from: number,
  sums: Float64Array,
  weight: number,
  channels: number,
): void {
  for (let c = 0; c < channels; c++)
    sums[weight + c] = (sums[weight + c] as number) + (x[at + c] as number) * (dy[from + c] as number);
}

/** One pixel, several output channels for each input channel. */
function addPixelTimes(
  x: Float32Array,
  at: number,
  dy: Float32Array,
  from: number,
  sums: Float64Array,
  weight: number,
  channels: number,
  multiplier: number,
): void {
  for (let c = 0, o = 0; c < channels; c++)
    for (let q = 0; q < multiplier; q++, o++)
      sums[weight + o] = (sums[weight + o] as number) + (x[at + c] as number) * (dy[from + o] as number);
}
