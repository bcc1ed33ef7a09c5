/** Convolutions and their gradients on the companion, with dilation, strides and padding in any combination. */
import * as tf from '../../../core/tf.ts';
import { finish } from '../fused.ts';
import type { Info } from '../kernels.ts';
import { accelerate, type Bench, isFloat, panelBytes, sizeOf } from './accelerate.ts';
import { END, START } from './arguments.ts';
import {
  channelsLast,
  type Dilated,
  type FilterAttrs,
  type Geometry,
  geometryOf,
  type InputAttrs,
  lookAlong,
  lookForward,
  phasesOf,
} from './geometry.ts';
import { shareRows } from './mat-mul.ts';

/** Registers the convolution, its gradients and its fused form. */
export function accelerateConvolution(): void {
  accelerate<tf.Conv2DAttrs>(tf.Conv2D, ({ x, filter }, attrs, bench) =>
    forward(x as Info, filter as Info, attrs, bench),
  );
  accelerate<tf.FusedConv2DAttrs>(tf.FusedConv2D, (inputs, attrs, bench) => {
    const { x, filter, bias, preluActivationWeights } = inputs as { x: Info; filter: Info } & Record<string, Info>;
    const y = forward(x, filter, attrs, bench);
    return y && finish(y, { bias, preluActivationWeights }, attrs, bench.work);
  });
  accelerate<InputAttrs>(tf.Conv2DBackpropInput, inputGradient);
  accelerate<FilterAttrs>(tf.Conv2DBackpropFilter, filterGradient);
}

/** Nanoseconds that so many multiplications take one thread, about. */
const timeOf = (multiplications: number): number => multiplications / 12;

function forward(x: Info, filter: Info, attrs: Dilated, bench: Bench): Info | undefined {
  if (!isFloat(x) || !isFloat(filter) || !channelsLast(attrs)) return undefined;
  const g = geometryOf(x.shape, filter.shape, attrs);
  if (sizeOf(g.outShape) === 0 || sizeOf(filter.shape) === 0) return undefined;
  const { run, work } = bench;
  const out = work.allocate(g.outShape);
  const depth = g.filterHeight * g.filterWidth * g.inChannels;
  const panels = work.reserve(panelBytes(depth, g.outChannels));
  run.packColumns(work.address(filter), panels, depth, g.outChannels, g.outChannels, 0, 0, depth);
  const positions = g.batchSize * g.outHeight * g.outWidth;
  const [from, to] = [work.address(x), work.address(out)];
  if (isPointwise(g)) shareRows(bench, { a: from, panels, c: to, m: positions, k: depth, n: g.outChannels });
  else slide(bench, lookForward(bench, g), { from, panels, to, positions, depth, columns: g.outChannels });
  return out;
}

/** Whether each output pixel sees just its own pixel of the image. */
function isPointwise(g: Geometry): boolean {
  const inPlace = g.strideHeight === 1 && g.strideWidth === 1 && g.padInfo.top === 0 && g.padInfo.left === 0;
  const sameSize = g.outHeight === g.inHeight && g.outWidth === g.inWidth;
  return inPlace && sameSize && g.filterHeight === 1 && g.filterWidth === 1;
}

interface Slide {
  readonly from: number;
  readonly panels: number;
  readonly to: number;
  readonly positions: number;
  readonly depth: number;
  readonly columns: number;
}

/** Patches times packed filters, shared out by positions. */
function slide(bench: Bench, geometry: number, { from, panels, to, positions, depth, columns }: Slide): void {
  bench.share('convolution', { units: positions, time: timeOf(positions * depth * columns), align: 96 }, [
    ...[geometry, from, panels, to, columns],
    ...[START, END, bench.productScratch()],
  ]);
}

function inputGradient(inputs: Record<string, Info>, attrs: InputAttrs, bench: Bench): Info | undefined {
  const { dy, filter } = inputs as { dy: Info; filter: Info };
  if (!isFloat(dy) || !isFloat(filter) || !channelsLast(attrs)) return undefined;
  const g = geometryOf(attrs.inputShape, filter.shape, attrs);
  if (sizeOf(g.inShape) === 0 || sizeOf(dy.shape) === 0 || sizeOf(dy.shape) !== sizeOf(g.outShape)) return undefined;
  const out = bench.work.allocate(attrs.inputShape);
  const [from, weights, to] = [dy, filter, out].map((one) => bench.work.address(one)) as [number, number, number];
  const { batchSize, inHeight, inWidth, inChannels, outChannels } = g;
  if (isPointwise(g)) {
    const panels = packTaps(bench, weights, g, [0]);
    shareRows(bench, { a: from, panels, c: to, m: batchSize * inHeight * inWidth, k: outChannels, n: inChannels });
  } else byPhase(bench, g, from, weights, out);
  return out;
}

