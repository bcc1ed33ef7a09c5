/** Reductions. Sums are added as doubles and rounded once; maxima and minima keep NaN. */
import { lower, upper } from './simd';

/** out[row] = scale · Σ x[row, …] */
export function sumRows(x: usize, out: usize, rows: i32, count: i32, scale: f64): void {
  for (let row = 0; row < rows; row++) {
    const end = x + ((<usize>count) << 2);
    let a = f64x2.splat(0);
    let b = f64x2.splat(0);
    let c = f64x2.splat(0);
    let d = f64x2.splat(0);
    for (; x + 32 <= end; x += 32) {
      const low = v128.load(x);
      const high = v128.load(x, 16);
      a = f64x2.add(a, lower(low));
      b = f64x2.add(b, upper(low));
      c = f64x2.add(c, lower(high));
      d = f64x2.add(d, upper(high));
    }
    const all = f64x2.add(f64x2.add(a, b), f64x2.add(c, d));
    let sum = f64x2.extract_lane(all, 0) + f64x2.extract_lane(all, 1);
    for (; x < end; x += 4) sum += <f64>load<f32>(x);
    store<f32>(out, <f32>(sum * scale));
    out += 4;
  }
}

/** out[c] = scale · Σ x[…, c] over the rows of [rows, columns]. */
export function sumColumns(x: usize, out: usize, rows: i32, columns: i32, scale: f64): void {
  const pitch = (<usize>columns) << 2;
  const factor = f64x2.splat(scale);
  let c: usize = 0;
  for (; c + 32 <= pitch; c += 32) {
    let s0 = f64x2.splat(0);
    let s1 = f64x2.splat(0);
    let s2 = f64x2.splat(0);
    let s3 = f64x2.splat(0);
    let p = x + c;
    for (let row = 0; row < rows; row++) {
      const low = v128.load(p);
      const high = v128.load(p, 16);
      s0 = f64x2.add(s0, lower(low));
      s1 = f64x2.add(s1, upper(low));
      s2 = f64x2.add(s2, lower(high));
      s3 = f64x2.add(s3, upper(high));
      p += pitch;
    }
    v128.store(out + c, narrow(f64x2.mul(s0, factor), f64x2.mul(s1, factor)));
    v128.store(out + c, narrow(f64x2.mul(s2, factor), f64x2.mul(s3, factor)), 16);
  }
  for (; c < pitch; c += 4) {
    let sum: f64 = 0;
    let p = x + c;
    for (let row = 0; row < rows; row++) {
      sum += <f64>load<f32>(p);
      p += pitch;
    }
    store<f32>(out + c, <f32>(sum * scale));
  }
}

function narrow(low: v128, high: v128): v128 {
  return v128.shuffle<f64>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 2);
}

/** out[row] = the largest of x[row, …], of at least one. */
export function maxRows(x: usize, out: usize, rows: i32, count: i32): void {
  for (let row = 0; row < rows; row++) {
    const end = x + ((<usize>count) << 2);
    let best = f32x4.splat(-Infinity);
    for (; x + 16 <= end; x += 16) best = f32x4.max(best, v128.load(x));
    let value = max<f32>(
      max<f32>(f32x4.extract_lane(best, 0), f32x4.extract_lane(best, 1)),
      max<f32>(f32x4.extract_lane(best, 2), f32x4.extract_lane(best, 3)),
    );
    for (; x < end; x += 4) value = max<f32>(value, load<f32>(x));
    store<f32>(out, value);
    out += 4;
  }
}

/** out[row] = the smallest of x[row, …], of at least one. */
export function minRows(x: usize, out: usize, rows: i32, count: i32): void {
  for (let row = 0; row < rows; row++) {
    const end = x + ((<usize>count) << 2);
    let best = f32x4.splat(Infinity);
    for (; x + 16 <= end; x += 16) best = f32x4.min(best, v128.load(x));
    let value = min<f32>(
      min<f32>(f32x4.extract_lane(best, 0), f32x4.extract_lane(best, 1)),
      min<f32>(f32x4.extract_lane(best, 2), f32x4.extract_lane(best, 3)),
    );
    for (; x < end; x += 4) value = min<f32>(value, load<f32>(x));
    store<f32>(out, value);
    out += 4;
  }
}
