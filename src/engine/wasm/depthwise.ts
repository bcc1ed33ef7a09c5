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
    for (let i = Math.max(0, -top); i < filterHeight && top + i < inHeight; i++)
      for (let j = 0; j < filterWidth; j++) {
        const left = j - padInfo.left;
        const first = Math.max(0, Math.ceil(-left / strideWidth));
        const count = Math.min(outWidth, Math.ceil((inWidth - left) / strideWidth)) - first;
        const span: Span = {
          from: ((image + top + i) * inWidth + left + first * strideWidth) * inChannels,
          step: strideWidth * inChannels,
          gradient: (row * outWidth + first) * outChannels,
          weight: (i * filterWidth + j) * outChannels,
          count,
        };
        if (count > 0) addSpan(x, dy, span, sums, outChannels, outChannels / inChannels);
      }
  }
}

/** The part of a row in which one filter tap sees the image. */
interface Span {
  /** Where its first pixel, channel 0, lies in the image, and how many values on the next one lies. */
  readonly from: number;
  readonly step: number;
  /** Where its first output gradient lies, and the tap's first weight. */
  readonly gradient: number;
  readonly weight: number;
  readonly count: number;
}

/** Channel by channel, so that the sums stay in registers; two chains of additions keep the adder busy. */
function addSpan(
  x: Float32Array,
  dy: Float32Array,
  { from, step, gradient, weight, count }: Span,
  sums: Float64Array,
  channels: number,
  multiplier: number,
): void {
  const even = count - (count & 1);
  for (let o = 0; o < channels; o++) {
    let a = multiplier === 1 ? from + o : from + Math.floor(o / multiplier);
    let b = gradient + o;
    let [first, second] = [0, 0];
    for (let column = 0; column < even; column += 2) {
      first += (x[a] as number) * (dy[b] as number);
      second += (x[a + step] as number) * (dy[b + channels] as number);
      a += 2 * step;
      b += 2 * channels;
    }
    if (count > even) first += (x[a] as number) * (dy[b] as number);
    sums[weight + o] = (sums[weight + o] as number) + first + second;
  }
}
