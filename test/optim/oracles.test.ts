/** Optimizers and options without recorded values, against loops in float64 written from the formulas. */
import { Adadelta, Adagrad, Adam, Adamax, AdamW, Lion, NAdam, type Optimizer, RAdam, RMSprop, SGD, tf } from 'kelvin';
import { test } from 'vitest';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { expectClose, makeVariables, takeSteps, testGradient, valuesOf } from './support.ts';

assertFileLeaksNothing();

/** One number being optimized: `update(p, g, t, memory)` gives its next value; `t` counts from 1. */
type Update = (p: number, g: number, t: number, memory: Record<string, number>) => number;

function trajectory(start: number, steps: number, update: Update): number {
  const memory: Record<string, number> = {};
  let p = start;
  for (let t = 1; t <= steps; t++) p = update(p, testGradient(p, t - 1), t, memory);
  return p;
}

const { sqrt, abs, max, sign } = Math;

/** The memory's number, from its average with a new one. */
const average = (m: Record<string, number>, key: string, decay: number, value: number): number => {
  m[key] = decay * (m[key] ?? 0) + (1 - decay) * value;
  return m[key];
};

const adamWith =
  (lr: number, wd: number, decoupled: boolean, amsgrad: boolean, direction = 1): Update =>
  (p, gradient, t, m) => {
    const g = direction * gradient + (decoupled ? 0 : wd * p);
    const first = average(m, 'm', 0.9, g) / (1 - 0.9 ** t);
    const second = average(m, 'v', 0.999, g * g);
    m.max = max(m.max ?? 0, second);
    const used = (amsgrad ? m.max : second) / (1 - 0.999 ** t);
    return p * (decoupled ? 1 - lr * wd : 1) - (lr * first) / (sqrt(used) + 1e-8);
  };

const radam =
  (beta2: number, wd: number, decoupled: boolean): Update =>
  (p, gradient, t, m) => {
    const lr = 0.05;
    const g = gradient + (decoupled ? 0 : wd * p);
    const first = average(m, 'm', 0.9, g) / (1 - 0.9 ** t);
    const second = average(m, 'v', beta2, g * g);
    const rhoInf = 2 / (1 - beta2) - 1;
    const rho = rhoInf - (2 * t * beta2 ** t) / (1 - beta2 ** t);
    const decayed = decoupled ? p * (1 - lr * wd) : p;
    if (rho <= 5) return decayed - lr * first;
    const r = sqrt(((rho - 4) * (rho - 2) * rhoInf) / ((rhoInf - 4) * (rhoInf - 2) * rho));
    return decayed - (lr * first * r * sqrt(1 - beta2 ** t)) / (sqrt(second) + 1e-8);
  };

const lion: Update = (p, g, _, m) => {
  const [lr, wd] = [0.03, 0.1];
  const update = sign(0.9 * (m.m ?? 0) + 0.1 * g);
  average(m, 'm', 0.99, g);
  return p - lr * (update + wd * p);
};

const rmsprop: Update = (p, g, _, m) => {
  const square = average(m, 's', 0.9, g * g);
  const mean = average(m, 'g', 0.9, g);
  m.b = 0.8 * (m.b ?? 0) + g / (sqrt(square - mean * mean) + 1e-3);
  return p - 0.01 * m.b;
};

const adagrad: Update = (p, gradient, t, m) => {
  const g = gradient + 0.1 * p;
  m.s = (m.s ?? 0.5) + g * g;
  return p - ((0.1 / (1 + (t - 1) * 0.2)) * g) / (sqrt(m.s) + 1e-10);
};

const adadelta: Update = (p, gradient, _, m) => {
  const g = gradient + 0.1 * p;
  const square = average(m, 's', 0.8, g * g);
  const delta = (sqrt((m.d ?? 0) + 1e-4) / sqrt(square + 1e-4)) * g;
  average(m, 'd', 0.8, delta * delta);
  return p - 0.5 * delta;
};

const adamax: Update = (p, gradient, t, m) => {
  const g = gradient + 0.1 * p;
  const first = average(m, 'm', 0.8, g);
  m.u = max(0.9 * (m.u ?? 0), abs(g) + 1e-3);
  return p - ((0.02 / (1 - 0.8 ** t)) * first) / m.u;
};

