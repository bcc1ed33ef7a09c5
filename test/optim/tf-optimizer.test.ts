/** What is particular to stock tfjs optimizers behind the adapter. */
import { fromTfOptimizer, type OptimizerState, tf } from 'kelvin';
import { expect, test } from 'vitest';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { gradientsOf, makeVariables, takeSteps, valuesOf } from './support.ts';

assertFileLeaksNothing();

test('§2.2 T4 a stock optimizer takes its rate from the group, by setter or by field', () =>
  expectNoLeak(() => {
    for (const make of [() => tf.train.sgd(0.5), () => tf.train.adam(0.5)]) {
      const variables = makeVariables([[1]]);
      const optimizer = fromTfOptimizer(make(), variables);
      expect(optimizer.lr).toBe(0.5);
      optimizer.lr = 0;
      const gradients = gradientsOf(variables, 0);
      optimizer.step(gradients);
      expect(valuesOf(variables)).toEqual([[1]]);
      optimizer.lr = 0.25;
      optimizer.step(gradients);
      expect(valuesOf(variables)).not.toEqual([[1]]);
      optimizer.dispose();
      tf.dispose([variables, gradients]);
    }
  }));

test('a stock optimizer refuses a state that does not fit', () =>
  expectNoLeak(() => {
    const variables = makeVariables([[1.5, -0.3], [0.8]]);
    const optimizer = fromTfOptimizer(tf.train.adam(0.1), variables);
    takeSteps(optimizer, variables, 0, 1);
    const state = optimizer.stateDict();
    const name = variables[1]?.name as string;
    const load = (changed: Partial<OptimizerState>) => () => optimizer.loadStateDict({ ...state, ...changed });
    const slot = Object.values(state.tensors[variables[0]?.name as string] ?? {})[0] as tf.Tensor;
    expect(load({ type: 'tf.SGD' })).toThrow('expected the state of tf.Adam, got the state of tf.SGD');
    expect(load({ tensors: { [name]: { strange: slot } } })).toThrow('it has no `strange`');
    expect(load({ tensors: { [name]: { accumulatedFirstMoment: slot } } })).toThrow('has shape [2], the variable [1]');
    expect(load({ scalars: {} })).toThrow('`accBeta1` is missing');
    optimizer.dispose();
    tf.dispose(variables);
  }));
