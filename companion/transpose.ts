/** The transposition of matrices, in blocks that fit the cache. */
import { turnFour } from './mat-mul';

const BLOCK: i32 = 32;

/** y[columns, rows] = x[rows, columns]ᵀ for rows `start` … `end` of x, of any four-byte values. */
export function transpose(x: usize, y: usize, rows: i32, columns: i32, start: i32, end: i32): void {
  for (let r = start; r < end; r += BLOCK)
    for (let c = 0; c < columns; c += BLOCK)
      turnBlock(x, y, rows, columns, r, min(end, r + BLOCK), c, min(columns, c + BLOCK));
}

function turnBlock(x: usize, y: usize, rows: i32, columns: i32, r0: i32, r1: i32, c0: i32, c1: i32): void {
  const from = (<usize>columns) << 2;
  const to = (<usize>rows) << 2;
  let r = r0;
  for (; r + 4 <= r1; r += 4) {
    let c = c0;
    for (; c + 4 <= c1; c += 4)
      turnFour(x + <usize>r * from + ((<usize>c) << 2), from, y + <usize>c * to + ((<usize>r) << 2), to);
    for (; c < c1; c++) for (let i = r; i < r + 4; i++) move(x + <usize>i * from, c, y + <usize>c * to, i);
  }
  for (; r < r1; r++) for (let c = c0; c < c1; c++) move(x + <usize>r * from, c, y + <usize>c * to, r);
}

function move(from: usize, read: i32, to: usize, write: i32): void {
  store<i32>(to + ((<usize>write) << 2), load<i32>(from + ((<usize>read) << 2)));
}