const nadam: Update = (p, g, t, m) => {
  const [lr, wd] = [0.02, 0.1];
  const mu = (at: number) => 0.9 * (1 - 0.5 * 0.96 ** (at * 0.1));
  m.product = (m.product ?? 1) * mu(t);
  const first = average(m, 'm', 0.9, g);
  const root = sqrt(average(m, 'v', 0.99, g * g) / (1 - 0.99 ** t)) + 1e-8;
  const ofGradient = ((1 - mu(t)) * g) / (1 - m.product);
  const ofMoment = (mu(t + 1) * first) / (1 - m.product * mu(t + 1));
  return p * (1 - lr * wd) - (lr * (ofGradient + ofMoment)) / root;
};

const sgd: Update = (p, gradient, t, m) => {
  const g = -gradient + 0.1 * p;
  m.b = t === 1 ? g : 0.8 * (m.b as number) + 0.7 * g;
  return p - 0.05 * m.b;
};

type Make = (params: tf.Variable[]) => Optimizer;

const cases: [string, Make, Update][] = [
  ['RAdam', (v) => new RAdam(v, { lr: 0.05, betas: [0.9, 0.99] }), radam(0.99, 0, false)],
  ['RAdam, L2', (v) => new RAdam(v, { lr: 0.05, weightDecay: 0.1 }), radam(0.999, 0.1, false)],
  [
    'RAdam, decoupled',
    (v) => new RAdam(v, { lr: 0.05, betas: [0.9, 0.9], weightDecay: 0.1, decoupledWeightDecay: true }),
    radam(0.9, 0.1, true),
  ],
  ['Lion', (v) => new Lion(v, { lr: 0.03, weightDecay: 0.1 }), lion],
  ['Adam, amsgrad', (v) => new Adam(v, { lr: 0.1, amsgrad: true }), adamWith(0.1, 0, false, true)],
  ['AdamW, amsgrad', (v) => new AdamW(v, { lr: 0.1, amsgrad: true }), adamWith(0.1, 0.01, true, true)],
  [
    'Adam, maximize',
    (v) => new Adam(v, { lr: 0.1, weightDecay: 0.1, maximize: true }),
    adamWith(0.1, 0.1, false, false, -1),
  ],
  [
    'RMSprop, centered, momentum',
    (v) => new RMSprop(v, { lr: 0.01, alpha: 0.9, eps: 1e-3, momentum: 0.8, centered: true }),
    rmsprop,
  ],
  [
    'Adagrad, decays',
    (v) => new Adagrad(v, { lr: 0.1, lrDecay: 0.2, weightDecay: 0.1, initialAccumulatorValue: 0.5 }),
    adagrad,
  ],
  ['Adadelta', (v) => new Adadelta(v, { lr: 0.5, rho: 0.8, eps: 1e-4, weightDecay: 0.1 }), adadelta],
  ['Adamax', (v) => new Adamax(v, { lr: 0.02, betas: [0.8, 0.9], eps: 1e-3, weightDecay: 0.1 }), adamax],
  [
    'NAdam, decoupled',
    (v) =>
      new NAdam(v, {
        lr: 0.02,
        betas: [0.9, 0.99],
        weightDecay: 0.1,
        momentumDecay: 0.1,
        decoupledWeightDecay: true,
      }),
    nadam,
  ],
  [
    'SGD, dampening, maximize',
    (v) => new SGD(v, { lr: 0.05, momentum: 0.8, dampening: 0.3, weightDecay: 0.1, maximize: true }),
    sgd,
  ],
];

test.each(cases)('%s', (_, make, update) =>
  expectNoLeak(() => {
    const start = [-1.5, -0.3, 0.4, 0.9, 2];
    const variables = makeVariables([start]);
    const optimizer = make(variables);
    takeSteps(optimizer, variables, 0, 15);
    const expected = start.map((value) => trajectory(value, 15, update));
    expectClose(valuesOf(variables).flat(), expected, 3e-6);
    optimizer.dispose();
    tf.dispose(variables);
  }),
);
