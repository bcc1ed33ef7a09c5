/** The max-norm constraint that every optimizer can hold its weights to. */
import { Adadelta, Adagrad, Adam, Adamax, AdamW, ConfigError, Lion, NAdam, RAdam, RMSprop, SGD, tf } from 'kelvin';
import { expect, test } from 'vitest';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { makeVariables, takeSteps, valuesOf } from './support.ts';

assertFileLeaksNothing();

const SHAPES = [[3, 2], [2], [1, 2, 3, 2]];
const initial = () =>
  SHAPES.map((shape, i) => Array.from({ length: tf.util.sizeFromShape(shape) }, (_, k) => 1 + i + k));

/** The norm of what arrives at each unit: all axes but the last together. */
function norms(values: readonly number[], units: number): number[] {
  const sums = new Array<number>(units).fill(0);
  values.forEach((value, k) => {
    sums[k % units] = (sums[k % units] as number) + value * value;
  });
  return sums.map(Math.sqrt);
}

test.each([Adadelta, Adagrad, Adam, Adamax, AdamW, Lion, NAdam, RAdam, RMSprop, SGD])(
  '%o holds kernels to the norm and leaves biases alone',
  (Kind) =>
    expectNoLeak(() => {
      const variables = makeVariables(initial(), SHAPES);
      const free = makeVariables(initial(), SHAPES);
      const optimizer = new Kind(variables, { lr: 0.01, maxNorm: 2.5 });
      const unbound = new Kind(free, { lr: 0.01 });
      takeSteps(optimizer, variables, 0, 1);
      takeSteps(unbound, free, 0, 1);
      const [dense, bias, convolution] = valuesOf(variables) as [number[], number[], number[]];
      const [freeDense, freeBias] = valuesOf(free) as [number[], number[], number[]];
      for (const norm of [...norms(dense, 2), ...norms(convolution, 2)]) expect(norm).toBeCloseTo(2.5, 5);
      expect(bias).toEqual(freeBias);
      // Scaled back, not turned: every weight of a unit by the same factor.
      const factor = (dense[0] as number) / (freeDense[0] as number);
      expect((dense[4] as number) / (freeDense[4] as number)).toBeCloseTo(factor, 5);
      optimizer.dispose();
      unbound.dispose();
      tf.dispose([variables, free]);
    }),
);

test('weights within the norm are not touched, and the limit is in the saved state', () =>
  expectNoLeak(() => {
    const variables = makeVariables(initial(), SHAPES);
    const free = makeVariables(initial(), SHAPES);
    const optimizer = new SGD(variables, { lr: 0.01, maxNorm: 1000 });
    const unbound = new SGD(free, { lr: 0.01 });
    takeSteps(optimizer, variables, 0, 3);
    takeSteps(unbound, free, 0, 3);
    expect(valuesOf(variables)).toEqual(valuesOf(free));
    expect(optimizer.stateDict().paramGroups[0]?.options).toMatchObject({ maxNorm: 1000 });
    expect(unbound.stateDict().paramGroups[0]?.options).not.toHaveProperty('maxNorm');
    optimizer.dispose();
    unbound.dispose();
    tf.dispose([variables, free]);
  }));

test('a norm that is not above 0 is refused', () =>
  expectNoLeak(() => {
    const variables = makeVariables([[1]]);
    expect(() => new Adam(variables, { maxNorm: 0 })).toThrow(ConfigError);
    expect(() => new Adam(variables, { maxNorm: 0 })).toThrow(/Adam: option `maxNorm`.*above 0/);
    tf.dispose(variables);
  }));
