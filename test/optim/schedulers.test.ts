/** Schedulers against PyTorch's recorded learning rates, and against formulas written out here. */
import {
  Adam,
  ChainedScheduler,
  ConstantLR,
  CosineAnnealingLR,
  CosineAnnealingWarmRestarts,
  CyclicLR,
  cosineWithWarmup,
  ExponentialLR,
  LambdaLR,
  LinearLR,
  LRScheduler,
  MultiStepLR,
  OneCycleLR,
  type Optimizer,
  PolynomialLR,
  ReduceLROnPlateau,
  type ScheduledSettings,
  SequentialLR,
  SGD,
  StepLR,
} from 'kelvin';
import { describe, expect, test } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { expectClose, golden, withVariables } from './support.ts';

assertFileLeaksNothing();

/** The learning rates seen at epochs 0 … count - 1. */
function ratesOf(optimizer: Optimizer, scheduler: LRScheduler, count: number): number[] {
  return Array.from({ length: count }, () => {
    const { lr } = optimizer;
    scheduler.step();
    return lr;
  });
}

function withSGD<T>(lr: number, body: (optimizer: SGD) => T): T {
  return withVariables([[1]], (variables) => body(new SGD(variables, { lr, momentum: 0.9 })));
}

const recorded: Record<string, (optimizer: Optimizer) => LRScheduler> = {
  'step_7_0.5': (o) => new StepLR(o, { stepSize: 7, gamma: 0.5 }),
  'exponential_0.9': (o) => new ExponentialLR(o, { gamma: 0.9 }),
  'cosine_T10_min0.01': (o) => new CosineAnnealingLR(o, { tMax: 10, etaMin: 0.01 }),
  cosine_T25: (o) => new CosineAnnealingLR(o, { tMax: 25 }),
  linear_warmup_6: (o) => new LinearLR(o, { startFactor: 0.2, endFactor: 1, totalIters: 6 }),
  'constant_0.5_4': (o) => new ConstantLR(o, { factor: 0.5, totalIters: 4 }),
  polynomial_15_2: (o) => new PolynomialLR(o, { totalIters: 15, power: 2 }),
  onecycle_25: (o) => new OneCycleLR(o, { maxLr: 0.5, totalSteps: 26, pctStart: 0.3 }),
  sequential_warm5_cos20: (o) =>
    new SequentialLR(o, {
      schedulers: [new LinearLR(o, { startFactor: 0.1, totalIters: 5 }), new CosineAnnealingLR(o, { tMax: 20 })],
      milestones: [5],
    }),
  lambda_sqrt: (o) => new LambdaLR(o, { lrLambda: (epoch) => 1 / Math.sqrt(epoch + 1) }),
};

describe.skipIf(!golden)('learning rates are as in PyTorch (needs ../shared/golden/optim.json)', () => {
  test.each(Object.entries(golden?.schedulers ?? {}))('%s', (name, { config, lrs, metrics }) =>
    withSGD(config.base_lr as number, (optimizer) => {
      if (metrics) {
        const scheduler = new ReduceLROnPlateau(optimizer, { factor: 0.5, patience: 2 });
        const seen = [optimizer.lr];
        for (const metric of metrics) {
          scheduler.step(metric);
          seen.push(optimizer.lr);
        }
        expectClose(seen, lrs, 1e-12);
        return;
      }
      const make = recorded[name];
      if (!make) throw new Error(`no scheduler is built here for the record ${name}`);
      const scheduler = make(optimizer);
      const seen = [optimizer.lr];
      for (let step = 1; step < lrs.length; step++) {
        scheduler.step();
        seen.push(optimizer.lr);
      }
      expectClose(seen, lrs, 1e-12);
    }),
  );
});

test('MultiStepLR drops at its milestones, twice where one is named twice', () =>
  withSGD(1, (optimizer) => {
    const scheduler = new MultiStepLR(optimizer, { milestones: [5, 2, 5], gamma: 0.1 });
    expectClose(ratesOf(optimizer, scheduler, 7), [1, 1, 0.1, 0.1, 0.1, 0.001, 0.001]);
  }));

test('CosineAnnealingWarmRestarts restarts after 3, then 6, then 12 steps', () =>
  withSGD(1, (optimizer) => {
    const scheduler = new CosineAnnealingWarmRestarts(optimizer, { t0: 3, tMult: 2, etaMin: 0.1 });
    const cycle = (length: number) =>
      Array.from({ length }, (_, t) => 0.1 + 0.45 * (1 + Math.cos((Math.PI * t) / length)));
    expectClose(ratesOf(optimizer, scheduler, 22), [...cycle(3), ...cycle(6), ...cycle(12), 1], 1e-12);
  }));

