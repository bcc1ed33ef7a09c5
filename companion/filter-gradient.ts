/** The filter gradient of a convolution: the patches, transposed and packed panel by panel, times the output gradient. */
import {
  channels,
  columns,
  height,
  line,
  look,
  originX,
  originY,
  rows,
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

/** Copies up to six values. */
function copySome(from: usize, to: usize, count: i32): void {
  if (count >= 4) {
    v128.store(to, v128.load(from));
    from += 16;
    to += 16;
    count -= 4;
  }
  if (count >= 2) {
    store<u64>(to, load<u64>(from));
    from += 8;
    to += 8;
    count -= 2;
  }
  if (count > 0) store<f32>(to, load<f32>(from));
}

/** Copies `count` values from each of so many pixels, `step` bytes from one to the next, 24 bytes apart. */
function copyPixels(from: usize, step: usize, pixels: i32, count: i32, to: usize): void {
  const end = to + <usize>pixels * 24;
  if (count === ROWS)
    for (; to < end; to += 24) {
      v128.store(to, v128.load(from));
      store<u64>(to, load<u64>(from, 16), 16);
      from += step;
    }
  else
    for (; to < end; to += 24) {
      copySome(from, to, count);
      from += step;
    }
}

/** Writes zeros for so many pixels. */
function skipPixels(pixels: i32, count: i32, to: usize): void {
  for (const end = to + <usize>pixels * 24; to < end; to += 24)
    for (let c = 0; c < count; c++) store<f32>(to + ((<usize>c) << 2), 0);
}

/** The first place at which a coordinate that grows by `stride` from `origin` reaches `least`. */
function reach(least: i32, origin: i32, stride: i32): i32 {
  return origin >= least ? 0 : (least - origin + stride - 1) / stride;
}

/** Writes `count` values from `channel` of what one tap sees at `positions` positions, 24 bytes apart. */
function writeTap(x: usize, position: i32, positions: i32, tap: i32, channel: i32, count: i32, to: usize): void {
  const aboveTap = originY + (tap / tapsX) * stepY;
  const besideTap = originX + (tap % tapsX) * stepX;
  const pixel = (<usize>channels) << 2;
  const inside = reach(0, besideTap, strideX);
  const past = reach(width, besideTap, strideX);
  let column = position % columns;
  let row = position / columns;
  for (let done = 0; done < positions; row++) {
    const iy = line((row % rows) * strideY + aboveTap, 1, height);
    const end = min(columns, column + positions - done);
    const lo = iy < 0 ? end : min(end, max(column, inside));
    const hi = max(lo, min(end, past));
    skipPixels(lo - column, count, to);
    const first = <usize>(((row / rows) * height + iy) * width + lo * strideX + besideTap);
    const seen = to + <usize>(lo - column) * 24;
    if (hi > lo) copyPixels(x + first * pixel + ((<usize>channel) << 2), <usize>strideX * pixel, hi - lo, count, seen);
    skipPixels(end - hi, count, seen + <usize>(hi - lo) * 24);
    done += end - column;
    to += <usize>(end - column) * 24;
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
