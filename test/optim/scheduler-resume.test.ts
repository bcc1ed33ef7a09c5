/** A scheduler that is saved at any step and restored elsewhere goes on as if nothing had happened. */
import fc from 'fast-check';
import {
  ChainedScheduler,
  ConstantLR,
  CosineAnnealingLR,
  CosineAnnealingWarmRestarts,
  CyclicLR,
  cosineWithWarmup,
  ExponentialLR,
  LambdaLR,
  LinearLR,
  type LRScheduler,
  MultiStepLR,
  OneCycleLR,
  type Optimizer,
  PolynomialLR,
  ReduceLROnPlateau,
  SequentialLR,
  SGD,
  StepLR,
} from 'kelvin';
import { expect, test } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { withVariables } from './support.ts';

assertFileLeaksNothing();

const schedulers: Record<string, (optimizer: Optimizer) => LRScheduler | ReduceLROnPlateau> = {
  StepLR: (o) => new StepLR(o, { stepSize: 3 }),
  MultiStepLR: (o) => new MultiStepLR(o, { milestones: [2, 7] }),
  ExponentialLR: (o) => new ExponentialLR(o, { gamma: 0.9 }),
  CosineAnnealingLR: (o) => new CosineAnnealingLR(o, { tMax: 7 }),
  CosineAnnealingWarmRestarts: (o) => new CosineAnnealingWarmRestarts(o, { t0: 3, tMult: 2 }),
  LinearLR: (o) => new LinearLR(o, { totalIters: 6 }),
  ConstantLR: (o) => new ConstantLR(o, { totalIters: 6 }),
  PolynomialLR: (o) => new PolynomialLR(o, { totalIters: 12, power: 2 }),
  OneCycleLR: (o) => new OneCycleLR(o, { maxLr: 1, totalSteps: 40 }),
  CyclicLR: (o) => new CyclicLR(o, { baseLr: 0.1, maxLr: 1, stepSizeUp: 4 }),
  LambdaLR: (o) => new LambdaLR(o, { lrLambda: (epoch) => 1 / (epoch + 1) }),
  SequentialLR: (o) =>
    new SequentialLR(o, { schedulers: [new LinearLR(o), new ExponentialLR(o, { gamma: 0.5 })], milestones: [4] }),
  ChainedScheduler: (o) =>
    new ChainedScheduler(o, { schedulers: [new LinearLR(o), new ExponentialLR(o, { gamma: 0.9 })] }),
  cosineWithWarmup: (o) => cosineWithWarmup(o, { warmupSteps: 4, totalSteps: 12 }),
  ReduceLROnPlateau: (o) => new ReduceLROnPlateau(o, { factor: 0.5, patience: 1, cooldown: 1 }),
};

function advance(scheduler: LRScheduler | ReduceLROnPlateau, metrics: readonly number[]): void {
  for (const metric of metrics) {
    if (scheduler.needsMetric) scheduler.step(metric);
    else scheduler.step();
  }
}

/** What a run does, with or without a break after `stop` steps in which everything goes through JSON. */
function run(make: (optimizer: Optimizer) => LRScheduler | ReduceLROnPlateau, metrics: number[], stop?: number) {
  return withVariables([[1]], ([variable]) => {
    const start = () => {
      const optimizer = new SGD([variable as never], { lr: 0.3, momentum: 0.9 });
      return { optimizer, scheduler: make(optimizer) };
    };
    let { optimizer, scheduler } = start();
    advance(scheduler, metrics.slice(0, stop ?? metrics.length));
    if (stop !== undefined) {
      const saved = JSON.stringify([optimizer.stateDict(), scheduler.stateDict()]);
      const [optimizerState, schedulerState] = JSON.parse(saved);
      ({ optimizer, scheduler } = start());
      optimizer.loadStateDict(optimizerState);
      scheduler.loadStateDict(schedulerState);
      advance(scheduler, metrics.slice(stop));
    }
    const { lr, momentum } = optimizer.paramGroups[0] as { lr: number; momentum?: number };
    return { lr, momentum, state: scheduler.stateDict() };
  });
}

test.each(Object.entries(schedulers))('%s', (_, make) => {
  const metrics = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(metrics, fc.nat(), (values, at) => {
      expect(run(make, values, at % (values.length + 1))).toEqual(run(make, values));
    }),
    { seed: 3, numRuns: 30 },
  );
});

test('the state of another scheduler is refused', () =>
  withVariables([[1]], (variables) => {
    const optimizer = new SGD(variables);
    const state = new StepLR(optimizer, { stepSize: 1 }).stateDict();
    expect(() => new ConstantLR(optimizer).loadStateDict(state)).toThrowErrorMatchingInlineSnapshot(`
      [CheckpointError: ConstantLR: the saved state is another scheduler's: expected the state of ConstantLR, got 'StepLR' (string).
        help: resume with the scheduler that the checkpoint was written with]
    `);
    expect(() => new ReduceLROnPlateau(optimizer).loadStateDict(state as never)).toThrowErrorMatchingInlineSnapshot(`
      [CheckpointError: ReduceLROnPlateau: the saved state is another scheduler's: expected the state of ReduceLROnPlateau, got 'StepLR' (string).
        help: resume with the scheduler that the checkpoint was written with]
    `);
  }));
