/**
 * Functions of one number. What drivers offer may be off by 5e-4 (sin, cos and their inverses), and may give numbers for NaN
 * and for what has no finite value; so each is written out here as far as that goes, after the Cephes library.
 */
import * as tf from '../../core/tf.ts';
import { complete, type Info, isEmpty } from './program.ts';

/** sin and cos by reduction to -π/4 … π/4, π/2 being subtracted in three parts; arc tangent and arc sine by polynomials. */
const TRIGONOMETRY = `
  fn quarter(a : f32) -> vec2<f32> {
    let turns = round(a * 0.63661977236);
    let rest = ((a - turns * 1.5703125) - turns * 4.8375129699707e-4) - turns * 7.549789948768648e-8;
    return vec2<f32>(rest, turns - 4.0 * floor(turns / 4.0));
  }
  fn sinOf(x : f32) -> f32 {
    let z = x * x;
    return x + x * z * (-1.6666654611e-1 + z * (8.3321608736e-3 - z * 1.9515295891e-4));
  }
  fn cosOf(x : f32) -> f32 {
    let z = x * x;
    return 1.0 - 0.5 * z + z * z * (4.166664568298827e-2 + z * (-1.388731625493765e-3 + z * 2.443315711809948e-5));
  }
  fn sine(a : f32, shift : f32) -> f32 {
    let reduced = quarter(a);
    let turn = i32(reduced.y + shift) % 4;
    let value = select(sinOf(reduced.x), cosOf(reduced.x), turn % 2 == 1);
    return select(value, -value, turn >= 2);
  }
  fn arcTangent(a : f32) -> f32 {
    let x = abs(a);
    var base = 0.0;
    var y = x;
    if (x > 2.414213562373095) { base = 1.5707963267948966; y = -1.0 / x; }
    else if (x > 0.4142135623730950) { base = 0.7853981633974483; y = (x - 1.0) / (x + 1.0); }
    let z = y * y;
    let value = base + y + y * z *
      (-3.33329491539e-1 + z * (1.99777106478e-1 + z * (-1.38776856032e-1 + z * 8.05374449538e-2)));
    return select(value, -value, a < 0.0);
  }
  fn arcSineSmall(x : f32) -> f32 {
    let z = x * x;
    return x + x * z * (1.6666752422e-1 + z * (7.4953002686e-2 + z * (4.5470025998e-2 +
      z * (2.4181311049e-2 + z * 4.2163199048e-2))));
  }
  fn arcSine(a : f32) -> f32 {
    let x = abs(a);
    if (x > 1.0) { return uniforms.NAN; }
    var value = arcSineSmall(x);
    if (x > 0.5) { value = 1.5707963267948966 - 2.0 * arcSineSmall(sqrt(0.5 * (1.0 - x))); }
    return select(value, -value, a < 0.0);
  }
  fn arcCosine(a : f32) -> f32 {
    if (abs(a) <= 0.5) { return 1.5707963267948966 - arcSineSmall(a); }
    let value = 2.0 * arcSineSmall(sqrt(0.5 * (1.0 - abs(a))));
    return select(value, 3.141592653589793 - value, a < 0.0);
  }`;

/** Logarithms, with the values at 0, below it and at infinity that drivers need not give. */
const LOGARITHM = `
  fn logarithm(a : f32) -> f32 {
    if (a < 0.0) { return uniforms.NAN; }
    if (a == 0.0) { return -uniforms.INFINITY; }
    if (a == uniforms.INFINITY) { return a; }
    return log(a);
  }
  // Near 0: twice the area tangent of a / (2 + a), by its series.
  fn log1pOf(a : f32) -> f32 {
    let y = a / (2.0 + a);
    let z = y * y;
    return 2.0 * y * (1.0 + z * (0.33333334 + z * (0.2 + z * (0.14285715 + z * 0.11111111))));
  }`;

/** The exponential less 1, by its series where the difference would lose digits. */
const EXPONENTIAL = `
  fn expm1Of(a : f32) -> f32 {
    if (abs(a) < 0.25) {
      return a * (1.0 + a * (0.5 + a * (0.16666667 + a * (0.041666668 + a * (0.008333334 + a * 0.0013888889)))));
    }
    return exp(a) - 1.0;
  }`;

interface Formula {
  /** The value at \`a\`, which is not NaN. */
  readonly value: string;
  readonly functions?: string;
}

const { SELU_SCALE, SELU_SCALEALPHA } = tf.backend_util;

const FORMULAS: Readonly<Record<string, Formula>> = {
  [tf.Sin]: { value: 'sine(a, 0.0)', functions: TRIGONOMETRY },
  [tf.Cos]: { value: 'sine(a, 1.0)', functions: TRIGONOMETRY },
  [tf.Tan]: { value: 'sine(a, 0.0) / sine(a, 1.0)', functions: TRIGONOMETRY },
  [tf.Atan]: { value: 'arcTangent(a)', functions: TRIGONOMETRY },
  [tf.Asin]: { value: 'arcSine(a)', functions: TRIGONOMETRY },
  [tf.Acos]: { value: 'select(arcCosine(a), uniforms.NAN, abs(a) > 1.0)', functions: TRIGONOMETRY },
  [tf.Sinh]: { value: '0.5 * (expm1Of(a) - expm1Of(-a))', functions: EXPONENTIAL },
  [tf.Cosh]: { value: '0.5 * (exp(a) + exp(-a))' },
  [tf.Exp]: { value: 'exp(a)' },
  [tf.Expm1]: { value: 'expm1Of(a)', functions: EXPONENTIAL },
  [tf.Log]: { value: 'logarithm(a)', functions: LOGARITHM },
  [tf.Log1p]: { value: 'select(logarithm(1.0 + a), log1pOf(a), abs(a) < 0.4)', functions: LOGARITHM },
  [tf.Sigmoid]: { value: '1.0 / (1.0 + exp(-a))' },
  [tf.Softplus]: { value: 'max(a, 0.0) + log(1.0 + exp(-abs(a)))' },
  [tf.Elu]: { value: 'select(expm1Of(a), a, a >= 0.0)', functions: EXPONENTIAL },
  [tf.Selu]: {
    value: `select(${SELU_SCALEALPHA} * expm1Of(a), ${SELU_SCALE} * a, a >= 0.0)`,
    functions: EXPONENTIAL,
  },
  [tf.Relu6]: { value: 'clamp(a, 0.0, 6.0)' },
};

/** Registers them all; NaN stays NaN in each. */
export function completeFunctions(): void {
  for (const [kernel, { value, functions }] of Object.entries(FORMULAS))
    complete<object>(kernel, (inputs, attrs, work) => {
      const x = inputs.x as Info;
      if (isEmpty(x) || x.dtype === 'complex64') return work.native(inputs, attrs);
      const code = `let a = f32(x[index]); if (isnan(a)) { result[index] = a; } else { result[index] = ${value}; }`;
      const common = { name: kernel, inputs: { x }, shape: x.shape, dtype: 'float32' as const, code };
      return work.compute(functions === undefined ? common : { ...common, functions });
    });
}
