/** Saved states that do not fit their optimizer. */
import { Adam, CheckpointError, type OptimizerState, tf } from 'kelvin';
import { describe, expect, test } from 'vitest';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { makeVariables, takeSteps } from './support.ts';

assertFileLeaksNothing();

const START = [[1.5, -0.3], [0.8]];

describe('a state that does not fit is refused as a whole', () => {
  const cases: [string, (state: OptimizerState) => OptimizerState, RegExp][] = [
    ['another optimizer', (s) => ({ ...s, type: 'SGD' }), /expected the state of Adam, got the state of SGD/],
    [
      'another number of groups',
      (s) => ({ ...s, paramGroups: [] }),
      /number of parameter groups differs: expected 1, got 0/,
    ],
    [
      'another variable',
      (s) => ({ ...s, paramGroups: [{ ...s.paramGroups[0], params: ['a', 'x'] } as never] }),
      /parameter group 0 of the saved state has no variable 'b'/,
    ],
    [
      'one variable more',
      (s) => ({ ...s, paramGroups: [{ ...s.paramGroups[0], params: ['a', 'b', 'x'] } as never] }),
      /parameter group 0 of the saved state has a variable 'x', which the optimizer has not/,
    ],
    [
      'a missing slot',
      (s) => ({ ...s, tensors: { ...s.tensors, b: { expAvg: s.tensors.b?.expAvg as tf.Tensor } } }),
      /state of 'b' does not fit: `expAvgSq` is missing/,
    ],
    [
      'a slot of another shape',
      (s) => ({ ...s, tensors: { ...s.tensors, b: s.tensors.a ?? {} } }),
      /state of 'b' does not fit: `expAvg` has shape \[2\], the variable \[1\]/,
    ],
    ['a missing step count', (s) => ({ ...s, scalars: {} }), /state of 'a' does not fit: `step` is undefined/],
    [
      'a wrong option',
      (s) => ({ ...s, paramGroups: [{ ...s.paramGroups[0], options: { lr: -1 } } as never] }),
      /options of parameter group 0 do not fit[\s\S]*`lr`: expected a number of at least 0/,
    ],
  ];

  test.each(cases)('%s', (_, spoil, text) =>
    expectNoLeak(() => {
      const variables = makeVariables(START);
      const nameOf = (variable: tf.Variable) => (variable === variables[0] ? 'a' : 'b');
      const optimizer = new Adam(variables, { lr: 0.1 });
      takeSteps(optimizer, variables, 0, 1);
      const fresh = new Adam(variables, { lr: 0.7 });
      const load = () => fresh.loadStateDict(spoil(optimizer.stateDict(nameOf)), nameOf);
      expect(load).toThrow(CheckpointError);
      expect(load).toThrow(text);
      expect([fresh.lr, fresh.stepCount]).toEqual([0.7, 0]);
      optimizer.dispose();
      tf.dispose(variables);
    }),
  );
});
