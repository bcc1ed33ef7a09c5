/** The depthwise convolution with one filter per channel and its filter gradient, some channels at a time. */
import {
  channels as depth,
  tapsY as filterHeight,
  tapsX as filterWidth,
  height as imageHeight,
  width as imageWidth,
  line,
  look,
  originX,
  originY,
  columns as outColumns,
  rows as outRows,
  strideX as outStrideX,
  strideY as outStrideY,
  spreadX,
  spreadY,
  stepX as tapStepX,
  stepY as tapStepY,
} from './geometry';
import { madd, zero } from './simd';

/**
 * y[positions, channels] at positions `start` … `end` over what {@link look} says; the filter is [taps, channels]. `scratch`
 * holds, for the row and for each column, which taps see the image and where: a count, and two offsets for each.
 */
export function depthwise(
  geometry: usize,
  x: usize,
  filter: usize,
  y: usize,
  start: i32,
  end: i32,
  scratch: usize,
): void {
  look(geometry);
  const pixel = <i32>((<usize>depth) << 2);
  const each = 4 + 8 * filterWidth;
  const rowTaps = scratch + <usize>(outColumns * each);
  for (let column = 0; column < outColumns; column++) {
    const left = column * outStrideX + originX;
    list(scratch + <usize>(column * each), left, tapStepX, filterWidth, spreadX, imageWidth, pixel, pixel);
  }
  let known = -1;
  for (let position = start; position < end; position++) {
    const row = position / outColumns;
    const column = position - row * outColumns;
    if (row !== known) {
      const top = (row % outRows) * outStrideY + originY;
      list(rowTaps, top, tapStepY, filterHeight, spreadY, imageHeight, imageWidth * pixel, filterWidth * pixel);
      known = row;
    }
    const columnTaps = scratch + <usize>(column * each);
    const from = x + <usize>(row / outRows) * <usize>(imageHeight * imageWidth) * <usize>pixel;
    const to = y + <usize>position * <usize>pixel;
    let c: usize = 0;
    for (; c + 64 <= <usize>pixel; c += 64) sixteen(from + c, filter + c, to + c, rowTaps, columnTaps);
    for (; c + 16 <= <usize>pixel; c += 16) four(from + c, filter + c, to + c, rowTaps, columnTaps);
    for (; c < <usize>pixel; c += 4) one(from + c, filter + c, to + c, rowTaps, columnTaps);
  }
}

/** Lists the taps that fall on a line of the image: how far on that line is, and how far on the tap's weights are. */
function list(to: usize, origin: i32, step: i32, taps: i32, spread: i32, length: i32, perLine: i32, perTap: i32): void {
  let count = 0;
  for (let tap = 0; tap < taps; tap++) {
    const at = line(origin + tap * step, spread, length);
    if (at < 0) continue;
    store<i32>(to + <usize>(4 + 8 * count), at * perLine);
    store<i32>(to + <usize>(8 + 8 * count), tap * perTap);
    count++;
  }
  store<i32>(to, count);
}

function sixteen(x: usize, filter: usize, y: usize, rowTaps: usize, columnTaps: usize): void {
  let a = zero();
  let b = zero();
  let c = zero();
  let d = zero();
  const rowEnd = rowTaps + ((<usize>load<i32>(rowTaps)) << 3);
  const columnEnd = columnTaps + ((<usize>load<i32>(columnTaps)) << 3);
  for (let i = rowTaps; i < rowEnd; i += 8) {
    const line = x + <usize>load<i32>(i, 4);
    const weights = filter + <usize>load<i32>(i, 8);
    for (let j = columnTaps; j < columnEnd; j += 8) {
      const from = line + <usize>load<i32>(j, 4);
      const weight = weights + <usize>load<i32>(j, 8);
      a = madd(v128.load(from), v128.load(weight), a);
      b = madd(v128.load(from, 16), v128.load(weight, 16), b);
      c = madd(v128.load(from, 32), v128.load(weight, 32), c);
      d = madd(v128.load(from, 48), v128.load(weight, 48), d);
    }
  }
  v128.store(y, a);
  v128.store(y, b, 16);
  v128.store(y, c, 32);
  v128.store(y, d, 48);
}

function four(x: usize, filter: usize, y: usize, rowTaps: usize, columnTaps: usize): void {
  let sum = zero();
  const rowEnd = rowTaps + ((<usize>load<i32>(rowTaps)) << 3);
  const columnEnd = columnTaps + ((<usize>load<i32>(columnTaps)) << 3);
  for (let i = rowTaps; i < rowEnd; i += 8)
    for (let j = columnTaps; j < columnEnd; j += 8) {
      const value = v128.load(x + <usize>(load<i32>(i, 4) + load<i32>(j, 4)));
      sum = madd(value, v128.load(filter + <usize>(load<i32>(i, 8) + load<i32>(j, 8))), sum);
    }
  v128.store(y, sum);
}

