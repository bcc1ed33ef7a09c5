/** Batch normalisation with one mean per channel: its moments, itself, and its gradient. */
import { addTo, SHORT } from './simd';

/** Rows that are taken together, so that they are read from memory once. */
const BLOCK: i32 = 64;

/**
 * mean[c] and variance[c], of the whole population, over rows that are `pitch` values apart. Each block is centred on its own
 * mean, and blocks are joined as doubles (Chan, Golub and LeVeque 1983), so that no digits are lost where means are large.
 * `sums` holds two doubles per channel.
 */
export function moments(
  x: usize,
  mean: usize,
  variance: usize,
  sums: usize,
  rows: i32,
  channels: i32,
  pitch: i32,
): void {
  memory.fill(sums, 0, (<usize>channels) << 4);
  const row = (<usize>pitch) << 2;
  for (let start = 0; start < rows; start += BLOCK) {
    const count = min(BLOCK, rows - start);
    const at = x + <usize>start * row;
    let c = 0;
    for (; c + 4 <= channels; c += 4) joinFour(at + ((<usize>c) << 2), sums + ((<usize>c) << 4), start, count, row);
    for (; c < channels; c++) joinOne(at + ((<usize>c) << 2), sums + ((<usize>c) << 4), start, count, row);
  }
  for (let c: usize = 0; c < <usize>channels; c++) {
    store<f32>(mean + (c << 2), <f32>load<f64>(sums + (c << 4)));
    store<f32>(variance + (c << 2), <f32>(load<f64>(sums + (c << 4), 8) / <f64>rows));
  }
}

function joinFour(x: usize, sums: usize, known: i32, rows: i32, pitch: usize): void {
  const end = x + <usize>rows * pitch;
  let sum = f32x4.splat(0);
  for (let p = x; p < end; p += pitch) sum = f32x4.add(sum, v128.load(p));
  const centre = f32x4.mul(sum, f32x4.splat(1 / <f32>rows));
  let rest = f32x4.splat(0);
  let squares = f32x4.splat(0);
  for (let p = x; p < end; p += pitch) {
    const d = f32x4.sub(v128.load(p), centre);
    rest = f32x4.add(rest, d);
    squares = f32x4.add(squares, f32x4.mul(d, d));
  }
  join(sums, known, rows, f32x4.extract_lane(centre, 0), f32x4.extract_lane(rest, 0), f32x4.extract_lane(squares, 0));
  sums += 16;
  join(sums, known, rows, f32x4.extract_lane(centre, 1), f32x4.extract_lane(rest, 1), f32x4.extract_lane(squares, 1));
  sums += 16;
  join(sums, known, rows, f32x4.extract_lane(centre, 2), f32x4.extract_lane(rest, 2), f32x4.extract_lane(squares, 2));
  sums += 16;
  join(sums, known, rows, f32x4.extract_lane(centre, 3), f32x4.extract_lane(rest, 3), f32x4.extract_lane(squares, 3));
}

function joinOne(x: usize, sums: usize, known: i32, rows: i32, pitch: usize): void {
  const end = x + <usize>rows * pitch;
  let sum: f32 = 0;
  for (let p = x; p < end; p += pitch) sum += load<f32>(p);
  const centre = sum * (1 / <f32>rows);
  let rest: f32 = 0;
  let squares: f32 = 0;
  for (let p = x; p < end; p += pitch) {
    const d = load<f32>(p) - centre;
    rest += d;
    squares += d * d;
  }
  join(sums, known, rows, centre, rest, squares);
}

/** Joins a block to the `known` rows before it. `centre` is only about its mean: `rest` is what its deviations add up to. */
function join(sums: usize, known: i32, rows: i32, centre: f32, rest: f32, squares: f32): void {
  const shift = <f64>rest / <f64>rows;
  const mean = <f64>centre + shift;
  const deviations = <f64>squares - <f64>rest * shift;
  const old = load<f64>(sums);
  const apart = mean - old;
  const part = <f64>rows / <f64>(known + rows);
  store<f64>(sums, old + apart * part);
  store<f64>(sums, load<f64>(sums, 8) + deviations + apart * apart * part * <f64>known, 8);
}

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

/** dx = dy · gain + (x - mean) · slope + shift over [rows, channels], where the moments depend on x as well. */
export function batchNormGradient(
  x: usize,
  dy: usize,
  dx: usize,
  mean: usize,
  gain: usize,
  slope: usize,
  shift: usize,
  rows: i32,
  channels: i32,
): void {
  const end = (<usize>channels) << 2;
  for (let row = 0; row < rows; row++) {
    let c: usize = 0;
    for (; c + 16 <= end; c += 16) {
      const centred = f32x4.sub(v128.load(x + c), v128.load(mean + c));
      const rest = f32x4.add(f32x4.mul(centred, v128.load(slope + c)), v128.load(shift + c));
      v128.store(dx + c, f32x4.add(f32x4.mul(v128.load(dy + c), v128.load(gain + c)), rest));
    }
    for (; c < end; c += 4) {
      const rest = (load<f32>(x + c) - load<f32>(mean + c)) * load<f32>(slope + c) + load<f32>(shift + c);
      store<f32>(dx + c, load<f32>(dy + c) * load<f32>(gain + c) + rest);
    }
    x += end;
    dy += end;
    dx += end;
  }
}

/**
 * total[c] = Σ dy and centred[c] = Σ dy · (x - mean) over rows that are `pitch` values apart, a few rows at a time, these
 * added as doubles; `sums` holds two doubles per channel.
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
  for (let row = 0; row < rows; row += SHORT) {
    const at = (<usize>row * <usize>pitch) << 2;
    addBlock(x + at, mean, dy + at, sums, min(SHORT, rows - row), channels, (<usize>pitch) << 2);
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
    let t = f32x4.splat(0);
    let s = f32x4.splat(0);
    const m = v128.load(mean + c);
    let p = x + c;
    let q = dy + c;
    for (let row = 0; row < rows; row++) {
      const g = v128.load(q);
      t = f32x4.add(t, g);
      s = f32x4.add(s, f32x4.mul(g, f32x4.sub(v128.load(p), m)));
      p += pitch;
      q += pitch;
    }
    addTo(totals, t);
    addTo(centred, s);
    totals += 32;
    centred += 32;
  }
  for (; c < end; c += 4) {
    let t: f32 = 0;
    let s: f32 = 0;
    let p = x + c;
    let q = dy + c;
    for (let row = 0; row < rows; row++) {
      const g = load<f32>(q);
      t += g;
      s += g * (load<f32>(p) - load<f32>(mean + c));
      p += pitch;
      q += pitch;
    }
    store<f64>(totals, load<f64>(totals) + <f64>t);
    store<f64>(centred, load<f64>(centred) + <f64>s);
    totals += 8;
    centred += 8;
  }
}
