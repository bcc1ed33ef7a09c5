/** The optimizers' updates, composed: what is emitted where a result is used for more than to replace its state. */
import type { Value } from '../graph.ts';
import type { Lower, Lowering } from './lower.ts';

const float = { type: 'float32' } as const;

/** Arithmetic on names of tensors. */
export function calculator({ graph, input }: Pick<Lowering, 'graph' | 'input'>) {
  const of =
    (op: string) =>
    (...names: string[]): string =>
      graph.node(op, names, { T: float });
  return {
    input,
    add: of('AddV2'),
    sub: of('Sub'),
    mul: of('Mul'),
    div: of('RealDiv'),
    sqrt: of('Sqrt'),
    square: of('Square'),
  };
}

/** The gradient with the L2 penalty in it, where there is one. */
export function penalized(at: Lowering): string {
  const { input, add, mul } = calculator(at);
  if (at.node.attrs.decays !== true) return input('gradient');
  return add(input('gradient'), mul(input('param'), input('weightDecay')));
}

export const UPDATE_LOWERINGS: Readonly<Record<string, Lower>> = {
  KelvinAdam: (at) => {
    const { input, add, sub, mul, div, sqrt, square } = calculator(at);
    const gradient = penalized(at);
    const param = at.node.attrs.keeps === true ? mul(input('param'), input('keep')) : input('param');
    const mean = add(mul(input('expAvg'), input('beta1')), mul(gradient, input('taken1')));
    const moment = add(mul(input('expAvgSq'), input('beta2')), mul(square(gradient), input('taken2')));
    const change = mul(div(mean, add(sqrt(moment), input('eps'))), input('rate'));
    return [sub(param, change), mean, moment];
  },

  KelvinSGD: (at) => {
    const { input, add, sub, mul } = calculator(at);
    const gradient = penalized(at);
    if (at.node.attrs.momentum !== true) return [sub(input('param'), mul(gradient, input('rate')))];
    const buffer = add(mul(input('momentumBuffer'), input('momentum')), mul(gradient, input('damp')));
    const direction = at.node.attrs.nesterov === true ? add(gradient, mul(buffer, input('momentum'))) : buffer;
    return [sub(input('param'), mul(direction, input('rate'))), buffer];
  },
};

/**
 * Writes an update in place, on the variables themselves; `undefined` where there is no such operation.
 * Returns the nodes to wait for.
 *
 * @param handle the variable behind a state's value
 */
export function updateInPlace(
  at: Lowering,
  handle: (value: Value) => string,
  after: string,
): readonly string[] | undefined {
  const { graph, node, input } = at;
  const { param, expAvg, expAvgSq, momentumBuffer } = node.inputs as Record<string, Value>;
  const { mul, sub } = calculator(at);
  const variable = handle(param as Value);
  const wait = `^${after}`;
  if (node.op === 'KelvinAdam') {
    const gradient = penalized(at);
    const waits = [wait];
    if (node.attrs.keeps === true) {
      const lost = mul(input('param'), sub(graph.float(1), input('keep')));
      waits.push(`^${graph.node('AssignSubVariableOp', [variable, lost, wait], { dtype: float })}`);
    }
    // With powers of 0 TensorFlow corrects nothing: both corrections are in the rate and in epsilon.
    const zero = graph.float(0);
    const numbers = [zero, zero, input('rate'), input('beta1'), input('beta2'), input('eps')];
    const states = [variable, handle(expAvg as Value), handle(expAvgSq as Value)];
    const attrs = { T: float, use_locking: { b: false }, use_nesterov: { b: false } };
    return [graph.node('ResourceApplyAdam', [...states, ...numbers, gradient, ...waits], attrs)];
  }
  if (node.op !== 'KelvinSGD') return undefined;
  const gradient = penalized(at);
  const locking = { T: float, use_locking: { b: false } };
  if (node.attrs.momentum !== true)
    return [graph.node('ResourceApplyGradientDescent', [variable, input('rate'), gradient, wait], locking)];
  const nesterov = node.attrs.nesterov === true;
  const damped = nesterov ? gradient : mul(gradient, input('damp'));
  const inputs = [variable, handle(momentumBuffer as Value), input('rate'), damped, input('momentum'), wait];
  return [graph.node('ResourceApplyMomentum', inputs, { ...locking, use_nesterov: { b: nesterov } })];
}