test('CyclicLR goes up and down, with momentum the other way', () =>
  withSGD(1, (optimizer) => {
    const scheduler = new CyclicLR(optimizer, {
      baseLr: 0.1,
      maxLr: 0.5,
      stepSizeUp: 2,
      stepSizeDown: 4,
      mode: 'triangular2',
    });
    const momenta: unknown[] = [];
    const rates = Array.from({ length: 9 }, () => {
      const { lr } = optimizer;
      momenta.push(optimizer.paramGroups[0]?.momentum);
      scheduler.step();
      return lr;
    });
    expectClose(rates, [0.1, 0.3, 0.5, 0.4, 0.3, 0.2, 0.1, 0.2, 0.3], 1e-12);
    expectClose(momenta as number[], [0.9, 0.85, 0.8, 0.825, 0.85, 0.875, 0.9, 0.875, 0.85], 1e-12);
  }));

test('CyclicLR scales by gamma ^ step, or by a function of the cycle', () =>
  withSGD(1, (optimizer) => {
    const bounds = { baseLr: 0, maxLr: 1, stepSizeUp: 2, cycleMomentum: false };
    const exponential = new CyclicLR(optimizer, { ...bounds, mode: 'expRange', gamma: 0.5 });
    expectClose(ratesOf(optimizer, exponential, 5), [0, 0.25, 0.25, 0.0625, 0], 1e-12);
    const own = new CyclicLR(optimizer, { ...bounds, scaleFn: (cycle) => 1 / cycle });
    expectClose(ratesOf(optimizer, own, 7), [0, 0.5, 1, 0.5, 0, 0.25, 0.5], 1e-12);
    expect(optimizer.paramGroups[0]?.momentum).toBe(0.9);
  }));

test('OneCycleLR cycles beta1 of Adam, and its three phases end where they should', () =>
  withVariables([[1]], (variables) => {
    const optimizer = new Adam(variables, { betas: [0.5, 0.99] });
    const options = { maxLr: 1, totalSteps: 21, pctStart: 0.3, threePhase: true, divFactor: 10, finalDivFactor: 100 };
    const scheduler = new OneCycleLR(optimizer, { ...options, annealStrategy: 'linear' });
    const top = 0.3 * 21 - 1;
    expect(optimizer.paramGroups[0]?.betas).toEqual([0.95, 0.99]);
    expectClose([scheduler.at(0)[0]?.lr ?? Number.NaN], [0.1]);
    expectClose([scheduler.at(5)[0]?.lr ?? Number.NaN], [0.1 + (0.9 * 5) / top], 1e-12);
    expectClose([scheduler.at(6)[0]?.lr ?? Number.NaN], [1 - (0.9 * (6 - top)) / top], 1e-12);
    expectClose([scheduler.at(20)[0]?.lr ?? Number.NaN], [0.001], 1e-12);
    expectClose([scheduler.at(20)[0]?.momentum ?? Number.NaN], [0.95], 1e-12);
    for (let step = 1; step <= 21; step++) scheduler.step();
    expect(scheduler.lastLr).toEqual(scheduler.at(20).map(({ lr }) => lr));
    expect(() => scheduler.step()).toThrowErrorMatchingInlineSnapshot(`
      [ConfigError: OneCycleLR: step 22 is beyond the cycle: expected at most 21 calls of step().
        help: set \`totalSteps\` to the number of optimizer steps of the whole run, and interval: 'step']
    `);
    expect(scheduler.lastEpoch).toBe(21);
  }));

test('ChainedScheduler multiplies factors', () =>
  withSGD(1, (optimizer) => {
    const warm = new ConstantLR(optimizer, { factor: 0.1, totalIters: 2 });
    const decay = new ExponentialLR(optimizer, { gamma: 0.9 });
    const scheduler = new ChainedScheduler(optimizer, { schedulers: [warm, decay] });
    expectClose(ratesOf(optimizer, scheduler, 4), [0.1, 0.09, 0.81, 0.729], 1e-12);
  }));

test('cosineWithWarmup rises evenly, falls along a cosine, and stays low', () =>
  withSGD(2, (optimizer) => {
    const scheduler = cosineWithWarmup(optimizer, { warmupSteps: 3, totalSteps: 7, minLr: 0.2 });
    const cosine = [0, 1, 2, 3].map((t) => 0.2 + 0.9 * (1 + Math.cos((Math.PI * t) / 4)));
    expectClose(ratesOf(optimizer, scheduler, 10), [0.5, 1, 1.5, ...cosine, 0.2, 0.2, 0.2], 1e-12);
  }));

