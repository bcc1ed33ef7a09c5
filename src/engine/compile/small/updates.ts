/** The optimizers' updates as instructions. */
import { sizeOf, type Value } from '../graph.ts';
import type { Lowering } from './lower.ts';

/**
 * Writes an update.
 *
 * @param results the buffers of its results, which may be those of the states that it starts from
 * @param gradient the buffer of the gradient
 */
export function lowerUpdate(at: Lowering, results: readonly number[], gradient: number): boolean {
  const { node, input, add } = at;
  const { attrs, inputs } = node;
  const size = sizeOf(inputs.param as Value);
  const decay = attrs.decays === true ? input('weightDecay') : -1;
  if (node.op === 'KelvinAdam') {
    const states = ['param', 'expAvg', 'expAvgSq'].map(input);
    const numbers = ['beta1', 'taken1', 'beta2', 'taken2', 'rate', 'eps'].map(input);
    const keep = attrs.keeps === true ? input('keep') : -1;
    add('adam', [...results, ...states, gradient, ...numbers, keep, decay, size]);
    return true;
  }
  if (node.op !== 'KelvinSGD') return false;
  const rate = input('rate');
  if (attrs.momentum !== true) {
    add('sgd', [results[0] as number, -1, input('param'), -1, gradient, -1, -1, rate, decay, 0, size]);
    return true;
  }
  const states = [results[0] as number, results[1] as number, input('param'), input('momentumBuffer')];
  const numbers = [input('momentum'), input('damp'), rate, decay];
  add('sgd', [...states, gradient, ...numbers, Number(attrs.nesterov === true), size]);
  return true;
}
