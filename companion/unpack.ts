/** Bytes to numbers, computed in double precision and rounded once, as JavaScript does it. */

/** Four whole numbers x, as x · scale + offset, to y. */
function writeFour(y: usize, x: v128, scale: v128, offset: v128): void {
  const a = f64x2.convert_low_i32x4_s(x);
  const b = f64x2.convert_low_i32x4_s(v128.shuffle<i32>(x, x, 2, 3, 0, 1));
  const low = f32x4.demote_f64x2_zero(f64x2.add(f64x2.mul(a, scale), offset));
  const high = f32x4.demote_f64x2_zero(f64x2.add(f64x2.mul(b, scale), offset));
  v128.store(y, v128.shuffle<f64>(low, high, 0, 2));
}

/**
 * y = x · scale + offset for `size` bytes x. They may lie in the last quarter of y: no byte is written over before it
 * is read.
 */
export function unpack(x: usize, y: usize, size: i32, scale: f64, offset: f64): void {
  const end = y + ((<usize>size) << 2);
  const s = f64x2.splat(scale);
  const o = f64x2.splat(offset);
  for (; y + 64 <= end; y += 64) {
    const bytes = v128.load(x);
    const low = i16x8.extend_low_i8x16_u(bytes);
    const high = i16x8.extend_high_i8x16_u(bytes);
    writeFour(y, i32x4.extend_low_i16x8_u(low), s, o);
    writeFour(y + 16, i32x4.extend_high_i16x8_u(low), s, o);
    writeFour(y + 32, i32x4.extend_low_i16x8_u(high), s, o);
    writeFour(y + 48, i32x4.extend_high_i16x8_u(high), s, o);
    x += 16;
  }
  for (; y < end; y += 4) {
    store<f32>(y, <f32>(<f64>load<u8>(x) * scale + offset));
    x++;
  }
}
