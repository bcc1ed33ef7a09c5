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
  stepX,
  stepY,
  strideX,
  strideY,
  tapsX,
  tapsY,
  width,
} from './geometry';
import { BLOCK_ROWS, DEPTH, packSix } from './mat-mul';
import { block, ROWS } from './tile';

/** What follows the tile in the scratch: as many zeros as one panel takes of a patch, and where six positions look. */
const ZEROS: usize = (BLOCK_ROWS * DEPTH + 48) << 2;
const PLACES: usize = ZEROS + (DEPTH << 2);

/** Packs values `first` … `first + depth` of the patches of six neighbours in a row, all taps of which see the image. */
function packNeighbours(x: usize, position: i32, first: i32, depth: i32, to: usize): void {
  const image = position / (rows * columns);
  const y = ((position / columns) % rows) * strideY + originY;
  const left = (position % columns) * strideX + originX;
  const base = x + ((<usize>image * <usize>(height * width) * <usize>channels) << 2);
  const next = (<usize>(strideX * channels)) << 2;
  // Taps that lie beside each other are read in one go.
  const together = stepX === 1 ? tapsX : 1;
  const across = tapsX / together;
  const run = together * channels;
  let tap = first / run;
  let from = first % run;
  for (let done = 0; done < depth; tap++) {
    const count = min(run - from, depth - done);
    const pixel = (y + (tap / across) * stepY) * width + left + (tap % across) * stepX;
    const p = base + ((<usize>pixel * <usize>channels + <usize>from) << 2);
    packSix(p, p + next, p + 2 * next, p + 3 * next, p + 4 * next, p + 5 * next, to, count);
    to += <usize>count * 24;
    done += count;
    from = 0;
  }
}

/** Packs the patches of up to six positions anywhere; what lies outside the image is read from `zeros`. */
function packAny(x: usize, position: i32, count: i32, first: i32, depth: i32, to: usize, scratch: usize): void {
  const places = scratch + PLACES;
  for (let r = 0; r < count; r++) {
    const at = places + <usize>(r * 12);
    const row = (position + r) / columns;
    store<i32>(at, (row % rows) * strideY + originY);
    store<i32>(at, (position + r - row * columns) * strideX + originX, 4);
    store<i32>(at, (row / rows) * height, 8);
  }
  let tap = first / channels;
  let channel = first % channels;
  for (let done = 0; done < depth; tap++) {
    const some = min(channels - channel, depth - done);
    const down = (tap / tapsX) * stepY;
    const across = (tap % tapsX) * stepX;
    const zeros = scratch + ZEROS;
    const from = x + ((<usize>channel) << 2);
    packSix(
      see(from, places, 0, count, down, across, zeros),
      see(from, places, 1, count, down, across, zeros),
      see(from, places, 2, count, down, across, zeros),
      see(from, places, 3, count, down, across, zeros),
      see(from, places, 4, count, down, across, zeros),
      see(from, places, 5, count, down, across, zeros),
      to,
      some,
    );
    to += <usize>some * 24;
    done += some;
    channel = 0;
  }
}

/** Where one of the six positions sees the image through a tap. */
function see(x: usize, places: usize, which: i32, count: i32, down: i32, across: i32, zeros: usize): usize {
  if (which >= count) return zeros;
  const at = places + <usize>(which * 12);
  const iy = line(load<i32>(at) + down, 1, height);
  const ix = line(load<i32>(at, 4) + across, 1, width);
  if (iy < 0 || ix < 0) return zeros;
  return x + ((<usize>((load<i32>(at, 8) + iy) * width + ix) * <usize>channels) << 2);
}

/** Whether all taps from `at`, and those of a position `span` further on, lie in 0 … length. */
function inside(at: i32, span: i32, reach: i32, length: i32): bool {
  return at + min(0, reach) >= 0 && at + span + max(0, reach) < length;
}

function plain(position: i32): bool {
  const column = position % columns;
  if (column + ROWS > columns) return false;
  const y = ((position / columns) % rows) * strideY + originY;
  const left = column * strideX + originX;
  return inside(y, 0, (tapsY - 1) * stepY, height) && inside(left, 5 * strideX, (tapsX - 1) * stepX, width);
}

/** y[positions, filters] at positions `start` … `end`; `filter` is packed [taps · channels, filters]. Scratch as in matMul, and 274 values more. */
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
  memory.fill(scratch + ZEROS, 0, DEPTH << 2);
  const depth = tapsY * tapsX * channels;
  const row = (<usize>filters) << 2;
  const edge = scratch + ((BLOCK_ROWS * DEPTH) << 2);
  for (let i = start; i < end; i += BLOCK_ROWS) {
    const count = min(BLOCK_ROWS, end - i);
    for (let k = 0; k < depth; k += DEPTH) {
      const steps = min(DEPTH, depth - k);
      let to = scratch;
      for (let r = 0; r < count; r += ROWS) {
        const some = min(ROWS, count - r);
        if (some === ROWS && plain(i + r)) packNeighbours(x, i + r, k, steps, to);
        else packAny(x, i + r, some, k, steps, to, scratch);
        to += <usize>steps * 24;
      }
      const at = y + <usize>i * row;
      block(scratch, count, filter + ((<usize>k) << 5), (<usize>depth) << 5, filters, steps, at, row, edge, k > 0);
    }
  }
}

/**
 * Spreads the pixels of lines `start` … `end` of x[images, rows, columns, channels] out over larger images: `step` pixels from
 * one column to the next, `down` from row to row, `whole` from image to image.
 */
export function scatterPixels(
  x: usize,
  y: usize,
  channels: i32,
  rows: i32,
  columns: i32,
  step: i32,
  down: i32,
  whole: i32,
  start: i32,
  end: i32,
): void {
  const pixel = (<usize>channels) << 2;
  let from = x + <usize>(start * columns) * pixel;
  for (let line = start; line < end; line++) {
    let to = y + <usize>((line / rows) * whole + (line % rows) * down) * pixel;
    for (let column = 0; column < columns; column++) {
      let c: usize = 0;
      for (; c + 16 <= pixel; c += 16) v128.store(to + c, v128.load(from + c));
      for (; c < pixel; c += 4) store<f32>(to + c, load<f32>(from + c));
      from += pixel;
      to += <usize>step * pixel;
    }
  }
}
