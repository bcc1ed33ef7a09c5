/** What the kernels share: multiply-add in the form that the build is for, and walks over vectors of four. */

/** a · b + c, fused (rounded once) where the build is for relaxed SIMD. */
export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

export function zero(): v128 {
  return f32x4.splat(0);
}

/** The two lower lanes as doubles. */
export function lower(x: v128): v128 {
  return f64x2.promote_low_f32x4(x);
}

/** The two upper lanes as doubles. */
export function upper(x: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<f64>(x, x, 1, 0));
}

/** Rows that are added up in single precision before their sum goes into a double. */
export const SHORT: i32 = 16;

/** Adds four values to four doubles. */
export function addTo(sums: usize, values: v128): void {
  v128.store(sums, f64x2.add(v128.load(sums), lower(values)));
  v128.store(sums, f64x2.add(v128.load(sums, 16), upper(values)), 16);
}
