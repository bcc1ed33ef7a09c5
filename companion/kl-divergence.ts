/** Softened KL divergence: what the loss of each row is made of, and its gradient, in one go. */

/** eˣ for x ≤ 0 in double precision, to 10⁻¹¹; NaN stays NaN. */
function exponentials(x: v128): v128 {
  x = f64x2.max(x, f64x2.splat(-700));
  const n = f64x2.nearest(f64x2.mul(x, f64x2.splat(Math.LOG2E)));
  const r = f64x2.sub(x, f64x2.mul(n, f64x2.splat(Math.LN2)));
  // eʳ by its series on ±ln 2 / 2
  let p = f64x2.splat(1.0 / 362880);
  p = f64x2.add(f64x2.mul(p, r), f64x2.splat(1.0 / 40320));
  p = f64x2.add(f64x2.mul(p, r), f64x2.splat(1.0 / 5040));
  p = f64x2.add(f64x2.mul(p, r), f64x2.splat(1.0 / 720));
  p = f64x2.add(f64x2.mul(p, r), f64x2.splat(1.0 / 120));
  p = f64x2.add(f64x2.mul(p, r), f64x2.splat(1.0 / 24));
  p = f64x2.add(f64x2.mul(p, r), f64x2.splat(1.0 / 6));
  p = f64x2.add(f64x2.mul(p, r), f64x2.splat(0.5));
  p = f64x2.add(f64x2.mul(p, r), f64x2.splat(1));
  p = f64x2.add(f64x2.mul(p, r), f64x2.splat(1));
  const whole = i64x2.extend_low_i32x4_s(i32x4.trunc_sat_f64x2_s_zero(n));
  return f64x2.mul(p, i64x2.shl(i64x2.add(whole, i64x2.splat(1023)), 52));
}

/**
 * For each of `rows` rows of the student's logits x and the teacher's t [rows, classes], both divided by T:
 * gradient = softmax(x / T) - softmax(t / T), and to `parts` three doubles, Σ exp((x - max) / T), Σ exp((t - max) / T) = s
 * and Σ exp((t - max) / T) · ((t - max) / T - (x - max) / T), of which the divergence is made. In double precision: where
 * T is high, the two differ little.
 */
export function klDivergence(
  x: usize,
  t: usize,
  gradient: usize,
  parts: usize,
  rows: i32,
  classes: i32,
  temperature: f64,
): void {
  const size = (<usize>classes) << 2;
  const softness = f64x2.splat(temperature);
  for (let row = 0; row < rows; row++) {
    let most = f64x2.splat(-Infinity);
    for (let c: usize = 0; c < size; c += 4) most = f64x2.max(most, both(x + c, t + c));
    let sums = f64x2.splat(0);
    let dot: f64 = 0;
    for (let c: usize = 0; c < size; c += 4) {
      const soft = f64x2.div(f64x2.sub(both(x + c, t + c), most), softness);
      const values = exponentials(soft);
      sums = f64x2.add(sums, values);
      dot += f64x2.extract_lane(values, 1) * (f64x2.extract_lane(soft, 1) - f64x2.extract_lane(soft, 0));
    }
    for (let c: usize = 0; c < size; c += 4) {
      const shares = f64x2.div(exponentials(f64x2.div(f64x2.sub(both(x + c, t + c), most), softness)), sums);
      store<f32>(gradient + c, <f32>(f64x2.extract_lane(shares, 0) - f64x2.extract_lane(shares, 1)));
    }
    store<f64>(parts, f64x2.extract_lane(sums, 0));
    store<f64>(parts, f64x2.extract_lane(sums, 1), 8);
    store<f64>(parts, dot, 16);
    x += size;
    t += size;
    gradient += size;
    parts += 24;
  }
}

/** One value of each as a pair of doubles. */
function both(x: usize, t: usize): v128 {
  return f64x2.replace_lane(f64x2.splat(<f64>load<f32>(x)), 1, <f64>load<f32>(t));
}
