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

/** Rows that are added up column by column before the next come in, so that they are read from memory once. */
export const BLOCK: i32 = 64;

/** out[c] = scale · Σ x[…, c] over rows that are `pitch` values apart, for `columns` columns; `sums` holds as many doubles. */
export function sumColumns(x: usize, out: usize, sums: usize, rows: i32, columns: i32, pitch: i32, scale: f64): void {
  memory.fill(sums, 0, (<usize>columns) << 3);
  for (let row = 0; row < rows; row += BLOCK)
    addRows(x + ((<usize>row * <usize>pitch) << 2), sums, min(BLOCK, rows - row), columns, (<usize>pitch) << 2);
  for (let c = 0; c < columns; c++)
    store<f32>(out + ((<usize>c) << 2), <f32>(load<f64>(sums + ((<usize>c) << 3)) * scale));
}

function addRows(x: usize, sums: usize, rows: i32, columns: i32, pitch: usize): void {
  let c = 0;
  for (; c + 8 <= columns; c += 8) {
    let s0 = v128.load(sums);
    let s1 = v128.load(sums, 16);
    let s2 = v128.load(sums, 32);
    let s3 = v128.load(sums, 48);
    let p = x + ((<usize>c) << 2);
    for (let row = 0; row < rows; row++) {
      const low = v128.load(p);
      const high = v128.load(p, 16);
      s0 = f64x2.add(s0, lower(low));
      s1 = f64x2.add(s1, upper(low));
      s2 = f64x2.add(s2, lower(high));
      s3 = f64x2.add(s3, upper(high));
      p += pitch;
    }
    v128.store(sums, s0);
    v128.store(sums, s1, 16);
    v128.store(sums, s2, 32);
    v128.store(sums, s3, 48);
    sums += 64;
  }
  for (; c < columns; c++) {
    let sum = load<f64>(sums);
    let p = x + ((<usize>c) << 2);
    for (let row = 0; row < rows; row++) {
      sum += <f64>load<f32>(p);
      p += pitch;
    }
    store<f64>(sums, sum);
    sums += 8;
  }
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
