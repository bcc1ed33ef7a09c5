/**
 * Convolution as a matrix product whose left operand, the patches of the image, is written panel by panel where the
 * inner loop needs it and never as a whole. Padding, strides, dilations are looked after while writing.
 */
import {
  channels,
  columns,
  height,
  line,
  look,
  originX,
  originY,
  rows,
  spreadX,
  spreadY,
  stepX,
  stepY,
  strideX,
  strideY,
  tapsX,
  tapsY,
  width,
} from './geometry';
import { BLOCK_ROWS, DEPTH, packColumns } from './mat-mul';
import { block, ROWS } from './tile';

/** Writes the patch of one position, values `first` … `first + depth` of it, 24 bytes apart. */
function writePatch(x: usize, position: i32, first: i32, depth: i32, to: usize): void {
  const image = position / (rows * columns);
  const y = ((position / columns) % rows) * strideY + originY;
  const left = (position % columns) * strideX + originX;
  const base = x + ((<usize>image * <usize>(height * width) * <usize>channels) << 2);
  let tap = first / channels;
  let channel = first % channels;
  for (let done = 0; done < depth; tap++) {
    const count = min(channels - channel, depth - done);
    const iy = line(y + (tap / tapsX) * stepY, spreadY, height);
    const ix = line(left + (tap % tapsX) * stepX, spreadX, width);
    if (iy < 0 || ix < 0)
      for (let c = 0; c < count; c++) {
        store<f32>(to, 0);
        to += 24;
      }
    else {
      let from = base + ((<usize>(iy * width + ix) * <usize>channels + <usize>channel) << 2);
      for (let c = 0; c < count; c++) {
        store<f32>(to, load<f32>(from));
        from += 4;
        to += 24;
      }
    }
    done += count;
    channel = 0;
  }
}

/** Writes the patches of six neighbours in a row, all taps of which see the image. */
function writeSix(x: usize, position: i32, first: i32, depth: i32, to: usize): void {
  const image = position / (rows * columns);
  const y = ((position / columns) % rows) * strideY + originY;
  const left = (position % columns) * strideX + originX;
  const base = x + ((<usize>image * <usize>(height * width) * <usize>channels) << 2);
  const next = (<usize>(strideX * channels)) << 2;
  let tap = first / channels;
  let channel = first % channels;
  for (let done = 0; done < depth; tap++) {
    const count = min(channels - channel, depth - done);
    const pixel = (y + (tap / tapsX) * stepY) * width + left + (tap % tapsX) * stepX;
    let from = base + ((<usize>pixel * <usize>channels + <usize>channel) << 2);
    for (let c = 0; c < count; c++) {
      store<f32>(to, load<f32>(from));
      store<f32>(to, load<f32>(from + next), 4);
      store<f32>(to, load<f32>(from + 2 * next), 8);
      store<f32>(to, load<f32>(from + 3 * next), 12);
      store<f32>(to, load<f32>(from + 4 * next), 16);
      store<f32>(to, load<f32>(from + 5 * next), 20);
      from += 4;
      to += 24;
    }
    done += count;
    channel = 0;
  }
}

/** Whether all taps from `at`, and those of a position `span` further on, lie in 0 … length. */
function inside(at: i32, span: i32, reach: i32, length: i32): bool {
  return at + min(0, reach) >= 0 && at + span + max(0, reach) < length;
}

function plain(position: i32): bool {
  if (spreadY !== 1 || spreadX !== 1) return false;
  const column = position % columns;
  if (column + ROWS > columns) return false;
  const y = ((position / columns) % rows) * strideY + originY;
  const left = column * strideX + originX;
  return inside(y, 0, (tapsY - 1) * stepY, height) && inside(left, 5 * strideX, (tapsX - 1) * stepX, width);
}

/** Packs the patches of up to six positions as one panel [depth, 6]. */
function packPatches(x: usize, position: i32, count: i32, first: i32, depth: i32, to: usize): void {
  if (count === ROWS && plain(position)) {
    writeSix(x, position, first, depth, to);
    return;
  }
  if (count < ROWS) memory.fill(to, 0, <usize>depth * 24);
  for (let r = 0; r < count; r++) writePatch(x, position + r, first, depth, to + ((<usize>r) << 2));
}

