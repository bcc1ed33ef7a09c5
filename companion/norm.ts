/** Batch normalisation with one mean per channel, and the two sums that its gradient needs. */
import { BLOCK } from './reduce';
import { lower, upper } from './simd';

/** y = (x - mean) · gain + offset over [rows, channels]. Subtracting first keeps the digits where the mean is large. */
export function batchNorm(x: usize, mean: usize, gain: usize, offset: usize, y: usize, rows: i32, channels: i32): void {
  for (let row = 0; row < rows; row++) {
    let c: usize = 0;
    const end = (<usize>channels) << 2;
    for (; c + 16 <= end; c += 16) {
      const centred = f32x4.sub(v128.load(x + c), v128.load(mean + c));
      v128.store(y + c, f32x4.add(f32x4.mul(centred, v128.load(gain + c)), v128.load(offset + c)));
    }
    for (; c < end; c += 4)
      store<f32>(y + c, (load<f32>(x + c) - load<f32>(mean + c)) * load<f32>(gain + c) + load<f32>(offset + c));
    x += end;
    y += end;
  }
}

/**
 * total[c] = Σ dy and centred[c] = Σ dy · (x - mean) over rows that are `pitch` values apart, added as doubles; `sums`
 * holds two doubles per channel.
 */
export function centredSums(
  x: usize,
  mean: usize,
  dy: usize,
  total: usize,
  centred: usize,
  sums: usize,
  rows: i32,
  channels: i32,
  pitch: i32,
): void {
  memory.fill(sums, 0, (<usize>channels) << 4);
  for (let row = 0; row < rows; row += BLOCK) {
    const at = (<usize>row * <usize>pitch) << 2;
    addBlock(x + at, mean, dy + at, sums, min(BLOCK, rows - row), channels, (<usize>pitch) << 2);
  }
  for (let c: usize = 0; c < <usize>channels; c++) {
    store<f32>(total + (c << 2), <f32>load<f64>(sums + (c << 3)));
    store<f32>(centred + (c << 2), <f32>load<f64>(sums + ((<usize>channels + c) << 3)));
  }
}

function addBlock(x: usize, mean: usize, dy: usize, totals: usize, rows: i32, channels: i32, pitch: usize): void {
  const end = (<usize>channels) << 2;
  let centred = totals + ((<usize>channels) << 3);
  let c: usize = 0;
  for (; c + 16 <= end; c += 16) {
    let t0 = v128.load(totals);
    let t1 = v128.load(totals, 16);
    let s0 = v128.load(centred);
    let s1 = v128.load(centred, 16);
    const m = v128.load(mean + c);
    let p = x + c;
    let q = dy + c;
    for (let row = 0; row < rows; row++) {
      const g = v128.load(q);
      const product = f32x4.mul(g, f32x4.sub(v128.load(p), m));
      t0 = f64x2.add(t0, lower(g));
      t1 = f64x2.add(t1, upper(g));
      s0 = f64x2.add(s0, lower(product));
      s1 = f64x2.add(s1, upper(product));
      p += pitch;
      q += pitch;
    }
    v128.store(totals, t0);
    v128.store(totals, t1, 16);
    v128.store(centred, s0);
    v128.store(centred, s1, 16);
    totals += 32;
    centred += 32;
  }
  for (; c < end; c += 4) {
    let t = load<f64>(totals);
    let s = load<f64>(centred);
    let p = x + c;
    let q = dy + c;
    for (let row = 0; row < rows; row++) {
      const g = load<f32>(q);
      t += <f64>g;
      s += <f64>(g * (load<f32>(p) - load<f32>(mean + c)));
      p += pitch;
      q += pitch;
    }
    store<f64>(totals, t);
    store<f64>(centred, s);
    totals += 8;
    centred += 8;
  }
}
