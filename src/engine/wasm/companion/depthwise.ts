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
  if (!isFloat(x) || !isFloat(filter) || !channelsLast(attrs)) return undefined;
  const out = bench.work.allocate(g.outShape);
  slide(bench, lookForward(bench, perOutput(g)), [repeated(x, g, bench), filter, out], g, g.outWidth);
  return out;
}

/** With several filters per channel it is as if the image had each channel so many times. */
const perOutput = (g: Geometry): Geometry => ({ ...g, inChannels: g.outChannels });

function repeated(x: Info, { inChannels, outChannels }: Geometry, bench: Bench): Info {
  if (inChannels === outChannels) return x;
  const times = outChannels / inChannels;
  const out = bench.work.allocate([...x.shape.slice(0, 3), outChannels]);
  const [from, to] = [along(bench.work.address(x), 4), along(bench.work.address(out), times * 4)];
  bench.share('repeatValues', { units: sizeOf(x.shape), time: sizeOf(out.shape) }, [from, to, COUNT, times]);
  return out;
}

function inputGradient(inputs: Record<string, Info>, attrs: InputAttrs, bench: Bench): Info | undefined {
  const { dy, filter } = inputs as { dy: Info; filter: Info };
  const g = geometryOf(attrs.inputShape, filter.shape, attrs, true);
  if (!isFloat(dy) || !isFloat(filter)) return undefined;
  const { work } = bench;
  const all = work.allocate([...attrs.inputShape.slice(0, 3), g.outChannels]);
  slide(bench, lookBackward(bench, g), [dy, filter, all], g, g.inWidth);
  if (g.inChannels === g.outChannels) return all;
  const out = work.allocate(attrs.inputShape);
  const times = g.outChannels / g.inChannels;
  const [from, to] = [along(work.address(all), times * 4), along(work.address(out), 4)];
  bench.share('sumRows', { units: sizeOf(out.shape), time: sizeOf(all.shape) }, [from, to, COUNT, times, 1]);
  return out;
}

function slide(
  bench: Bench,
  geometry: number,
  tensors: readonly [Info, Info, Info],
  g: Geometry,
  columns: number,
): void {
  const positions = sizeOf(tensors[2].shape) / g.outChannels;
  // For each column and for the row at hand: how many taps see the image, and two offsets for each.
  const scratch = columns * (4 + 8 * g.filterWidth) + 4 + 8 * g.filterHeight;
  bench.share('depthwise', { units: positions, time: timeOf(g) }, [
    geometry,
    ...tensors.map((one) => bench.work.address(one)),
    ...[START, END, bench.reserveEach(scratch)],
  ]);
}

const timeOf = (g: Geometry): number => (sizeOf(g.outShape) * g.filterHeight * g.filterWidth) / 8;

function filterGradient(inputs: Record<string, Info>, attrs: FilterAttrs, bench: Bench): Info | undefined {
  const { x, dy } = inputs as { x: Info; dy: Info };
  const g = geometryOf(x.shape, attrs.filterShape, attrs, true);
  if (!isFloat(x) || !isFloat(dy)) return undefined;
  const out = bench.work.allocate(attrs.filterShape);
  const image = repeated(x, g, bench);
  bench.share('depthwiseFilterGradient', { units: g.outChannels, time: timeOf(g), align: 16 }, [
    lookForward(bench, perOutput(g)),
    ...[image, dy, out].map((one) => along(bench.work.address(one), 4)),
    ...[g.batchSize, COUNT],
  ]);
  return out;
}
