/** Element by element. NaN stays NaN: the minima and maxima here are IEEE 754's, not a comparison's. */

/** dx = dy where low < x ≤ high or x is NaN, else 0: the gradient of relu and its like. */
export function clippedGradient(x: usize, dy: usize, dx: usize, size: i32, low: f32, high: f32): void {
  const end = dx + ((<usize>size) << 2);
  for (; dx + 16 <= end; dx += 16) {
    const value = v128.load(x);
    const off = v128.or(f32x4.le(value, f32x4.splat(low)), f32x4.gt(value, f32x4.splat(high)));
    v128.store(dx, v128.andnot(v128.load(dy), off));
    x += 16;
    dy += 16;
  }
  for (; dx < end; dx += 4) {
    const value = load<f32>(x);
    store<f32>(dx, value <= low || value > high ? 0 : load<f32>(dy));
    x += 4;
    dy += 4;
  }
}

/** y = min(max(x, low), high). */
export function clip(x: usize, y: usize, size: i32, low: f32, high: f32): void {
  const end = y + ((<usize>size) << 2);
  for (; y + 16 <= end; y += 16) {
    v128.store(y, f32x4.min(f32x4.max(v128.load(x), f32x4.splat(low)), f32x4.splat(high)));
    x += 16;
  }
  for (; y < end; y += 4) {
    store<f32>(y, min<f32>(max<f32>(load<f32>(x), low), high));
    x += 4;
  }
}

/** y = max(a, b). */
export function maximum(a: usize, b: usize, y: usize, size: i32): void {
  const end = y + ((<usize>size) << 2);
  for (; y + 16 <= end; y += 16) {
    v128.store(y, f32x4.max(v128.load(a), v128.load(b)));
    a += 16;
    b += 16;
  }
  for (; y < end; y += 4) {
    store<f32>(y, max<f32>(load<f32>(a), load<f32>(b)));
    a += 4;
    b += 4;
  }
}

/** y = min(a, b). */
export function minimum(a: usize, b: usize, y: usize, size: i32): void {
  const end = y + ((<usize>size) << 2);
  for (; y + 16 <= end; y += 16) {
    v128.store(y, f32x4.min(v128.load(a), v128.load(b)));
    a += 16;
    b += 16;
  }
  for (; y < end; y += 4) {
    store<f32>(y, min<f32>(load<f32>(a), load<f32>(b)));
    a += 4;
    b += 4;
  }
}

/** y = a + b. */
export function add(a: usize, b: usize, y: usize, size: i32): void {
  const end = y + ((<usize>size) << 2);
  for (; y + 16 <= end; y += 16) {
    v128.store(y, f32x4.add(v128.load(a), v128.load(b)));
    a += 16;
    b += 16;
  }
  for (; y < end; y += 4) {
    store<f32>(y, load<f32>(a) + load<f32>(b));
    a += 4;
    b += 4;
  }
}

/** y = a · b. */
export function multiply(a: usize, b: usize, y: usize, size: i32): void {
  const end = y + ((<usize>size) << 2);
  for (; y + 16 <= end; y += 16) {
    v128.store(y, f32x4.mul(v128.load(a), v128.load(b)));
    a += 16;
    b += 16;
  }
  for (; y < end; y += 4) {
    store<f32>(y, load<f32>(a) * load<f32>(b));
    a += 4;
    b += 4;
  }
}

/** y = x + bias for each of `rows` rows of x[rows, columns]. */
export function addBias(x: usize, bias: usize, y: usize, rows: i32, columns: i32): void {
  for (let row = 0; row < rows; row++) {
    add(x, bias, y, columns);
    x += (<usize>columns) << 2;
    y += (<usize>columns) << 2;
  }
}

/** y = condition ? a : b; the condition has one byte per element, the values any four bytes. */
export function selectFloats(condition: usize, a: usize, b: usize, y: usize, size: i32): void {
  const end = y + ((<usize>size) << 2);
  for (; y < end; y += 4) {
    store<i32>(y, select(load<i32>(a), load<i32>(b), load<u8>(condition) !== 0));
    condition++;
    a += 4;
    b += 4;
  }
}
