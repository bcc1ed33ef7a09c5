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

/** Sets what the next convolutions are over. */
export function geometry(
  imageHeight: i32,
  imageWidth: i32,
  imageChannels: i32,
  imageSpreadY: i32,
  imageSpreadX: i32,
  outRows: i32,
  outColumns: i32,
  outStrideY: i32,
  outStrideX: i32,
  outOriginY: i32,
  outOriginX: i32,
  filterHeight: i32,
  filterWidth: i32,
  filterStepY: i32,
  filterStepX: i32,
): void {
  height = imageHeight;
  width = imageWidth;
  channels = imageChannels;
  spreadY = imageSpreadY;
  spreadX = imageSpreadX;
  rows = outRows;
  columns = outColumns;
  strideY = outStrideY;
  strideX = outStrideX;
  originY = outOriginY;
  originX = outOriginX;
  tapsY = filterHeight;
  tapsX = filterWidth;
  stepY = filterStepY;
  stepX = filterStepX;
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
