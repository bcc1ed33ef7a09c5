/** The filter gradient of the depthwise convolution with one filter per channel, four channels at a time. */
import { madd, zero } from './simd';

/**
 * dw[taps, channels] += Σ x · dy over the images `start` … `end`. x is [images, height, width, channels], dy
 * [images, rows, columns, channels]; `top` and `left` are the padding.
 */
export function depthwiseFilterGradient(
  x: usize,
  dy: usize,
  dw: usize,
  height: i32,
  width: i32,
  channels: i32,
  rows: i32,
  columns: i32,
  tapsY: i32,
  tapsX: i32,
  strideY: i32,
  strideX: i32,
  stepY: i32,
  stepX: i32,
  top: i32,
  left: i32,
  start: i32,
  end: i32,
): void {
  const pixel = (<usize>channels) << 2;
  for (let row = start * rows; row < end * rows; row++) {
    const image = row / rows;
    for (let i = 0; i < tapsY; i++) {
      const y = (row % rows) * strideY - top + i * stepY;
      if (y < 0 || y >= height) continue;
      for (let j = 0; j < tapsX; j++) {
        const beside = j * stepX - left;
        let first = 0;
        while (first < columns && first * strideX + beside < 0) first++;
        let past = columns;
        while (past > first && (past - 1) * strideX + beside >= width) past--;
        const from = x + (<usize>(image * height + y) * <usize>width + <usize>(first * strideX + beside)) * pixel;
        const gradient = dy + (<usize>row * <usize>columns + <usize>first) * pixel;
        addRow(from, <usize>strideX * pixel, gradient, past - first, channels, dw + <usize>(i * tapsX + j) * pixel);
      }
    }
  }
}

function addRow(x: usize, step: usize, dy: usize, count: i32, channels: i32, dw: usize): void {
  const pixel = (<usize>channels) << 2;
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
