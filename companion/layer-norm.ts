/** Normalisation of each row by its own mean and variance, and its gradients. */
import { addTo, lower, SHORT, upper } from './simd';

/** The two lanes of a vector of doubles, added. */
function both(x: v128): f64 {
  return f64x2.extract_lane(x, 0) + f64x2.extract_lane(x, 1);
}

/** Σ x[count], as doubles. */
function sum(x: usize, end: usize): f64 {
  let a = f64x2.splat(0);
  let b = f64x2.splat(0);
  for (; x + 16 <= end; x += 16) {
    const values = v128.load(x);
    a = f64x2.add(a, lower(values));
    b = f64x2.add(b, upper(values));
  }
  let rest: f64 = 0;
  for (; x < end; x += 4) rest += <f64>load<f32>(x);
  return both(f64x2.add(a, b)) + rest;
}

/** Σ (x - centre)², as doubles; the squares are of deviations, so that a large mean takes none of their digits. */
function deviations(x: usize, end: usize, centre: f32): f64 {
  let a = f64x2.splat(0);
  let b = f64x2.splat(0);
  for (; x + 16 <= end; x += 16) {
    const d = f32x4.sub(v128.load(x), f32x4.splat(centre));
    const squares = f32x4.mul(d, d);
    a = f64x2.add(a, lower(squares));
    b = f64x2.add(b, upper(squares));
  }
  let rest: f64 = 0;
  for (; x < end; x += 4) {
    const d = load<f32>(x) - centre;
    rest += <f64>(d * d);
  }
  return both(f64x2.add(a, b)) + rest;
}

/**
 * For each of `rows` rows of x[rows, count]: y = (x - mean) · inverse · gain + offset, where inverse = 1 / √(variance + ε);
 * mean and inverse are kept for the gradient.
 */
export function layerNorm(
  x: usize,
  gain: usize,
  offset: usize,
  y: usize,
  mean: usize,
  inverse: usize,
  rows: i32,
  count: i32,
  epsilon: f64,
): void {
  const size = (<usize>count) << 2;
  for (let row = 0; row < rows; row++) {
    const exact = sum(x, x + size) / <f64>count;
    const m = <f32>exact;
    // The mean was rounded, which moves every deviation alike.
    const off = exact - <f64>m;
    const variance = max<f64>(0, deviations(x, x + size, m) / <f64>count - off * off);
    const factor = <f32>(1 / Math.sqrt(variance + epsilon));
    let c: usize = 0;
    for (; c + 16 <= size; c += 16) {
      const normed = f32x4.mul(f32x4.sub(v128.load(x + c), f32x4.splat(m)), f32x4.splat(factor));
      v128.store(y + c, f32x4.add(f32x4.mul(normed, v128.load(gain + c)), v128.load(offset + c)));
    }
    for (; c < size; c += 4)
      store<f32>(y + c, (load<f32>(x + c) - m) * factor * load<f32>(gain + c) + load<f32>(offset + c));
    store<f32>(mean, m);
    store<f32>(inverse, factor);
    x += size;
    y += size;
    mean += 4;
    inverse += 4;
  }
}

