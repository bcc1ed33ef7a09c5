/** Matrix products in any orientation: operands are packed into panels that the inner loop reads in order. */
import { block, COLUMNS, ROWS } from './tile';

/** Steps and rows that one block of A takes: 6 · 256 · 4 bytes per panel stay in the first cache, 96 rows in the second. */
export const DEPTH: i32 = 256;
export const BLOCK_ROWS: i32 = 96;

/**
 * Packs `depth` rows of B as steps `first` … of panels [columns / 8, total, 8], the last panel filled up with zeros.
 * B is [depth, columns], or [columns, depth] when transposed; `pitch` values from one of its rows to the next.
 */
export function packColumns(
  b: usize,
  to: usize,
  depth: i32,
  columns: i32,
  pitch: i32,
  transposed: bool,
  first: i32,
  total: i32,
): void {
  for (let j = 0; j < columns; j += COLUMNS) {
    const width = min(COLUMNS, columns - j);
    const panel = to + ((<usize>(j >> 3) * <usize>total + <usize>first) << 5);
    if (transposed) packTransposed(b + ((<usize>j * <usize>pitch) << 2), panel, depth, width, (<usize>pitch) << 2);
    else packStraight(b + ((<usize>j) << 2), panel, depth, width, (<usize>pitch) << 2);
  }
}

function packStraight(from: usize, to: usize, depth: i32, width: i32, pitch: usize): void {
  for (let k = 0; k < depth; k++) {
    if (width === COLUMNS) {
      v128.store(to, v128.load(from));
      v128.store(to, v128.load(from, 16), 16);
    } else
      for (let c = 0; c < COLUMNS; c++) {
        const at = (<usize>c) << 2;
        store<f32>(to + at, c < width ? load<f32>(from + at) : 0);
      }
    from += pitch;
    to += 32;
  }
}

function packTransposed(from: usize, to: usize, depth: i32, width: i32, pitch: usize): void {
  let k = 0;
  if (width === COLUMNS)
    for (; k + 4 <= depth; k += 4) {
      turnFour(from, pitch, to, 32);
      turnFour(from + 4 * pitch, pitch, to + 16, 32);
      from += 16;
      to += 128;
    }
  for (; k < depth; k++) {
    for (let c = 0; c < COLUMNS; c++)
      store<f32>(to + ((<usize>c) << 2), c < width ? load<f32>(from + <usize>c * pitch) : 0);
    from += 4;
    to += 32;
  }
}

/** Transposes a block of 4 by 4. */
export function turnFour(from: usize, fromPitch: usize, to: usize, toPitch: usize): void {
  const r0 = v128.load(from);
  const r1 = v128.load(from + fromPitch);
  const r2 = v128.load(from + 2 * fromPitch);
  const r3 = v128.load(from + 3 * fromPitch);
  const a = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
  const b = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
  const c = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
  const d = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<f64>(a, b, 0, 2));
  v128.store(to + toPitch, v128.shuffle<f64>(a, b, 1, 3));
  v128.store(to + 2 * toPitch, v128.shuffle<f64>(c, d, 0, 2));
  v128.store(to + 3 * toPitch, v128.shuffle<f64>(c, d, 1, 3));
}

/** Packs `depth` values from each of six places as a panel [depth, 6]. */
export function packSix(p0: usize, p1: usize, p2: usize, p3: usize, p4: usize, p5: usize, to: usize, depth: i32): void {
  let at: usize = 0;
  const end = (<usize>depth) << 2;
  for (; at + 16 <= end; at += 16) {
    const r0 = v128.load(p0 + at);
    const r1 = v128.load(p1 + at);
    const r2 = v128.load(p2 + at);
    const r3 = v128.load(p3 + at);
    const r4 = v128.load(p4 + at);
    const r5 = v128.load(p5 + at);
    let a = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
    let b = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
    let c = v128.shuffle<f32>(r4, r5, 0, 4, 1, 5);
    v128.store(to, v128.shuffle<f64>(a, b, 0, 2));
    v128.store_lane<i64>(to, c, 0, 16);
    v128.store(to, v128.shuffle<f64>(a, b, 1, 3), 24);
    v128.store_lane<i64>(to, c, 1, 40);
    a = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
    b = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
    c = v128.shuffle<f32>(r4, r5, 2, 6, 3, 7);
    v128.store(to, v128.shuffle<f64>(a, b, 0, 2), 48);
    v128.store_lane<i64>(to, c, 0, 64);
    v128.store(to, v128.shuffle<f64>(a, b, 1, 3), 72);
    v128.store_lane<i64>(to, c, 1, 88);
    to += 96;
  }
  for (; at < end; at += 4) {
    store<f32>(to, load<f32>(p0 + at));
    store<f32>(to, load<f32>(p1 + at), 4);
    store<f32>(to, load<f32>(p2 + at), 8);
    store<f32>(to, load<f32>(p3 + at), 12);
    store<f32>(to, load<f32>(p4 + at), 16);
    store<f32>(to, load<f32>(p5 + at), 20);
    to += 24;
  }
}

