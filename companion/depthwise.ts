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

/** y[positions, channels] at positions `start` … `end` over what {@link geometry} says; the filter is [taps, channels]. */
export function depthwise(geometry: usize, x: usize, filter: usize, y: usize, start: i32, end: i32): void {
  look(geometry);
  const pixel = (<usize>depth) << 2;
  for (let position = start; position < end; position++) {
    const image = position / (outRows * outColumns);
    const top = ((position / outColumns) % outRows) * outStrideY + originY;
    const left = (position % outColumns) * outStrideX + originX;
    const base = x + <usize>(image * imageHeight * imageWidth) * pixel;
    const to = y + <usize>position * pixel;
    let c: usize = 0;
    for (; c + 32 <= pixel; c += 32) eight(base + c, filter + c, to + c, top, left, pixel);
    for (; c < pixel; c += 4) one(base + c, filter + c, to + c, top, left, pixel);
  }
}

function eight(x: usize, filter: usize, y: usize, top: i32, left: i32, pixel: usize): void {
  let a = zero();
  let b = zero();
  for (let i = 0; i < filterHeight; i++) {
    const iy = line(top + i * tapStepY, spreadY, imageHeight);
    if (iy < 0) continue;
    for (let j = 0; j < filterWidth; j++) {
      const ix = line(left + j * tapStepX, spreadX, imageWidth);
      if (ix < 0) continue;
      const from = x + <usize>(iy * imageWidth + ix) * pixel;
      const weight = filter + <usize>(i * filterWidth + j) * pixel;
      a = madd(v128.load(from), v128.load(weight), a);
      b = madd(v128.load(from, 16), v128.load(weight, 16), b);
    }
  }
  v128.store(y, a);
  v128.store(y, b, 16);
}

function one(x: usize, filter: usize, y: usize, top: i32, left: i32, pixel: usize): void {
  let sum: f32 = 0;
  for (let i = 0; i < filterHeight; i++) {
    const iy = line(top + i * tapStepY, spreadY, imageHeight);
    if (iy < 0) continue;
    for (let j = 0; j < filterWidth; j++) {
      const ix = line(left + j * tapStepX, spreadX, imageWidth);
      if (ix < 0) continue;
      const weight = filter + <usize>(i * filterWidth + j) * pixel;
      sum += load<f32>(x + <usize>(iy * imageWidth + ix) * pixel) * load<f32>(weight);
    }
  }
  store<f32>(y, sum);
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
    let a = v128.load(dw);
    let b = v128.load(dw, 16);
    let p = x;
    let q = dy;
    for (let i = 0; i < count; i++) {
      a = madd(v128.load(p), v128.load(q), a);
      b = madd(v128.load(p, 16), v128.load(q, 16), b);
      p += step;
      q += pixel;
    }
    v128.store(dw, a);
    v128.store(dw, b, 16);
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
