/** Convolutions and their gradients on the companion, with dilation, strides and padding in any combination. */
import * as tf from '../../../core/tf.ts';
import type { Sliding } from '../convolution.ts';
import type { Info } from '../kernels.ts';
import { accelerate, type Bench, isFloat, PRODUCT_SCRATCH, panelBytes, sizeOf, zeroed } from './accelerate.ts';
import { finish } from './mat-mul.ts';

type Dilated = Sliding & {
  readonly dataFormat?: string | undefined;
  readonly dilations?: number | [number, number] | undefined;
};
type InputAttrs = Dilated & { readonly inputShape: number[] };
type FilterAttrs = Dilated & { readonly filterShape: number[] };
type Geometry = ReturnType<typeof tf.backend_util.computeConv2DInfo>;

/** Registers both convolutions, their gradients and their fused forms. */
export function accelerateConvolution(): void {
  accelerate<tf.Conv2DAttrs>(tf.Conv2D, ({ x, filter }, attrs, bench) =>
    forward(x as Info, filter as Info, attrs, bench),
  );
  accelerate<tf.FusedConv2DAttrs>(tf.FusedConv2D, (inputs, attrs, bench) => {
    const { x, filter, bias, preluActivationWeights } = inputs as { x: Info; filter: Info } & Record<string, Info>;
    const y = forward(x, filter, attrs, bench);
    return y && finish(y, { bias, preluActivationWeights }, attrs, bench.work);
  });
  accelerate<tf.DepthwiseConv2dNativeAttrs>(tf.DepthwiseConv2dNative, depthwiseForward);
  accelerate<InputAttrs>(tf.DepthwiseConv2dNativeBackpropInput, depthwiseInputGradient);
  accelerate<tf.FusedDepthwiseConv2DAttrs>(tf.FusedDepthwiseConv2D, (inputs, attrs, { work }) => {
    const { x, filter, bias, preluActivationWeights } = inputs as { x: Info; filter: Info } & Record<string, Info>;
    const y = work.run(tf.DepthwiseConv2dNative, { x, filter }, attrs);
    return finish(y, { bias, preluActivationWeights }, attrs, work);
  });
  accelerate<InputAttrs>(tf.Conv2DBackpropInput, inputGradient);
  accelerate<FilterAttrs>(tf.Conv2DBackpropFilter, filterGradient);
  accelerate<FilterAttrs>(tf.DepthwiseConv2dNativeBackpropFilter, depthwiseFilterGradient);
}

const channelsLast = ({ dataFormat }: Dilated): boolean => dataFormat === undefined || dataFormat === 'NHWC';

/** The geometry of a convolution over [batch, height, width, channels]. */
function geometryOf(input: number[], filter: number[], attrs: Dilated, depthwise = false): Geometry {
  const { strides, dilations, pad, dimRoundingMode } = attrs;
  const shapes = [input, filter] as [[number, number, number, number], [number, number, number, number]];
  return tf.backend_util.computeConv2DInfo(...shapes, strides, dilations ?? 1, pad, dimRoundingMode, depthwise);
}

function depthwiseForward(inputs: Record<string, Info>, attrs: Dilated, bench: Bench): Info | undefined {
  const { x, filter } = inputs as { x: Info; filter: Info };
  const g = geometryOf(x.shape, filter.shape, attrs, true);
  if (!isFloat(x) || !isFloat(filter) || !channelsLast(attrs) || g.inChannels !== g.outChannels) return undefined;
  const { run, work } = bench;
  const out = work.allocate(g.outShape);
  setForward(bench, g);
  const positions = g.batchSize * g.outHeight * g.outWidth;
  run.depthwise(work.address(x), work.address(filter), work.address(out), 0, positions);
  return out;
}

function depthwiseInputGradient(inputs: Record<string, Info>, attrs: InputAttrs, bench: Bench): Info | undefined {
  const { dy, filter } = inputs as { dy: Info; filter: Info };
  const g = geometryOf(attrs.inputShape, filter.shape, attrs, true);
  if (!isFloat(dy) || !isFloat(filter) || g.inChannels !== g.outChannels) return undefined;
  const { run, work } = bench;
  const out = work.allocate(attrs.inputShape);
  setBackward(bench, g);
  const pixels = g.batchSize * g.inHeight * g.inWidth;
  run.depthwise(work.address(dy), work.address(filter), work.address(out), 0, pixels);
  return out;
}

/**
 * Tells the companion to look at the output gradient from the image, its pixels a stride apart: pixel y of the image was
 * seen by output row (y + padding - tap · dilation) / stride.
 */
function setBackward({ run }: Bench, g: Geometry): void {
  run.geometry(
    ...[g.outHeight, g.outWidth, g.outChannels, g.strideHeight, g.strideWidth],
    ...[g.inHeight, g.inWidth, 1, 1, g.padInfo.top, g.padInfo.left],
    ...[g.filterHeight, g.filterWidth, -g.dilationHeight, -g.dilationWidth],
  );
}