test('each parameter group has a rate of its own', () =>
  withVariables([[1], [2]], ([first, second]) => {
    const groups = [{ params: [first as never] }, { params: [second as never], lr: 10 }];
    const optimizer = new SGD(groups, { lr: 1 });
    const scheduler = new ExponentialLR(optimizer, { gamma: 0.5 });
    scheduler.step();
    expect(scheduler.lastLr).toEqual([0.5, 5]);
    const cycle = new CyclicLR(optimizer, { baseLr: [0.1, 0.2], maxLr: 1, stepSizeUp: 2, cycleMomentum: false });
    expect(cycle.lastLr).toEqual([0.1, 0.2]);
    const lambdas = new LambdaLR(optimizer, { lrLambda: [() => 2, () => 3] });
    expect(lambdas.lastLr).toEqual([2, 30]);
  }));

test('ReduceLROnPlateau: maximum, absolute threshold, cooldown, lowest rate, NaN', () =>
  withSGD(1, (optimizer) => {
    const scheduler = new ReduceLROnPlateau(optimizer, {
      mode: 'max',
      factor: 0.1,
      patience: 0,
      threshold: 0.5,
      thresholdMode: 'abs',
      cooldown: 1,
      minLr: 0.05,
    });
    const seen = [1, 1.4, Number.NaN, 1.4, 2, 2, 2, 2].map((metric) => {
      scheduler.step(metric);
      return optimizer.lr;
    });
    // 1.4 is no improvement on 1; NaN falls into the cooldown; then it drops to the lowest rate, and stays there.
    expectClose(seen, [1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05, 0.05], 1e-12);
    expect(() => scheduler.step(undefined as unknown as number)).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: ReduceLROnPlateau.step(): expected the value of the watched metric, a number, got undefined.]`,
    );
  }));

test('a schedule of the user is a subclass with one method', () => {
  class Saw extends LRScheduler {
    constructor(optimizer: Optimizer) {
      super(optimizer);
      this.start();
    }
    at(epoch: number): ScheduledSettings[] {
      return this.scaled((initial) => initial * (1 - (epoch % 4) / 4));
    }
  }
  withSGD(1, (optimizer) => expect(ratesOf(optimizer, new Saw(optimizer), 6)).toEqual([1, 0.75, 0.5, 0.25, 1, 0.75]));
});

test('mistakes are named', () =>
  withSGD(1, (optimizer) => {
    const says = (make: () => unknown) => expect(make);
    says(() => new StepLR(optimizer, { stepSize: 0 })).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: StepLR: option \`stepSize\`: expected a whole number of at least 1, got 0 (number).]`,
    );
    says(() => new CosineAnnealingLR(optimizer, { T_max: 3 } as never)).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: CosineAnnealingLR: option \`tMax\`: expected a whole number of at least 1, got undefined.]`,
    );
    says(() => new MultiStepLR(optimizer, { milestones: [1.5] })).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: MultiStepLR: option \`milestones\`: expected whole numbers of at least 0, got [1.5] (array).]`,
    );
    says(() => new LambdaLR(optimizer, { lrLambda: [() => 1, () => 1] })).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: LambdaLR: option \`lrLambda\`: expected 1 functions, one per parameter group, got 2.]`,
    );
    says(() => new CyclicLR(optimizer, { baseLr: [1, 2], maxLr: 2 })).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: CyclicLR: option \`baseLr\`: expected one number, or 1: one per parameter group, got 2.]`,
    );
    says(() => cosineWithWarmup(optimizer, { warmupSteps: 5, totalSteps: 5 })).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: cosineWithWarmup: option \`warmupSteps\`: expected fewer than totalSteps, which is 5, got 5.]`,
    );
    const schedulers = [new ConstantLR(optimizer), new ConstantLR(optimizer)];
    says(() => new SequentialLR(optimizer, { schedulers, milestones: [] })).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: SequentialLR: option \`milestones\`: expected 1, one less than there are schedulers, got 0.]`,
    );
    says(() => new SequentialLR(optimizer, { schedulers, milestones: [0] })).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: SequentialLR: option \`milestones\`: expected whole numbers that increase, got [0] (array).]`,
    );
    const plateau = new ReduceLROnPlateau(optimizer) as never;
    says(() => new ChainedScheduler(optimizer, { schedulers: [plateau] })).toThrowErrorMatchingInlineSnapshot(
      `[ConfigError: ChainedScheduler: option \`schedulers\`: expected at least one scheduler, none of which needs a metric, got [{"needsMetric":true,"optimizer":{"type":"SGD","paramGrou... (array).]`,
    );
    withSGD(1, (other) => {
      says(() => new ChainedScheduler(other, { schedulers })).toThrowErrorMatchingInlineSnapshot(`
        [ConfigError: ChainedScheduler: scheduler 0 belongs to another optimizer.
          help: make all schedulers for the optimizer that ChainedScheduler is given]
      `);
    });
  }));
