/** What optimizers remember, save and restore, and what they refuse. */
import fc from 'fast-check';
import {
  Adadelta,
  Adagrad,
  Adam,
  Adamax,
  AdamW,
  fromTfOptimizer,
  Lion,
  NAdam,
  type Optimizer,
  type OptimizerState,
  RAdam,
  RMSprop,
  SGD,
  tf,
} from 'kelvin';
import { describe, expect, test } from 'vitest';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { makeVariables, takeSteps, valuesOf } from './support.ts';

assertFileLeaksNothing();

type Make = (params: tf.Variable[]) => Optimizer;

const stock =
  (make: () => tf.Optimizer): Make =>
  (params) =>
    fromTfOptimizer(make(), params);

const optimizers: Record<string, Make> = {
  SGD: (v) => new SGD(v, { lr: 0.1 }),
  'SGD with momentum': (v) => new SGD(v, { lr: 0.1, momentum: 0.9, nesterov: true }),
  Adam: (v) => new Adam(v, { lr: 0.1, amsgrad: true }),
  AdamW: (v) => new AdamW(v, { lr: 0.1 }),
  RMSprop: (v) => new RMSprop(v, { momentum: 0.5, centered: true }),
  Adagrad: (v) => new Adagrad(v, { lrDecay: 0.1 }),
  Adadelta: (v) => new Adadelta(v),
  Adamax: (v) => new Adamax(v),
  NAdam: (v) => new NAdam(v),
  RAdam: (v) => new RAdam(v, { betas: [0.9, 0.9] }),
  Lion: (v) => new Lion(v),
  'tf.train.sgd': stock(() => tf.train.sgd(0.1)),
  'tf.train.momentum': stock(() => tf.train.momentum(0.1, 0.9)),
  'tf.train.adam': stock(() => tf.train.adam(0.1)),
  'tf.train.adamax': stock(() => tf.train.adamax(0.1)),
  'tf.train.rmsprop': stock(() => tf.train.rmsprop(0.1, 0.9, 0.5, undefined, true)),
  'tf.train.adagrad': stock(() => tf.train.adagrad(0.1)),
  'tf.train.adadelta': stock(() => tf.train.adadelta(0.1)),
};

const START = [[1.5, -0.3], [0.8]];

/** The tensors of a state, copied, as a checkpoint would. */
function copyOf(state: OptimizerState): OptimizerState {
  const { tensors, ...plain } = state;
  const copies = Object.entries(tensors).map(([name, slots]) => [
    name,
    Object.fromEntries(
      Object.entries(slots).map(([slot, tensor]) => [slot, tf.tensor(tensor.dataSync().slice(), tensor.shape)]),
    ),
  ]);
  return { ...JSON.parse(JSON.stringify(plain)), tensors: Object.fromEntries(copies) };
}

/** The weights after `total` steps, with a break after `stop` steps in which only the saved state survives. */
function train(make: Make, total: number, stop?: number): number[][] {
  const variables = makeVariables(START);
  let optimizer = make(variables);
  takeSteps(optimizer, variables, 0, stop ?? total);
  if (stop !== undefined) {
    const saved = copyOf(optimizer.stateDict());
    optimizer.dispose();
    optimizer = make(variables);
    optimizer.loadStateDict(saved);
    tf.dispose(saved.tensors);
    expect(optimizer.stepCount).toBe(stop);
    takeSteps(optimizer, variables, stop, total);
  }
  const values = valuesOf(variables);
  optimizer.dispose();
  tf.dispose(variables);
  return values;
}

describe('E13 §2.2 T3 a saved and restored optimizer moves to the bit as if it had never stopped', () => {
  test.each(Object.entries(optimizers))('%s', (_, make) =>
    expectNoLeak(() => {
      const straight = train(make, 9);
      expect(straight).not.toEqual(train(make, 8));
      fc.assert(
        fc.property(fc.nat({ max: 9 }), (stop) => {
          expect(train(make, 9, stop)).toEqual(straight);
        }),
        { seed: 5, numRuns: 5 },
      );
    }),
  );
});

describe('§2.2 T14 moments stay with their variable when gradients come and go', () => {
  test.each(Object.entries(optimizers))('%s', (_, make) =>
    expectNoLeak(() => {
      const [both, alone] = [makeVariables(START), makeVariables([START[1] as number[]])];
      const [optimizer, lonely] = [make(both), make(alone)];
      // Shared between all parameters in tfjs: bias corrections count steps of the optimizer, not of the parameter.
      const shared = optimizer.type === 'tf.Adam' || optimizer.type === 'tf.Adamax';
      takeSteps(optimizer, [both[1] as tf.Variable], 0, 3);
      takeSteps(optimizer, both, 3, 5);
      takeSteps(optimizer, [both[1] as tf.Variable, both[0] as tf.Variable], 5, 7);
      takeSteps(lonely, alone, 0, 7);
      expect(valuesOf(both)[1]).toEqual(valuesOf(alone)[0]);
      if (!shared) {
        const late = makeVariables([START[0] as number[]]);
        const fresh = make(late);
        takeSteps(fresh, late, 3, 7);
        expect(valuesOf(both)[0]).toEqual(valuesOf(late)[0]);
        fresh.dispose();
        tf.dispose(late);
      }
      optimizer.dispose();
      lonely.dispose();
      tf.dispose([both, alone]);
    }),
  );
});

test('a state is plain data but for its tensors, and names its variables as it is told', () =>
  expectNoLeak(() => {
    const variables = makeVariables(START);
    const nameOf = (variable: tf.Variable) => `w${variables.indexOf(variable)}`;
    const optimizer = new Adam(variables, { lr: 0.1 });
    takeSteps(optimizer, variables, 0, 2);
    const { tensors, ...plain } = optimizer.stateDict(nameOf);
    expect(plain).toEqual({
      type: 'Adam',
      stepCount: 2,
      paramGroups: [
        {
          params: ['w0', 'w1'],
          options: { lr: 0.1, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, amsgrad: false, maximize: false },
        },
      ],
      scalars: { w0: { step: 2 }, w1: { step: 2 } },
    });
    expect(Object.keys(tensors.w0 ?? {})).toEqual(['expAvg', 'expAvgSq']);
    const other = new Adam([...variables].reverse());
    other.loadStateDict({ ...plain, tensors }, nameOf);
    expect(other.lr).toBe(0.1);
    expect(other.stateDict(nameOf).tensors.w1?.expAvg?.dataSync()).toEqual(tensors.w1?.expAvg?.dataSync());
    optimizer.dispose();
    other.dispose();
    tf.dispose(variables);
  }));