/** y[positions, filters] at positions `start` … `end`; `filter` is packed [taps · channels, filters]. Scratch as in matMul. */
export function convolution(
  geometry: usize,
  x: usize,
  filter: usize,
  y: usize,
  filters: i32,
  start: i32,
  end: i32,
  scratch: usize,
): void {
  look(geometry);
  const depth = tapsY * tapsX * channels;
  const row = (<usize>filters) << 2;
  const edge = scratch + ((BLOCK_ROWS * DEPTH) << 2);
  for (let i = start; i < end; i += BLOCK_ROWS) {
    const count = min(BLOCK_ROWS, end - i);
    for (let k = 0; k < depth; k += DEPTH) {
      const steps = min(DEPTH, depth - k);
      let to = scratch;
      for (let r = 0; r < count; r += ROWS) {
        packPatches(x, i + r, min(ROWS, count - r), k, steps, to);
        to += <usize>steps * 24;
      }
      const at = y + <usize>i * row;
      block(scratch, count, filter + ((<usize>k) << 5), (<usize>depth) << 5, filters, steps, at, row, edge, k > 0);
    }
  }
}

/** Copies up to six values. */
function copySome(from: usize, to: usize, count: i32): void {
  if (count === ROWS) {
    v128.store(to, v128.load(from));
    store<u64>(to, load<u64>(from, 16), 16);
    return;
  }
  for (let i = 0; i < count; i++) store<f32>(to + ((<usize>i) << 2), load<f32>(from + ((<usize>i) << 2)));
}

/** Writes `count` values from `channel` of what one tap sees at `positions` positions, 24 bytes apart. */
function writeTap(x: usize, position: i32, positions: i32, tap: i32, channel: i32, count: i32, to: usize): void {
  const aboveTap = originY + (tap / tapsX) * stepY;
  const besideTap = originX + (tap % tapsX) * stepX;
  const pixel = (<usize>channels) << 2;
  const skip = (<usize>channel) << 2;
  let column = position % columns;
  let row = position / columns;
  for (let done = 0; done < positions; row++) {
    const iy = line((row % rows) * strideY + aboveTap, spreadY, height);
    const base = x + <usize>((row / rows) * height + iy) * <usize>width * pixel + skip;
    const end = min(columns, column + positions - done);
    done += end - column;
    for (; column < end; column++) {
      const ix = iy < 0 ? -1 : line(column * strideX + besideTap, spreadX, width);
      if (ix >= 0) copySome(base + <usize>ix * pixel, to, count);
      else for (let c = 0; c < count; c++) store<f32>(to + ((<usize>c) << 2), 0);
      to += 24;
    }
    column = 0;
  }
}

/** Packs six (or fewer) values of the patches, from `first` on, as one panel [positions, 6]. */
function packValues(x: usize, position: i32, positions: i32, first: i32, values: i32, to: usize): void {
  if (values < ROWS) memory.fill(to, 0, <usize>positions * 24);
  for (let done = 0; done < values; ) {
    const channel = (first + done) % channels;
    const some = min(channels - channel, values - done);
    writeTap(x, position, positions, (first + done) / channels, channel, some, to + ((<usize>done) << 2));
    done += some;
  }
}

/**
 * parts[segments, taps · channels, filters]: rows `first` … `past` of patchesᵀ · dy over the positions of each of the segments
 * `start` … `end`. `panels` holds 256 rows of dy, packed; scratch as in matMul.
 */
export function convolutionFilterGradient(
  geometry: usize,
  x: usize,
  dy: usize,
  parts: usize,
  filters: i32,
  positions: i32,
  segment: i32,
  start: i32,
  end: i32,
  first: i32,
  past: i32,
  panels: usize,
  scratch: usize,
): void {
  look(geometry);
  const row = (<usize>filters) << 2;
  const part = <usize>(tapsY * tapsX * channels) * row;
  for (let s = start; s < end; s++)
    addPositions(
      x,
      dy,
      parts + <usize>s * part,
      row,
      s * segment,
      min(positions, (s + 1) * segment),
      first,
      past,
      panels,
      scratch,
    );
}

function addPositions(
  x: usize,
  dy: usize,
  dw: usize,
  row: usize,
  start: i32,
  end: i32,
  first: i32,
  past: i32,
  panels: usize,
  scratch: usize,
): void {
  const filters = <i32>(row >> 2);
  const edge = scratch + ((BLOCK_ROWS * DEPTH) << 2);
  for (let p = start; p < end; p += DEPTH) {
    const steps = min(DEPTH, end - p);
    packColumns(dy + <usize>p * row, panels, steps, filters, filters, false, 0, steps);
    for (let i = first; i < past; i += BLOCK_ROWS) {
      const count = min(BLOCK_ROWS, past - i);
      let to = scratch;
      for (let r = 0; r < count; r += ROWS) {
        packValues(x, p, steps, i + r, min(ROWS, count - r), to);
        to += <usize>steps * 24;
      }
      block(scratch, count, panels, (<usize>steps) << 5, filters, steps, dw + <usize>i * row, row, edge, p > start);
    }
  }
}
