/** Batch normalisation with one mean per channel, and the two sums that its gradient needs. */
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

/** total[c] = Σ dy and centred[c] = Σ dy · (x - mean) over the rows of [rows, channels], added as doubles. */
export function centredSums(
  x: usize,
  mean: usize,
  dy: usize,
  total: usize,
  centred: usize,
  rows: i32,
  channels: i32,
): void {
  const pitch = (<usize>channels) << 2;
  let c: usize = 0;
  for (; c + 16 <= pitch; c += 16) {
    let t0 = f64x2.splat(0);
    let t1 = f64x2.splat(0);
    let s0 = f64x2.splat(0);
    let s1 = f64x2.splat(0);
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
    v128.store(total + c, v128.shuffle<f64>(f32x4.demote_f64x2_zero(t0), f32x4.demote_f64x2_zero(t1), 0, 2));
    v128.store(centred + c, v128.shuffle<f64>(f32x4.demote_f64x2_zero(s0), f32x4.demote_f64x2_zero(s1), 0, 2));
  }
  for (; c < pitch; c += 4) {
    let t: f64 = 0;
    let s: f64 = 0;
    let p = x + c;
    let q = dy + c;
    for (let row = 0; row < rows; row++) {
      const g = load<f32>(q);
      t += <f64>g;
      s += <f64>(g * (load<f32>(p) - load<f32>(mean + c)));
      p += pitch;
      q += pitch;
    }
    store<f32>(total + c, <f32>t);
    store<f32>(centred + c, <f32>s);
  }
}
