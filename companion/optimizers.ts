/**
 * Optimizers' updates in one pass over a parameter: every value is read once, and the next ones are written to new
 * tensors, for engines may keep what they derived from the old.
 */

/**
 * One step of Adam: m' = β1 m + (1 - β1) g, v' = β2 v + (1 - β2) g², p' = keep · p - rate · m' / (√v' + eps), where
 * g = gradient + decay · p. Both bias corrections are in `rate` and `eps`. Without moments yet `known` is false.
 */
export function adam(
  p: usize,
  g: usize,
  m: usize,
  v: usize,
  nextP: usize,
  nextM: usize,
  nextV: usize,
  size: i32,
  known: bool,
  beta1: f32,
  rest1: f32,
  beta2: f32,
  rest2: f32,
  rate: f32,
  eps: f32,
  keep: f32,
  decay: f32,
): void {
  const whole = size & ~3;
  for (let i = 0; i < size; i += i < whole ? 4 : 1) {
    const at = (<usize>i) << 2;
    const last = i >= whole;
    const x = read(p + at, last);
    const gradient = f32x4.add(read(g + at, last), f32x4.mul(f32x4.splat(decay), x));
    let mean = f32x4.mul(f32x4.splat(rest1), gradient);
    let square = f32x4.mul(f32x4.splat(rest2), f32x4.mul(gradient, gradient));
    if (known) {
      mean = f32x4.add(f32x4.mul(f32x4.splat(beta1), read(m + at, last)), mean);
      square = f32x4.add(f32x4.mul(f32x4.splat(beta2), read(v + at, last)), square);
    }
    const change = f32x4.div(f32x4.mul(f32x4.splat(rate), mean), f32x4.add(f32x4.sqrt(square), f32x4.splat(eps)));
    write(nextM + at, mean, last);
    write(nextV + at, square, last);
    write(nextP + at, f32x4.sub(f32x4.mul(f32x4.splat(keep), x), change), last);
  }
}

/**
 * One step of gradient descent: b' = momentum · b + damp · g, p' = p - rate · d, where d is b', or g + momentum · b' after
 * Nesterov, and g = gradient + decay · p. Without a buffer yet b' = g; with momentum 0 there is none, d = g.
 */
export function sgd(
  p: usize,
  g: usize,
  b: usize,
  nextP: usize,
  nextB: usize,
  size: i32,
  known: bool,
  momentum: f32,
  damp: f32,
  rate: f32,
  nesterov: bool,
  decay: f32,
): void {
  const whole = size & ~3;
  for (let i = 0; i < size; i += i < whole ? 4 : 1) {
    const at = (<usize>i) << 2;
    const last = i >= whole;
    const x = read(p + at, last);
    const gradient = f32x4.add(read(g + at, last), f32x4.mul(f32x4.splat(decay), x));
    let direction = gradient;
    if (momentum !== 0) {
      let buffer = gradient;
      if (known) {
        const old = f32x4.mul(f32x4.splat(momentum), read(b + at, last));
        buffer = f32x4.add(old, f32x4.mul(f32x4.splat(damp), gradient));
      }
      write(nextB + at, buffer, last);
      direction = nesterov ? f32x4.add(gradient, f32x4.mul(f32x4.splat(momentum), buffer)) : buffer;
    }
    write(nextP + at, f32x4.sub(x, f32x4.mul(f32x4.splat(rate), direction)), last);
  }
}

/** Four values, or one where no more are left. */
function read(at: usize, one: bool): v128 {
  return one ? v128.load32_zero(at) : v128.load(at);
}

function write(at: usize, value: v128, one: bool): void {
  if (one) v128.store_lane<f32>(at, value, 0);
  else v128.store(at, value);
}
