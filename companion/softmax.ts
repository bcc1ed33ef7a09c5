/** Softmax cross-entropy and softened KL divergence: what the loss of each row is made of, and its gradient, in one go. */

const LOG2E: f32 = <f32>Math.LOG2E;
const LN2_HIGH: f32 = 0.693359375;
const LN2_LOW: f32 = -0.00021219444;

/** eˣ for x ≤ 0 to 2 units in the last place; what is below the smallest normal number becomes that, NaN stays NaN. */
function exponential(x: v128): v128 {
  x = f32x4.max(x, f32x4.splat(-87.3));
  const n = f32x4.nearest(f32x4.mul(x, f32x4.splat(LOG2E)));
  let r = f32x4.sub(x, f32x4.mul(n, f32x4.splat(LN2_HIGH)));
  r = f32x4.sub(r, f32x4.mul(n, f32x4.splat(LN2_LOW)));
  // eʳ = 1 + r + r² · p(r) on ±ln 2 / 2 (Cephes, expf).
  let p = f32x4.splat(1.98756915e-4);
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.3981999507e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(8.3334519073e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(4.1665795894e-2));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.6666665459e-1));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(5.0000001201e-1));
  p = f32x4.add(f32x4.add(f32x4.mul(p, f32x4.mul(r, r)), r), f32x4.splat(1));
  const power = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23);
  return f32x4.mul(p, power);
}

/**
 * For each of `rows` rows of logits x and targets t [rows, classes]: gradient = softmax(x) · Σ t - t, and to `parts` three
 * doubles, Σ exp(x - max), Σ t · (x - max) and Σ t, of which the loss is made.
 */
export function crossEntropy(x: usize, t: usize, gradient: usize, parts: usize, rows: i32, classes: i32): void {
  const size = (<usize>classes) << 2;
  for (let row = 0; row < rows; row++) {
    let largest: f32 = -Infinity;
    for (let c: usize = 0; c < size; c += 4) largest = max<f32>(largest, load<f32>(x + c));
    let sum: f64 = 0;
    let dot: f64 = 0;
    let mass: f64 = 0;
    for (let c: usize = 0; c < size; c += 16) {
      const left = min<usize>(16, size - c);
      let value = exponential(f32x4.sub(some(x + c, left, largest), f32x4.splat(largest)));
      for (let i: usize = 0; i < left; i += 4) {
        const one = f32x4.extract_lane(value, 0);
        value = v128.shuffle<f32>(value, value, 1, 2, 3, 0);
        store<f32>(gradient + c + i, one);
        const target = <f64>load<f32>(t + c + i);
        sum += <f64>one;
        mass += target;
        dot += target * <f64>(load<f32>(x + c + i) - largest);
      }
    }
    const scale = <f32>(mass / sum);
    for (let c: usize = 0; c < size; c += 4)
      store<f32>(gradient + c, load<f32>(gradient + c) * scale - load<f32>(t + c));
    store<f64>(parts, sum);
    store<f64>(parts, dot, 8);
    store<f64>(parts, mass, 16);
    x += size;
    t += size;
    gradient += size;
    parts += 24;
  }
}

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

/** Four values, or as many as are left and `filling` for the others. */
function some(at: usize, bytes: usize, filling: f32): v128 {
  if (bytes === 16) return v128.load(at);
  let values = f32x4.splat(filling);
  values = f32x4.replace_lane(values, 0, load<f32>(at));
  if (bytes > 4) values = f32x4.replace_lane(values, 1, load<f32>(at, 4));
  if (bytes > 8) values = f32x4.replace_lane(values, 2, load<f32>(at, 8));
  return values;
}