/** dx = inverse · (g - mean of g - n · mean of g · n) for each row, where g = dy · gain and n = (x - mean) · inverse. */
export function layerNormGradient(
  x: usize,
  dy: usize,
  gain: usize,
  dx: usize,
  mean: usize,
  inverse: usize,
  rows: i32,
  count: i32,
): void {
  const size = (<usize>count) << 2;
  for (let row = 0; row < rows; row++) {
    const m = load<f32>(mean);
    const factor = load<f32>(inverse);
    let g0 = f64x2.splat(0);
    let g1 = f64x2.splat(0);
    let n0 = f64x2.splat(0);
    let n1 = f64x2.splat(0);
    let c: usize = 0;
    for (; c + 16 <= size; c += 16) {
      const g = f32x4.mul(v128.load(dy + c), v128.load(gain + c));
      const product = f32x4.mul(g, f32x4.sub(v128.load(x + c), f32x4.splat(m)));
      g0 = f64x2.add(g0, lower(g));
      g1 = f64x2.add(g1, upper(g));
      n0 = f64x2.add(n0, lower(product));
      n1 = f64x2.add(n1, upper(product));
    }
    let total = both(f64x2.add(g0, g1));
    let centred = both(f64x2.add(n0, n1));
    for (; c < size; c += 4) {
      const g = load<f32>(dy + c) * load<f32>(gain + c);
      total += <f64>g;
      centred += <f64>(g * (load<f32>(x + c) - m));
    }
    const shift = <f32>(total / <f64>count);
    const slope = <f32>((centred / <f64>count) * <f64>factor * <f64>factor);
    c = 0;
    for (; c + 16 <= size; c += 16) {
      const g = f32x4.mul(v128.load(dy + c), v128.load(gain + c));
      const along = f32x4.mul(f32x4.sub(v128.load(x + c), f32x4.splat(m)), f32x4.splat(slope));
      const rest = f32x4.sub(f32x4.sub(g, f32x4.splat(shift)), along);
      v128.store(dx + c, f32x4.mul(rest, f32x4.splat(factor)));
    }
    for (; c < size; c += 4) {
      const g = load<f32>(dy + c) * load<f32>(gain + c);
      store<f32>(dx + c, (g - shift - (load<f32>(x + c) - m) * slope) * factor);
    }
    x += size;
    dy += size;
    dx += size;
    mean += 4;
    inverse += 4;
  }
}

/**
 * offset[c] = Σ dy and gain[c] = Σ dy · (x - mean) · inverse over the rows, which are `pitch` values apart, for `columns`
 * columns, a few rows at a time, these added as doubles; `sums` holds two doubles for each column.
 */
export function layerNormSums(
  x: usize,
  dy: usize,
  gain: usize,
  offset: usize,
  sums: usize,
  mean: usize,
  inverse: usize,
  rows: i32,
  columns: i32,
  pitch: i32,
): void {
  memory.fill(sums, 0, (<usize>columns) << 4);
  const step = (<usize>pitch) << 2;
  for (let row: usize = 0; row < <usize>rows; row += SHORT) {
    const at = row * step;
    addBlock(
      x + at,
      dy + at,
      sums,
      mean + (row << 2),
      inverse + (row << 2),
      min(SHORT, rows - <i32>row),
      columns,
      step,
    );
  }
  for (let c: usize = 0; c < <usize>columns; c++) {
    store<f32>(offset + (c << 2), <f32>load<f64>(sums + (c << 3)));
    store<f32>(gain + (c << 2), <f32>load<f64>(sums + ((<usize>columns + c) << 3)));
  }
}

function addBlock(
  x: usize,
  dy: usize,
  sums: usize,
  mean: usize,
  inverse: usize,
  rows: i32,
  columns: i32,
  step: usize,
): void {
  const end = (<usize>columns) << 2;
  let c: usize = 0;
  for (; c + 16 <= end; c += 16) {
    let t = f32x4.splat(0);
    let s = f32x4.splat(0);
    for (let row: usize = 0; row < <usize>rows; row++) {
      const g = v128.load(dy + row * step + c);
      const centred = f32x4.sub(v128.load(x + row * step + c), v128.load32_splat(mean + (row << 2)));
      t = f32x4.add(t, g);
      s = f32x4.add(s, f32x4.mul(g, f32x4.mul(centred, v128.load32_splat(inverse + (row << 2)))));
    }
    addTo(sums + (c << 1), t);
    addTo(sums + ((end + c) << 1), s);
  }
  for (; c < end; c += 4) {
    let t: f32 = 0;
    let s: f32 = 0;
    for (let row: usize = 0; row < <usize>rows; row++) {
      const g = load<f32>(dy + row * step + c);
      t += g;
      s += g * ((load<f32>(x + row * step + c) - load<f32>(mean + (row << 2))) * load<f32>(inverse + (row << 2)));
    }
    store<f64>(sums + (c << 1), load<f64>(sums + (c << 1)) + <f64>t);
    store<f64>(sums + ((end + c) << 1), load<f64>(sums + ((end + c) << 1)) + <f64>s);
  }
}