/** Packs the filters of some taps, transposed, as the right operand of [positions, taps · outputs]. */
function packTaps(
  bench: Bench,
  weights: number,
  { inChannels, outChannels }: Geometry,
  taps: readonly number[],
): number {
  const depth = taps.length * outChannels;
  const panels = bench.work.reserve(panelBytes(depth, inChannels));
  taps.forEach((tap, i) => {
    const at = weights + tap * inChannels * outChannels * 4;
    bench.run.packColumns(at, panels, outChannels, inChannels, outChannels, 1, i * outChannels, depth);
  });
  return panels;
}

/**
 * Pixels that lie a stride apart are seen through the same taps, and these fall on neighbouring pixels of the output: each
 * such phase of the image is a convolution without strides, and no zeros are multiplied.
 */
function byPhase(bench: Bench, g: Geometry, from: number, weights: number, out: Info): void {
  const { work } = bench;
  const { batchSize, inHeight, inWidth, inChannels, outChannels, strideHeight, strideWidth } = g;
  const whole = strideHeight === 1 && strideWidth === 1;
  const rows = phasesOf(inHeight, strideHeight, g.filterHeight, g.dilationHeight, g.padInfo.top);
  const columns = phasesOf(inWidth, strideWidth, g.filterWidth, g.dilationWidth, g.padInfo.left);
  if ([...rows, ...columns].some(({ taps }) => taps.length === 0)) work.floats(out).fill(0);
  const to = work.address(out);
  const largest = batchSize * (rows[0]?.length ?? 0) * (columns[0]?.length ?? 0);
  const apart = whole ? to : work.reserve(largest * inChannels * 4);
  for (const y of rows)
    for (const x of columns) {
      const positions = batchSize * y.length * x.length;
      if (y.taps.length === 0 || x.taps.length === 0 || positions === 0) continue;
      const taps = y.taps.flatMap((i) => x.taps.map((j) => i * g.filterWidth + j));
      const panels = packTaps(bench, weights, g, taps);
      const depth = taps.length * outChannels;
      slide(bench, lookAlong(bench, g, y, x), { from, panels, to: apart, positions, depth, columns: inChannels });
      if (whole) continue;
      const first = to + (y.phase * inWidth + x.phase) * inChannels * 4;
      bench.share('scatterPixels', { units: batchSize * y.length, time: positions * inChannels }, [
        ...[apart, first, inChannels, y.length, x.length],
        ...[strideWidth, strideHeight * inWidth, inHeight * inWidth, START, END],
      ]);
    }
}

/** Filters up to this many values are summed in segments of the positions, each on its own; larger ones are shared out by rows. */
const LARGE_FILTER = 1 << 18;

function filterGradient(inputs: Record<string, Info>, attrs: FilterAttrs, bench: Bench): Info | undefined {
  const { x, dy } = inputs as { x: Info; dy: Info };
  if (!isFloat(x) || !isFloat(dy) || !channelsLast(attrs)) return undefined;
  const g = geometryOf(x.shape, attrs.filterShape, attrs);
  const { work } = bench;
  const out = work.allocate(attrs.filterShape);
  const size = sizeOf(out.shape);
  if (sizeOf(dy.shape) === 0 || size === 0) {
    work.floats(out).fill(0);
    return out;
  }
  // The segments depend on sizes alone, so that sums come out the same on any number of threads.
  const positions = g.batchSize * g.outHeight * g.outWidth;
  const segments = size > LARGE_FILTER ? 1 : Math.min(8, Math.ceil(positions / 2048));
  const parts = segments === 1 ? work.address(out) : work.reserve(segments * size * 4);
  multiplyPatches(g, { x: work.address(x), dy: work.address(dy), parts }, segments, bench);
  if (segments > 1) {
    const to = work.address(out);
    bench.run.sumColumns(parts, to, work.reserve(size * 8), segments, size, size, 1);
  }
  return out;
}

function multiplyPatches(
  g: Geometry,
  { x, dy, parts }: { readonly x: number; readonly dy: number; readonly parts: number },
  segments: number,
  bench: Bench,
): void {
  const positions = g.batchSize * g.outHeight * g.outWidth;
  const rows = g.filterHeight * g.filterWidth * g.inChannels;
  const time = timeOf(positions * rows * g.outChannels);
  const [byRow, units, align] = segments === 1 ? [true, rows, 96] : [false, segments, 1];
  bench.share('convolutionFilterGradient', { units, time, align }, [
    ...[lookForward(bench, g), x, dy, parts, g.outChannels, positions, Math.ceil(positions / segments)],
    ...(byRow ? [0, 1, START, END] : [START, END, 0, rows]),
    ...[bench.reserveEach(panelBytes(256, g.outChannels)), bench.productScratch()],
  ]);
}