/** Packs `height` ≤ 6 rows of A as one panel [depth, 6]. `across` and `down`: bytes to the next step and row. */
function packRows(from: usize, to: usize, depth: i32, height: i32, across: usize, down: usize): void {
  if (height === ROWS && down === 4) {
    for (let k = 0; k < depth; k++) {
      v128.store(to, v128.load(from));
      store<u64>(to, load<u64>(from, 16), 16);
      from += across;
      to += 24;
    }
    return;
  }
  if (height === ROWS) {
    packSix(from, from + down, from + 2 * down, from + 3 * down, from + 4 * down, from + 5 * down, to, depth);
    return;
  }
  for (let k = 0; k < depth; k++) {
    for (let r = 0; r < ROWS; r++)
      store<f32>(to + ((<usize>r) << 2), r < height ? load<f32>(from + <usize>r * down) : 0);
    from += across;
    to += 24;
  }
}

/**
 * Rows `start` … `end` of C[rows, columns] = A · B, whose rows are `width` values long. A is [rows, depth], or [depth, rows]
 * when transposed, `pitch` values per row; `b` comes from {@link packColumns}. `scratch` holds 96 · 256 values of A and one
 * tile.
 */
export function matMul(
  a: usize,
  b: usize,
  c: usize,
  width: i32,
  columns: i32,
  depth: i32,
  pitch: i32,
  transposed: bool,
  start: i32,
  end: i32,
  scratch: usize,
): void {
  const across: usize = transposed ? (<usize>pitch) << 2 : 4;
  const down: usize = transposed ? 4 : (<usize>pitch) << 2;
  const edge = scratch + ((BLOCK_ROWS * DEPTH) << 2);
  const row = (<usize>width) << 2;
  for (let k = 0; k < depth; k += DEPTH) {
    const steps = min(DEPTH, depth - k);
    for (let i = start; i < end; i += BLOCK_ROWS) {
      const rows = min(BLOCK_ROWS, end - i);
      let to = scratch;
      for (let r = 0; r < rows; r += ROWS) {
        packRows(a + <usize>(i + r) * down + <usize>k * across, to, steps, min(ROWS, rows - r), across, down);
        to += <usize>steps * 24;
      }
      const at = c + <usize>i * row;
      block(scratch, rows, b + ((<usize>k) << 5), (<usize>depth) << 5, columns, steps, at, row, edge, k > 0);
    }
  }
}

/**
 * Columns `start` … `end`, in eights, of the same product for all rows: B, `pitchB` values per row, is packed to its place
 * among the panels at `panels` on the way.
 */
export function matMulColumns(
  a: usize,
  b: usize,
  panels: usize,
  c: usize,
  rows: i32,
  columns: i32,
  depth: i32,
  pitch: i32,
  transposed: bool,
  pitchB: i32,
  transposedB: bool,
  start: i32,
  end: i32,
  scratch: usize,
): void {
  const first = start * COLUMNS;
  const count = min(columns, end * COLUMNS) - first;
  const from = b + ((<usize>first * (transposedB ? <usize>pitchB : 1)) << 2);
  const to = panels + ((<usize>start * <usize>depth) << 5);
  packColumns(from, to, depth, count, pitchB, transposedB, 0, depth);
  matMul(a, to, c + ((<usize>first) << 2), columns, count, depth, pitch, transposed, 0, rows, scratch);
}
