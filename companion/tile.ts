/**
 * The inner loop of all products: a tile of 6 rows and 8 columns of C, from a panel of A with 6 values per step and
 * a panel of B with 8.
 */
import { madd, zero } from './simd';

export const ROWS: i32 = 6;
export const COLUMNS: i32 = 8;

/** C[6, 8] = A · B over `depth` steps, or C += A · B; `pitch` bytes from one row of C to the next. */
export function tile(a: usize, b: usize, depth: i32, c: usize, pitch: usize, add: bool): void {
  if (ASC_FEATURE_RELAXED_SIMD) sixRows(a, b, depth, c, pitch, add);
  else {
    // Without fused multiply-add products need registers too, and there are too few for six rows.
    threeRows(a, b, depth, c, pitch, add);
    threeRows(a + 12, b, depth, c + 3 * pitch, pitch, add);
  }
}

function sixRows(a: usize, b: usize, depth: i32, c: usize, pitch: usize, add: bool): void {
  let c00 = zero();
  let c01 = zero();
  let c10 = zero();
  let c11 = zero();
  let c20 = zero();
  let c21 = zero();
  let c30 = zero();
  let c31 = zero();
  let c40 = zero();
  let c41 = zero();
  let c50 = zero();
  let c51 = zero();
  const end = a + <usize>depth * 24;
  while (a < end) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let x = v128.load32_splat(a);
    c00 = madd(x, b0, c00);
    c01 = madd(x, b1, c01);
    x = v128.load32_splat(a, 4);
    c10 = madd(x, b0, c10);
    c11 = madd(x, b1, c11);
    x = v128.load32_splat(a, 8);
    c20 = madd(x, b0, c20);
    c21 = madd(x, b1, c21);
    x = v128.load32_splat(a, 12);
    c30 = madd(x, b0, c30);
    c31 = madd(x, b1, c31);
    x = v128.load32_splat(a, 16);
    c40 = madd(x, b0, c40);
    c41 = madd(x, b1, c41);
    x = v128.load32_splat(a, 20);
    c50 = madd(x, b0, c50);
    c51 = madd(x, b1, c51);
    a += 24;
    b += 32;
  }
  // One branch and not one per row: more of them make older versions of V8 spill what the loop sums up.
  if (add) {
    addRow(c, c00, c01);
    addRow(c + pitch, c10, c11);
    addRow(c + 2 * pitch, c20, c21);
    addRow(c + 3 * pitch, c30, c31);
    addRow(c + 4 * pitch, c40, c41);
    addRow(c + 5 * pitch, c50, c51);
  } else {
    writeRow(c, c00, c01);
    writeRow(c + pitch, c10, c11);
    writeRow(c + 2 * pitch, c20, c21);
    writeRow(c + 3 * pitch, c30, c31);
    writeRow(c + 4 * pitch, c40, c41);
    writeRow(c + 5 * pitch, c50, c51);
  }
}

function threeRows(a: usize, b: usize, depth: i32, c: usize, pitch: usize, add: bool): void {
  let c00 = zero();
  let c01 = zero();
  let c10 = zero();
  let c11 = zero();
  let c20 = zero();
  let c21 = zero();
  const end = a + <usize>depth * 24;
  while (a < end) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let x = v128.load32_splat(a);
    c00 = madd(x, b0, c00);
    c01 = madd(x, b1, c01);
    x = v128.load32_splat(a, 4);
    c10 = madd(x, b0, c10);
    c11 = madd(x, b1, c11);
    x = v128.load32_splat(a, 8);
    c20 = madd(x, b0, c20);
    c21 = madd(x, b1, c21);
    a += 24;
    b += 32;
  }
  if (add) {
    addRow(c, c00, c01);
    addRow(c + pitch, c10, c11);
    addRow(c + 2 * pitch, c20, c21);
  } else {
    writeRow(c, c00, c01);
    writeRow(c + pitch, c10, c11);
    writeRow(c + 2 * pitch, c20, c21);
  }
}

function writeRow(c: usize, low: v128, high: v128): void {
  v128.store(c, low);
  v128.store(c, high, 16);
}

function addRow(c: usize, low: v128, high: v128): void {
  v128.store(c, f32x4.add(v128.load(c), low));
  v128.store(c, f32x4.add(v128.load(c, 16), high), 16);
}

/**
 * One block: `rows` rows (panels of A one after the other from `a`) by `columns` columns (panels of B from `b`, `panel`
 * bytes apart), to rows of C that are `pitch` bytes apart. `edge` holds one tile, for those that C has no room for.
 */
export function block(
  a: usize,
  rows: i32,
  b: usize,
  panel: usize,
  columns: i32,
  depth: i32,
  c: usize,
  pitch: usize,
  edge: usize,
  add: bool,
): void {
  for (let j = 0; j < columns; j += COLUMNS) {
    const width = min(COLUMNS, columns - j);
    let from = a;
    for (let i = 0; i < rows; i += ROWS) {
      const height = min(ROWS, rows - i);
      const to = c + <usize>i * pitch + ((<usize>j) << 2);
      if (height === ROWS && width === COLUMNS) tile(from, b, depth, to, pitch, add);
      else {
        tile(from, b, depth, edge, 32, false);
        writePart(edge, to, pitch, height, width, add);
      }
      from += <usize>depth * 24;
    }
    b += panel;
  }
}

function writePart(edge: usize, to: usize, pitch: usize, height: i32, width: i32, add: bool): void {
  for (let i = 0; i < height; i++)
    for (let j = 0; j < width; j++) {
      const at = to + <usize>i * pitch + ((<usize>j) << 2);
      const value = load<f32>(edge + ((<usize>(i * COLUMNS + j)) << 2));
      store<f32>(at, add ? load<f32>(at) + value : value);
    }
}
