/** Pooling: the maximum and the gradients of maximum and average, four channels at a time. */

// The window of one output pixel, clipped to the image.
let top: i32 = 0;
let bottom: i32 = 0;
let left: i32 = 0;
let right: i32 = 0;

function place(
  at: i32,
  height: i32,
  width: i32,
  tapsY: i32,
  tapsX: i32,
  columns: i32,
  sY: i32,
  sX: i32,
  padY: i32,
  padX: i32,
): void {
  const y = (at / columns) * sY - padY;
  const x = (at % columns) * sX - padX;
  top = max(0, y);
  bottom = min(height, y + tapsY);
  left = max(0, x);
  right = min(width, x + tapsX);
}

/**
 * y = the largest value of each window, NaN where one is NaN; or, if `average`, the mean of its pixels in the image. Images
 * `start` … `end`.
 */
export function pool(
  average: bool,
  x: usize,
  y: usize,
  height: i32,
  width: i32,
  channels: i32,
  rows: i32,
  columns: i32,
  tapsY: i32,
  tapsX: i32,
  strideY: i32,
  strideX: i32,
  padY: i32,
  padX: i32,
  start: i32,
  end: i32,
): void {
  const pixel = (<usize>channels) << 2;
  const first: f32 = average ? 0 : -Infinity;
  for (let n = start; n < end; n++) {
    const image = x + <usize>(n * height * width) * pixel;
    for (let at = 0; at < rows * columns; at++) {
      place(at, height, width, tapsY, tapsX, columns, strideY, strideX, padY, padX);
      const to = y + <usize>(n * rows * columns + at) * pixel;
      const share: f32 = average ? 1 / <f32>((bottom - top) * (right - left)) : 1;
      let c: usize = 0;
      for (; c + 16 <= pixel; c += 16) {
        let all = f32x4.splat(first);
        for (let h = top; h < bottom; h++)
          for (let w = left; w < right; w++) {
            const value = v128.load(image + <usize>(h * width + w) * pixel + c);
            all = average ? f32x4.add(all, value) : f32x4.max(all, value);
          }
        v128.store(to + c, f32x4.mul(all, f32x4.splat(share)));
      }
      for (; c < pixel; c += 4) {
        let all = first;
        for (let h = top; h < bottom; h++)
          for (let w = left; w < right; w++) {
            const value = load<f32>(image + <usize>(h * width + w) * pixel + c);
            all = average ? all + value : max<f32>(all, value);
          }
        store<f32>(to + c, all * share);
      }
    }
  }
}

/** dx = Σ dy at the first maximum of each window, the first NaN where there is one. Images `start` … `end`. */
export function maxPoolGradient(
  x: usize,
  dy: usize,
  dx: usize,
  height: i32,
  width: i32,
  channels: i32,
  rows: i32,
  columns: i32,
  tapsY: i32,
  tapsX: i32,
  strideY: i32,
  strideX: i32,
  padY: i32,
  padX: i32,
  start: i32,
  end: i32,
): void {
  const pixel = (<usize>channels) << 2;
  for (let n = start; n < end; n++) {
    const image = <usize>(n * height * width) * pixel;
    memory.fill(dx + image, 0, <usize>(height * width) * pixel);
    for (let at = 0; at < rows * columns; at++) {
      place(at, height, width, tapsY, tapsX, columns, strideY, strideX, padY, padX);
      if (top >= bottom || left >= right) continue;
      const from = dy + <usize>(n * rows * columns + at) * pixel;
      let c: usize = 0;
      for (; c + 16 <= pixel; c += 16) {
        const first = top * width + left;
        let best = v128.load(x + image + <usize>first * pixel + c);
        let where = i32x4.splat(first);
        for (let h = top; h < bottom; h++)
          for (let w = left; w < right; w++) {
            const value = v128.load(x + image + <usize>(h * width + w) * pixel + c);
            // Larger or NaN, and the best is not NaN yet.
            const better = v128.andnot(f32x4.eq(best, best), f32x4.le(value, best));
            best = v128.bitselect(value, best, better);
            where = v128.bitselect(i32x4.splat(h * width + w), where, better);
          }
        const gradient = v128.load(from + c);
        for (let h = top; h < bottom; h++)
          for (let w = left; w < right; w++) {
            const to = dx + image + <usize>(h * width + w) * pixel + c;
            const mine = v128.and(gradient, i32x4.eq(where, i32x4.splat(h * width + w)));
            v128.store(to, f32x4.add(v128.load(to), mine));
          }
      }
      for (; c < pixel; c += 4) {
        let where = top * width + left;
        let best = load<f32>(x + image + <usize>where * pixel + c);
        for (let h = top; h < bottom; h++)
          for (let w = left; w < right; w++) {
            const value = load<f32>(x + image + <usize>(h * width + w) * pixel + c);
            if (best <= Infinity && !(value <= best)) {
              best = value;
              where = h * width + w;
            }
          }
        const to = dx + image + <usize>where * pixel + c;
        store<f32>(to, load<f32>(to) + load<f32>(from + c));
      }
    }
  }
}

/** dx = Σ dy / (pixels in the window) over the windows that see a pixel. Images `start` … `end`. */
export function avgPoolGradient(
  dy: usize,
  dx: usize,
  height: i32,
  width: i32,
  channels: i32,
  rows: i32,
  columns: i32,
  tapsY: i32,
  tapsX: i32,
  strideY: i32,
  strideX: i32,
  padY: i32,
  padX: i32,
  start: i32,
  end: i32,
): void {
  const pixel = (<usize>channels) << 2;
  for (let n = start; n < end; n++) {
    memory.fill(dx + <usize>(n * height * width) * pixel, 0, <usize>(height * width) * pixel);
    for (let at = 0; at < rows * columns; at++) {
      place(at, height, width, tapsY, tapsX, columns, strideY, strideX, padY, padX);
      const from = dy + <usize>(n * rows * columns + at) * pixel;
      const share: f32 = 1 / <f32>((bottom - top) * (right - left));
      for (let h = top; h < bottom; h++)
        for (let w = left; w < right; w++) {
          const to = dx + <usize>((n * height + h) * width + w) * pixel;
          let c: usize = 0;
          for (; c + 16 <= pixel; c += 16)
            v128.store(to + c, f32x4.add(v128.load(to + c), f32x4.mul(v128.load(from + c), f32x4.splat(share))));
          for (; c < pixel; c += 4) store<f32>(to + c, load<f32>(to + c) + load<f32>(from + c) * share);
        }
    }
  }
}
