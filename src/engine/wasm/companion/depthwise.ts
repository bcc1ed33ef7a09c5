/** Depthwise convolutions and their gradients on the companion. */
import * as tf from '../../../core/tf.ts';
import { finish } from '../fused.ts';
import type { Info } from '../kernels.ts';
import { accelerate, type Bench, isFloat, sizeOf } from './accelerate.ts';
import { along, COUNT, END, START } from './arguments.ts';
import {
  channelsLast,
  type Dilated,
  type FilterAttrs,
  type Geometry,
  geometryOf,
  type InputAttrs,
  lookBackward,
  lookForward,
} from './geometry.ts';

/** Registers the depthwise convolution, its gradients and its fused form. */
export function accelerateDepthwise(): void {
  accelerate<tf.DepthwiseConv2dNativeAttrs>(tf.DepthwiseConv2dNative, forward);
  accelerate<InputAttrs>(tf.DepthwiseConv2dNativeBackpropInput, inputGradient);
  accelerate<FilterAttrs>(tf.DepthwiseConv2dNativeBackpropFilter, filterGradient);
  accelerate<tf.FusedDepthwiseConv2DAttrs>(tf.FusedDepthwiseConv2D, (inputs, attrs, { work }) => {
    const { x, filter, bias, preluActivationWeights } = inputs as { x: Info; filter: Info } & Record<string, Info>;
    const y = work.run(tf.DepthwiseConv2dNative, { x, filter }, attrs);
    return finish(y, { bias, preluActivationWeights }, attrs, work);
  });
}

function forward(inputs: Record<string, Info>, attrs: Dilated, bench: Bench): Info | undefined {
  const { x, filter } = inputs as { x: Info; filter: Info };
  const g = geometryOf(x.shape, filter.shape, attrs, true);
  if (!isFloat(x) || !isFloat(filter) || !channelsLast(attrs) || g.inChannels !== g.outChannels) return undefined;
  const out = bench.work.allocate(g.outShape);
  slide(bench, lookForward(bench, g), [x, filter, out], g);
  return out;
}

function inputGradient(inputs: Record<string, Info>, attrs: InputAttrs, bench: Bench): Info | undefined {
  const { dy, filter } = inputs as { dy: Info; filter: Info };
  const g = geometryOf(attrs.inputShape, filter.shape, attrs, true);
  if (!isFloat(dy) || !isFloat(filter) || g.inChannels !== g.outChannels) return undefined;
  const out = bench.work.allocate(attrs.inputShape);
  slide(bench, lookBackward(bench, g), [dy, filter, out], g);
  return out;
}

function slide(bench: Bench, geometry: number, tensors: readonly [Info, Info, Info], g: Geometry): void {
  const positions = sizeOf(tensors[2].shape) / g.inChannels;
  bench.share('depthwise', { units: positions, time: timeOf(g) }, [
    geometry,
    ...tensors.map((one) => bench.work.address(one)),
    START,
    END,
  ]);
}

const timeOf = (g: Geometry): number => (sizeOf(g.outShape) * g.filterHeight * g.filterWidth) / 4;

function filterGradient(inputs: Record<string, Info>, attrs: FilterAttrs, bench: Bench): Info | undefined {
  const { x, dy } = inputs as { x: Info; dy: Info };
  const g = geometryOf(x.shape, attrs.filterShape, attrs, true);
  if (!isFloat(x) || !isFloat(dy) || g.inChannels !== g.outChannels) return undefined;
  const out = bench.work.allocate(attrs.filterShape);
  bench.share('depthwiseFilterGradient', { units: g.inChannels, time: timeOf(g), align: 16 }, [
    lookForward(bench, g),
    ...[x, dy, out].map((one) => along(bench.work.address(one), 4)),
    ...[g.batchSize, COUNT],
  ]);
  return out;
}
