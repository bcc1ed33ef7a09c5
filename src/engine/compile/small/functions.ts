/** The functions of native/elementwise.inc, by their numbers there. */

/** Of one operand. */
export const MAP: Readonly<Record<string, number>> = Object.fromEntries(
  [
    ...[
      'Copy',
      'Neg',
      'Abs',
      'Exp',
      'Log',
      'Log1p',
      'Sqrt',
      'Rsqrt',
      'Square',
      'Reciprocal',
      'Relu',
      'Relu6',
      'Sigmoid',
    ],
    ...['Tanh', 'Elu', 'Softplus', 'Sign', 'LogicalNot', 'Step', 'LeakyRelu', 'ClipByValue'],
    ...['int32 to float32', 'float32 to int32', 'float32 to bool', 'int32 to bool', 'Selu', 'Erf'],
  ].map((name, i) => [name, i]),
);

/** Of two. */
export const ZIP: Readonly<Record<string, number>> = Object.fromEntries(
  [
    ...['Add', 'Sub', 'Multiply', 'RealDiv', 'Maximum', 'Minimum', 'SquaredDifference', 'Pow'],
    ...['Equal', 'NotEqual', 'Greater', 'GreaterEqual', 'Less', 'LessEqual', 'DivNoNan', 'ReluGrad', 'EluGrad'],
    'Equal of int32',
  ].map((name, i) => [name, i]),
);

/** Reductions: the number, and the attribute that holds the axes. All and Any are the smallest and the largest of 0 and 1. */
export const REDUCE: Readonly<Record<string, readonly [number, string]>> = {
  Sum: [0, 'axis'],
  Mean: [0, 'axis'],
  Max: [1, 'reductionIndices'],
  Any: [1, 'axis'],
  Min: [2, 'axis'],
  All: [2, 'axis'],
  Prod: [3, 'axis'],
};

/** The kinds of instructions of native/interpret.inc. */
export const KIND = {
  product: 0,
  map: 1,
  zip: 2,
  gather: 3,
  reduce: 4,
  oneHot: 5,
  crossEntropy: 6,
  softmax: 7,
  adam: 8,
  sgd: 9,
  mask: 10,
  finite: 11,
  choice: 12,
  argMax: 13,
} as const;

const bits = new DataView(new ArrayBuffer(4));

/** A float32 as the integer with the same bits: so numbers stand in instructions. */
export function floatBits(value: number): number {
  bits.setFloat32(0, value);
  return bits.getInt32(0);
}
