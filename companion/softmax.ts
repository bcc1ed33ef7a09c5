/** Softmax cross-entropy: what the loss of each row is made of, and its gradient, in one go. */

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
 * doubles, Σ exp(x - max), Σ t · (x - max) and Σ t, of which the loss is made. `whole`: gradient = softmax(x) - t.
 */
export function crossEntropy(
  x: usize,
  t: usize,
  gradient: usize,
  parts: usize,
  rows: i32,
  classes: i32,
  whole: bool,
): void {
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
    const scale = <f32>((whole ? 1 : mass) / sum);
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

/** The same of class numbers: gradient = softmax(x), less 1 at the label. A label that is no class has neither part nor place. */
export function sparseCrossEntropy(
  x: usize,
  labels: usize,
  gradient: usize,
  parts: usize,
  rows: i32,
  classes: i32,
): void {
  const size = (<usize>classes) << 2;
  for (let row = 0; row < rows; row++) {
    let largest: f32 = -Infinity;
    for (let c: usize = 0; c < size; c += 4) largest = max<f32>(largest, load<f32>(x + c));
    let sum: f64 = 0;
    for (let c: usize = 0; c < size; c += 16) {
      const left = min<usize>(16, size - c);
      let value = exponential(f32x4.sub(some(x + c, left, largest), f32x4.splat(largest)));
      for (let i: usize = 0; i < left; i += 4) {
        const one = f32x4.extract_lane(value, 0);
        value = v128.shuffle<f32>(value, value, 1, 2, 3, 0);
        store<f32>(gradient + c + i, one);
        sum += <f64>one;
      }
    }
    const scale = <f32>(1 / sum);
    for (let c: usize = 0; c < size; c += 4) store<f32>(gradient + c, load<f32>(gradient + c) * scale);
    const label = load<i32>(labels);
    const known = label >= 0 && label < classes;
    const place = known ? (<usize>label) << 2 : 0;
    if (known) store<f32>(gradient + place, load<f32>(gradient + place) - 1);
    store<f64>(parts, sum);
    store<f64>(parts, known ? <f64>(load<f32>(x + place) - largest) : 0, 8);
    store<f64>(parts, known ? 1 : 0, 16);
    x += size;
    labels += 4;
    gradient += size;
    parts += 24;
  }
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