function one(x: usize, filter: usize, y: usize, rowTaps: usize, columnTaps: usize): void {
  let sum: f32 = 0;
  const rowEnd = rowTaps + ((<usize>load<i32>(rowTaps)) << 3);
  const columnEnd = columnTaps + ((<usize>load<i32>(columnTaps)) << 3);
  for (let i = rowTaps; i < rowEnd; i += 8)
    for (let j = columnTaps; j < columnEnd; j += 8) {
      const value = load<f32>(x + <usize>(load<i32>(i, 4) + load<i32>(j, 4)));
      sum += value * load<f32>(filter + <usize>(load<i32>(i, 8) + load<i32>(j, 8)));
    }
  store<f32>(y, sum);
}

/** y[size, times] = x[size], each value so many times in a row. */
export function repeatValues(x: usize, y: usize, size: i32, times: i32): void {
  const end = x + ((<usize>size) << 2);
  for (; x < end; x += 4) {
    const value = load<f32>(x);
    for (let i = 0; i < times; i++) {
      store<f32>(y, value);
      y += 4;
    }
  }
}

/**
 * dw[taps, channels] = Σ x · dy over what {@link look} says, in `count` channels from where x, dy and dw point; x is
 * [images, height, width, channels], dy [images, rows, columns, channels].
 */
export function depthwiseFilterGradient(
  geometry: usize,
  x: usize,
  dy: usize,
  dw: usize,
  images: i32,
  count: i32,
): void {
  look(geometry);
  const pixel = (<usize>depth) << 2;
  for (let tap = 0; tap < filterHeight * filterWidth; tap++)
    memory.fill(dw + <usize>tap * pixel, 0, (<usize>count) << 2);
  for (let row = 0; row < images * outRows; row++) {
    const image = row / outRows;
    for (let i = 0; i < filterHeight; i++) {
      const y = (row % outRows) * outStrideY + originY + i * tapStepY;
      if (y < 0 || y >= imageHeight) continue;
      for (let j = 0; j < filterWidth; j++) {
        const beside = j * tapStepX + originX;
        let first = 0;
        while (first < outColumns && first * outStrideX + beside < 0) first++;
        let past = outColumns;
        while (past > first && (past - 1) * outStrideX + beside >= imageWidth) past--;
        const at = <usize>(image * imageHeight + y) * <usize>imageWidth + <usize>(first * outStrideX + beside);
        const gradient = dy + (<usize>row * <usize>outColumns + <usize>first) * pixel;
        const to = dw + <usize>(i * filterWidth + j) * pixel;
        addRow(x + at * pixel, <usize>outStrideX * pixel, gradient, pixel, past - first, count, to);
      }
    }
  }
}

/** dw[channels] += Σ x · dy over `count` pixels, `step` and `pixel` bytes from one to the next. */
function addRow(x: usize, step: usize, dy: usize, pixel: usize, count: i32, channels: i32, dw: usize): void {
  let c = 0;
  for (; c + 8 <= channels; c += 8) {
    let a = zero();
    let b = zero();
    let p = x;
    let q = dy;
    for (let i = 0; i < count; i++) {
      a = madd(v128.load(p), v128.load(q), a);
      b = madd(v128.load(p, 16), v128.load(q, 16), b);
      p += step;
      q += pixel;
    }
    v128.store(dw, f32x4.add(v128.load(dw), a));
    v128.store(dw, f32x4.add(v128.load(dw, 16), b), 16);
    x += 32;
    dy += 32;
    dw += 32;
  }
  for (; c + 4 <= channels; c += 4) {
    let a = zero();
    let p = x;
    let q = dy;
    for (let i = 0; i < count; i++) {
      a = madd(v128.load(p), v128.load(q), a);
      p += step;
      q += pixel;
    }
    v128.store(dw, f32x4.add(v128.load(dw), a));
    x += 16;
    dy += 16;
    dw += 16;
  }
  for (; c < channels; c++) {
    let sum: f32 = 0;
    let p = x;
    let q = dy;
    for (let i = 0; i < count; i++) {
      sum += load<f32>(p) * load<f32>(q);
      p += step;
      q += pixel;
    }
    store<f32>(dw, load<f32>(dw) + sum);
    x += 4;
    dy += 4;
    dw += 4;
  }
}
