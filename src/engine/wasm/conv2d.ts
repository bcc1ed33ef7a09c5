/**
 * Conv2D: its two gradients as matrix products and convolutions that XNNPACK runs (the backend lacks the one and
 * loops naively in the other), and 'same' padding where the stride exceeds the filter, which it gets wrong.
 */
import * as tf from '../../core/tf.ts';
import { type Geometry, geometryOf, type RowSpan, type Sliding, spread, turned, writePatches } from './convolution.ts';
import { complete, type Info, type Workspace } from './kernels.ts';
import { product } from './mat-mul.ts';

/** Registers Conv2D, FusedConv2D, Conv2DBackpropInput and Conv2DBackpropFilter. */
export function completeConv2D(): void {
  complete<tf.Conv2DAttrs>(tf.Conv2D, withExplicitPadding(false));
  complete<tf.FusedConv2DAttrs>(tf.FusedConv2D, withExplicitPadding(false));
  complete<InputAttrs>(tf.Conv2DBackpropInput, inputGradient);
  complete<FilterAttrs>(tf.Conv2DBackpropFilter, filterGradient);
}

type InputAttrs = Sliding & { readonly inputShape: number[]; readonly dataFormat: string };
type FilterAttrs = Sliding & { readonly filterShape: number[]; readonly dataFormat: string };

/** Runs the backend's kernel, but pads by hand where its own 'same' padding fails: a stride beyond the filter. */
export function withExplicitPadding<A extends Sliding & object>(depthwise: boolean) {
  return (inputs: Record<string, Info>, attrs: A, work: Workspace): Info => {
    const { x, filter } = inputs as { x: Info; filter: Info };
    const [strideHeight, strideWidth] = [attrs.strides].flat() as [number, number?];
    const [filterHeight, filterWidth] = filter.shape as [number, number];
    const outruns = strideHeight > filterHeight || (strideWidth ?? strideHeight) > filterWidth;
    if (attrs.pad !== 'same' || !outruns) return work.native(inputs, attrs);
    const { top, bottom, left, right } = geometryOf(x.shape, filter.shape, attrs, depthwise).padInfo;
    const paddings = [
      [0, 0],
      [top, bottom],
      [left, right],
      [0, 0],
    ];
    const padded = top + bottom + left + right > 0 ? work.run(tf.PadV2, { x }, { paddings, constantValue: 0 }) : x;
    return work.native({ ...inputs, x: padded }, { ...attrs, pad: 'valid' });
  };
}

/** The output gradient, spread out, convolved with the turned and transposed filter. */
function inputGradient(inputs: Record<string, Info>, attrs: InputAttrs, work: Workspace): Info {
  const { dy, filter } = inputs as { dy: Info; filter: Info };
  requireChannelsLast(tf.Conv2DBackpropInput, attrs.dataFormat);
  const geometry = geometryOf(attrs.inputShape, filter.shape, attrs, false);
  const swapped = work.run(tf.Transpose, { x: turned(filter, work) }, { perm: [0, 1, 3, 2] });
  const x = spread(cropped(dy, geometry, work), geometry, work);
  return work.run(tf.Conv2D, { x, filter: swapped }, { strides: 1, pad: 'valid', dataFormat: 'NHWC', dilations: 1 });
}

/** The output gradient without what lies beyond the geometry's output: tfjs does not compare the two. */
function cropped(dy: Info, { outShape, outHeight, outWidth }: Geometry, work: Workspace): Info {
  const [, height, width] = dy.shape as [number, number, number];
  if (height === outHeight && width === outWidth) return dy;
  tf.util.assert(
    height >= outHeight && width >= outWidth,
    () => `${tf.Conv2DBackpropInput}: an output gradient of shape [${dy.shape}] where [${outShape}] belongs`,
  );
  return work.run(tf.Slice, { x: dy }, { begin: [0, 0, 0, 0], size: outShape });
}

/** Floats that one chunk of patches may take: 512 KB, so that it stays in the cache and does not grow with the batch. */
const CHUNK = 1 << 17;

/** Patches times the output gradient, some rows of images at a time; the chunks are added in double precision. */
function filterGradient(inputs: Record<string, Info>, attrs: FilterAttrs, work: Workspace): Info {
  const { x, dy } = inputs as { x: Info; dy: Info };
  requireChannelsLast(tf.Conv2DBackpropFilter, attrs.dataFormat);
  const geometry = geometryOf(x.shape, attrs.filterShape, attrs, false);
  const { batchSize, outHeight, outWidth, outChannels } = geometry;
  const weights = tf.util.sizeFromShape(attrs.filterShape) / outChannels;
  const sums = new Float64Array(weights * outChannels);
  const rowsPerChunk = Math.max(1, Math.floor(CHUNK / (weights * outWidth)));
  for (let start = 0; start < batchSize * outHeight; start += rowsPerChunk)
    work.scoped(() => {
      const rows: RowSpan = { start, end: Math.min(start + rowsPerChunk, batchSize * outHeight) };
      const positions = (rows.end - start) * outWidth;
      const patches = work.allocate([weights, positions]);
      const gradient = work.allocate([positions, outChannels]);
      writePatches(work.floats(x), geometry, rows, work.floats(patches));
      const at = start * outWidth * outChannels;
      work.floats(gradient).set(work.floats(dy).subarray(at, at + positions * outChannels));
      const part = work.floats(product(patches, gradient, work));
      for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] as number) + (part[i] as number);
    });
  const out = work.allocate(attrs.filterShape);
  work.floats(out).set(sums);
  return out;
}

function requireChannelsLast(kernel: string, dataFormat: string): void {
  tf.util.assert(dataFormat === 'NHWC', () => `${kernel} on wasm takes 'channelsLast' data only, not ${dataFormat}`);
}
