/**
 * The geometry that the convolution kernels share, and the two ways of laying an image out for them.
 */
import * as tf from '../../core/tf.ts';
import type { Info, Workspace } from './kernels.ts';

/** What tfjs computes of a convolution: sizes, strides, padding. */
export type Geometry = ReturnType<typeof tf.backend_util.computeConv2DInfo>;

/** The attributes that say how a kernel slides, as the gradient kernels carry them. */
export interface Sliding {
  readonly strides: number | [number, number];
  readonly pad: tf.Conv2DAttrs['pad'];
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil' | undefined;
}

/** The geometry of a convolution over [batch, height, width, channels]. */
export function geometryOf(input: number[], filter: number[], attrs: Sliding, depthwise: boolean): Geometry {
  const shapes = [input, filter] as [[number, number, number, number], [number, number, number, number]];
  return tf.backend_util.computeConv2DInfo(...shapes, attrs.strides, 1, attrs.pad, attrs.dimRoundingMode, depthwise);
}

/**
 * Lays the output gradient out so that a plain convolution with the turned filter gives the input gradient: its
 * pixels `stride` apart, zeros between and around them. Where nothing changes it is only viewed.
 */
export function spread(dy: Info, geometry: Geometry, work: Workspace): Info {
  const { batchSize, inHeight, inWidth, outHeight, outWidth, filterHeight, filterWidth } = geometry;
  const { strideHeight, strideWidth, padInfo } = geometry;
  const channels = dy.shape[3] as number;
  const [height, width] = [inHeight + filterHeight - 1, inWidth + filterWidth - 1];
  const [top, left] = [filterHeight - 1 - padInfo.top, filterWidth - 1 - padInfo.left];
  if (height === outHeight && width === outWidth && top === 0 && left === 0) return work.view(dy, dy.shape);
  const out = work.allocate([batchSize, height, width, channels]);
  const [to, from] = [work.floats(out), work.floats(dy)];
  to.fill(0);
  for (let row = 0; row < batchSize * outHeight; row++) {
    const image = Math.floor(row / outHeight);
    const y = (row % outHeight) * strideHeight + top;
    if (y < 0 || y >= height) continue;
    for (let column = 0; column < outWidth; column++) {
      const x = column * strideWidth + left;
      if (x < 0 || x >= width) continue;
      const read = (row * outWidth + column) * channels;
      const write = ((image * height + y) * width + x) * channels;
      for (let c = 0; c < channels; c++) to[write + c] = from[read + c] as number;
    }
  }
  return out;
}

/** A filter [height, width, …] turned by 180 degrees. */
export function turned(filter: Info, work: Workspace): Info {
  const [height, width] = filter.shape;
  return height === 1 && width === 1
    ? work.view(filter, filter.shape)
    : work.run(tf.Reverse, { x: filter }, { dims: [0, 1] });
}

/** Some consecutive output rows, counted through all images. */
export interface RowSpan {
  readonly start: number;
  readonly end: number;
}

/**
 * Writes the patches of some output rows as a matrix [filterHeight · filterWidth · channels, positions]: each row
 * is what one filter weight sees at every position, zero where it looks into the padding.
 */
export function writePatches(x: Float32Array, geometry: Geometry, rows: RowSpan, to: Float32Array): void {
  const { filterHeight, filterWidth, inChannels, outWidth } = geometry;
  const positions = (rows.end - rows.start) * outWidth;
  for (let i = 0, at = 0; i < filterHeight; i++)
    for (let j = 0; j < filterWidth; j++)
      for (let c = 0; c < inChannels; c++, at += positions) writePatchRow(x, geometry, rows, { i, j, c }, to, at);
}

interface Weight {
  readonly i: number;
  readonly j: number;
  readonly c: number;
}

function writePatchRow(
  x: Float32Array,
  { inHeight, inWidth, inChannels, outHeight, outWidth, strideHeight, strideWidth, padInfo }: Geometry,
  { start, end }: RowSpan,
  { i, j, c }: Weight,
  to: Float32Array,
  at: number,
): void {
  const step = strideWidth * inChannels;
  const firstX = j - padInfo.left;
  const inside = Math.min(outWidth, Math.max(0, Math.ceil(-firstX / strideWidth)));
  const past = Math.max(inside, Math.min(outWidth, Math.ceil((inWidth - firstX) / strideWidth)));
  for (let row = start, write = at; row < end; row++, write += outWidth) {
    const y = (row % outHeight) * strideHeight + i - padInfo.top;
    if (y < 0 || y >= inHeight) {
      to.fill(0, write, write + outWidth);
      continue;
    }
    for (let column = 0; column < inside; column++) to[write + column] = 0;
    let read =
      ((Math.floor(row / outHeight) * inHeight + y) * inWidth + firstX + inside * strideWidth) * inChannels + c;
    for (let column = inside; column < past; column++, read += step) to[write + column] = x[read] as number;
    for (let column = past; column < outWidth; column++) to[write + column] = 0;
  }
}
