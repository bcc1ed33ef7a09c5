/** What a convolution on the companion is over: shapes, and where each position looks, written where the module reads it. */
import * as tf from '../../../core/tf.ts';
import type { Sliding } from '../convolution.ts';
import { allocatorOf, type Workspace } from '../kernels.ts';
import type { Bench } from './accelerate.ts';

/** The attributes of the convolution kernels. */
export type Dilated = Sliding & {
  readonly dataFormat?: string | undefined;
  readonly dilations?: number | [number, number] | undefined;
};
export type InputAttrs = Dilated & { readonly inputShape: number[] };
export type FilterAttrs = Dilated & { readonly filterShape: number[] };
export type Geometry = ReturnType<typeof tf.backend_util.computeConv2DInfo>;

export const channelsLast = ({ dataFormat }: Dilated): boolean => dataFormat === undefined || dataFormat === 'NHWC';

/** The geometry of a convolution over [batch, height, width, channels]. */
export function geometryOf(input: number[], filter: number[], attrs: Dilated, depthwise = false): Geometry {
  const { strides, dilations, pad, dimRoundingMode } = attrs;
  const shapes = [input, filter] as [[number, number, number, number], [number, number, number, number]];
  return tf.backend_util.computeConv2DInfo(...shapes, strides, dilations ?? 1, pad, dimRoundingMode, depthwise);
}

/** Tells the companion to look at the image as the forward pass does; the address of what it is told. */
export function lookForward({ work }: Bench, g: Geometry): number {
  return write(work, [
    ...[g.inHeight, g.inWidth, g.inChannels, 1, 1],
    ...[g.outHeight, g.outWidth, g.strideHeight, g.strideWidth, -g.padInfo.top, -g.padInfo.left],
    ...[g.filterHeight, g.filterWidth, g.dilationHeight, g.dilationWidth],
  ]);
}

/**
 * Tells the companion to look at the output gradient from the image, its pixels a stride apart: pixel y of the image was
 * seen by output row (y + padding - tap · dilation) / stride.
 */
export function lookBackward({ work }: Bench, g: Geometry): number {
  return write(work, [
    ...[g.outHeight, g.outWidth, g.outChannels, g.strideHeight, g.strideWidth],
    ...[g.inHeight, g.inWidth, 1, 1, g.padInfo.top, g.padInfo.left],
    ...[g.filterHeight, g.filterWidth, -g.dilationHeight, -g.dilationWidth],
  ]);
}

/** The pixels of a line of the image that lie a stride apart, and the taps through which the output sees them. */
export interface Phase {
  /** The first pixel, and how many there are. */
  readonly phase: number;
  readonly length: number;
  readonly taps: readonly number[];
  /** The output pixel that sees the first pixel through the first of the taps; how far on the next tap's is. */
  readonly origin: number;
  readonly step: number;
}

/** All phases along one axis. Output pixel o sees pixel o · stride + tap · dilation - padding. */
export function phasesOf(length: number, stride: number, filter: number, dilation: number, padding: number): Phase[] {
  return Array.from({ length: Math.min(stride, length) }, (_, phase) => {
    const placeOf = (tap: number): number => (phase + padding - tap * dilation) / stride;
    const taps = Array.from({ length: filter }, (_, tap) => tap).filter((tap) => Number.isInteger(placeOf(tap)));
    const [first = 0, second = first] = taps;
    return {
      phase,
      length: Math.ceil((length - phase) / stride),
      taps,
      origin: placeOf(first),
      step: placeOf(second) - placeOf(first),
    };
  });
}

/** Tells the companion to look at the output gradient from one phase of the image. */
export function lookAlong({ work }: Bench, g: Geometry, y: Phase, x: Phase): number {
  return write(work, [
    ...[g.outHeight, g.outWidth, g.outChannels, 1, 1],
    ...[y.length, x.length, 1, 1, y.origin, x.origin],
    ...[y.taps.length, x.taps.length, y.step, x.step],
  ]);
}

function write(work: Workspace, values: readonly number[]): number {
  const address = work.reserve(values.length * 4);
  const { HEAP32 } = allocatorOf(work.backend);
  HEAP32.set(values, address / 4);
  return address;
}