/** Tells the companion to look at the image as the forward pass does. */
function setForward({ run }: Bench, g: Geometry): void {
  run.geometry(
    ...[g.inHeight, g.inWidth, g.inChannels, 1, 1],
    ...[g.outHeight, g.outWidth, g.strideHeight, g.strideWidth, -g.padInfo.top, -g.padInfo.left],
    ...[g.filterHeight, g.filterWidth, g.dilationHeight, g.dilationWidth],
  );
}

function forward(x: Info, filter: Info, attrs: Dilated, bench: Bench): Info | undefined {
  if (!isFloat(x) || !isFloat(filter) || !channelsLast(attrs)) return undefined;
  const g = geometryOf(x.shape, filter.shape, attrs);
  if (sizeOf(g.outShape) === 0 || sizeOf(filter.shape) === 0) return undefined;
  const { run, work } = bench;
  const out = work.allocate(g.outShape);
  const depth = g.filterHeight * g.filterWidth * g.inChannels;
  const panels = work.reserve(panelBytes(depth, g.outChannels) + PRODUCT_SCRATCH);
  const scratch = panels + panelBytes(depth, g.outChannels);
  run.packColumns(work.address(filter), panels, depth, g.outChannels, g.outChannels, 0, 0, depth);
  const positions = g.batchSize * g.outHeight * g.outWidth;
  const pointwise = depth === g.inChannels && positions === g.batchSize * g.inHeight * g.inWidth;
  const [from, to] = [work.address(x), work.address(out)];
  if (pointwise) run.matMul(from, panels, to, g.outChannels, depth, depth, 0, 0, positions, scratch);
  else {
    setForward(bench, g);
    run.convolution(from, panels, to, g.outChannels, 0, positions, scratch);
  }
  return out;
}

function inputGradient(inputs: Record<string, Info>, attrs: InputAttrs, bench: Bench): Info | undefined {
  const { dy, filter } = inputs as { dy: Info; filter: Info };
  if (!isFloat(dy) || !isFloat(filter) || !channelsLast(attrs)) return undefined;
  const g = geometryOf(attrs.inputShape, filter.shape, attrs);
  if (sizeOf(g.inShape) === 0 || sizeOf(dy.shape) === 0) return undefined;
  const { run, work } = bench;
  const { inChannels, outChannels, batchSize, inHeight, inWidth } = g;
  const out = work.allocate(attrs.inputShape);
  const taps = g.filterHeight * g.filterWidth;
  const depth = taps * outChannels;
  const panels = work.reserve(panelBytes(depth, inChannels) + PRODUCT_SCRATCH);
  const scratch = panels + panelBytes(depth, inChannels);
  const weights = work.address(filter);
  for (let tap = 0; tap < taps; tap++) {
    const at = weights + tap * inChannels * outChannels * 4;
    run.packColumns(at, panels, outChannels, inChannels, outChannels, 1, tap * outChannels, depth);
  }
  setBackward(bench, g);
  const pixels = batchSize * inHeight * inWidth;
  run.convolution(work.address(dy), panels, work.address(out), inChannels, 0, pixels, scratch);
  return out;
}

function filterGradient(inputs: Record<string, Info>, attrs: FilterAttrs, bench: Bench): Info | undefined {
  const { x, dy } = inputs as { x: Info; dy: Info };
  if (!isFloat(x) || !isFloat(dy) || !channelsLast(attrs)) return undefined;
  const g = geometryOf(x.shape, attrs.filterShape, attrs);
  const { run, work } = bench;
  const out = work.allocate(attrs.filterShape);
  const to = zeroed(out, work);
  if (sizeOf(dy.shape) === 0 || sizeOf(out.shape) === 0) return out;
  const panels = work.reserve(panelBytes(256, g.outChannels) + PRODUCT_SCRATCH);
  setForward(bench, g);
  const positions = g.batchSize * g.outHeight * g.outWidth;
  const scratch = panels + panelBytes(256, g.outChannels);
  const [from, gradient] = [work.address(x), work.address(dy)];
  run.convolutionFilterGradient(from, gradient, to, g.outChannels, 0, positions, panels, scratch);
  return out;
}

function depthwiseFilterGradient(inputs: Record<string, Info>, attrs: FilterAttrs, bench: Bench): Info | undefined {
  const { x, dy } = inputs as { x: Info; dy: Info };
  const g = geometryOf(x.shape, attrs.filterShape, attrs, true);
  if (!isFloat(x) || !isFloat(dy) || g.inChannels !== g.outChannels) return undefined;
  const { run, work } = bench;
  const out = work.allocate(attrs.filterShape);
  const to = zeroed(out, work);
  run.depthwiseFilterGradient(
    ...[work.address(x), work.address(dy), to, g.inHeight, g.inWidth, g.inChannels, g.outHeight, g.outWidth],
    ...[g.filterHeight, g.filterWidth, g.strideHeight, g.strideWidth, g.dilationHeight, g.dilationWidth],
    ...[g.padInfo.top, g.padInfo.left, 0, g.batchSize],
  );
  return out;
}
