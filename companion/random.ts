/**
 * Random masks from a counter and a key: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
 * Four values come of each count, and no count needs another, so that any part of a mask can be drawn by itself.
 */

const MULTIPLIER_A: i32 = <i32>0xd2511f53;
const MULTIPLIER_B: i32 = <i32>0xcd9e8d57;
const WEYL_A: i32 = <i32>0x9e3779b9;
const WEYL_B: i32 = <i32>0xbb67ae85;

/** The lower and the upper halves of the lanes' products. */
function low(even: v128, odd: v128): v128 {
  return v128.shuffle<i32>(even, odd, 0, 2, 4, 6);
}

function high(even: v128, odd: v128): v128 {
  return v128.shuffle<i32>(even, odd, 1, 3, 5, 7);
}

/** y = value where a uniform number in [0, 1) is below `probability`, else 0. */
function chosen(bits: v128, probability: v128, value: v128): v128 {
  // 23 bits as the fraction of a number in [1, 2).
  const one = v128.or(v128.and(bits, i32x4.splat(0x7fffff)), i32x4.splat(0x3f800000));
  return v128.and(f32x4.lt(f32x4.sub(one, f32x4.splat(1)), probability), value);
}

/**
 * Values `first` … `first + size` of the mask to y, `first` a multiple of 16. Key and the counter's upper half are what the
 * seeds were mixed to.
 */
export function bernoulli(
  y: usize,
  first: i32,
  size: i32,
  key0: i32,
  key1: i32,
  counter2: i32,
  counter3: i32,
  probability: f32,
  value: f32,
): void {
  for (let done = 0; done < size; done += 16) {
    let c0 = i32x4.add(i32x4.splat((first + done) >>> 2), i32x4(0, 1, 2, 3));
    let c1 = i32x4.splat(0);
    let c2 = i32x4.splat(counter2);
    let c3 = i32x4.splat(counter3);
    let k0 = key0;
    let k1 = key1;
    for (let round = 0; round < 10; round++) {
      const a0 = i64x2.extmul_low_i32x4_u(c0, i32x4.splat(MULTIPLIER_A));
      const a1 = i64x2.extmul_high_i32x4_u(c0, i32x4.splat(MULTIPLIER_A));
      const b0 = i64x2.extmul_low_i32x4_u(c2, i32x4.splat(MULTIPLIER_B));
      const b1 = i64x2.extmul_high_i32x4_u(c2, i32x4.splat(MULTIPLIER_B));
      c0 = v128.xor(v128.xor(high(b0, b1), c1), i32x4.splat(k0));
      c2 = v128.xor(v128.xor(high(a0, a1), c3), i32x4.splat(k1));
      c1 = low(b0, b1);
      c3 = low(a0, a1);
      k0 += WEYL_A;
      k1 += WEYL_B;
    }
    const p = f32x4.splat(probability);
    const v = f32x4.splat(value);
    c0 = chosen(c0, p, v);
    c1 = chosen(c1, p, v);
    c2 = chosen(c2, p, v);
    c3 = chosen(c3, p, v);
    const a = v128.shuffle<f32>(c0, c1, 0, 4, 1, 5);
    const b = v128.shuffle<f32>(c2, c3, 0, 4, 1, 5);
    const c = v128.shuffle<f32>(c0, c1, 2, 6, 3, 7);
    const d = v128.shuffle<f32>(c2, c3, 2, 6, 3, 7);
    const at = y + ((<usize>done) << 2);
    writeFour(at, v128.shuffle<f64>(a, b, 0, 2), size - done);
    writeFour(at + 16, v128.shuffle<f64>(a, b, 1, 3), size - done - 4);
    writeFour(at + 32, v128.shuffle<f64>(c, d, 0, 2), size - done - 8);
    writeFour(at + 48, v128.shuffle<f64>(c, d, 1, 3), size - done - 12);
  }
}

/** Four values, or as many as there is room for. */
function writeFour(to: usize, values: v128, room: i32): void {
  if (room >= 4) {
    v128.store(to, values);
    return;
  }
  for (let i = 0; i < room; i++) {
    store<f32>(to + ((<usize>i) << 2), f32x4.extract_lane(values, 0));
    values = v128.shuffle<f32>(values, values, 1, 2, 3, 0);
  }
}
