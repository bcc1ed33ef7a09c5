/** What the next convolution is over: an image, the positions at which it is looked at, and the taps that look. */

// The image: [images, height, width, channels]; its pixels count as `spread` apart, with zeros between.
export let height: i32 = 0;
export let width: i32 = 0;
export let channels: i32 = 0;
export let spreadY: i32 = 1;
export let spreadX: i32 = 1;
// Positions [images, rows, columns], their distance, and the first one's place.
export let rows: i32 = 0;
export let columns: i32 = 0;
export let strideY: i32 = 1;
export let strideX: i32 = 1;
export let originY: i32 = 0;
export let originX: i32 = 0;
// Taps [tapsY, tapsX] and their distance, which may be negative.
export let tapsY: i32 = 1;
export let tapsX: i32 = 1;
export let stepY: i32 = 1;
export let stepX: i32 = 1;

/** Reads what the convolution is over: the fifteen numbers above, in that order. */
export function look(at: usize): void {
  height = load<i32>(at);
  width = load<i32>(at, 4);
  channels = load<i32>(at, 8);
  spreadY = load<i32>(at, 12);
  spreadX = load<i32>(at, 16);
  rows = load<i32>(at, 20);
  columns = load<i32>(at, 24);
  strideY = load<i32>(at, 28);
  strideX = load<i32>(at, 32);
  originY = load<i32>(at, 36);
  originX = load<i32>(at, 40);
  tapsY = load<i32>(at, 44);
  tapsX = load<i32>(at, 48);
  stepY = load<i32>(at, 52);
  stepX = load<i32>(at, 56);
}

/** The index of the line that a coordinate falls on, or -1. */
export function line(at: i32, spread: i32, length: i32): i32 {
  if (at < 0) return -1;
  if (spread !== 1) {
    if (at % spread !== 0) return -1;
    at /= spread;
  }
  return at < length ? at : -1;
}
