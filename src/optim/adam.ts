/** Adam and AdamW: one rule, told apart by how they decay weights. */
import { z } from 'zod';
import { runFused } from '../core/fused.ts';
import * as tf from '../core/tf.ts';
import type { ConstraintOptions } from './max-norm.ts';
import { betas, lr, nonNegative, off } from './options.ts';
import type { OptimizerParams } from './param-groups.ts';
import { type OptimizerDefinition, RuleOptimizer } from './rule-optimizer.ts';
import {
  asUpdate,
  decayed,
  type GroupOf,
  movingAverage,
  nextStep,
  type Scalars,
  type StepNumbers,
  type UpdateInput,
  type UpdateOutput,
  type UpdateRule,
  withL2,
} from './update-rule.ts';

const schemaWith = (weightDecay: number) =>
  z.strictObject({
    lr: lr(1e-3),
    betas: betas(0.9, 0.999),
    eps: nonNegative(1e-8),
    weightDecay: nonNegative(weightDecay),
    amsgrad: off(),
    maximize: off(),
  });

/** Options of {@link Adam} and {@link AdamW}. */
export interface AdamOptions extends ConstraintOptions {
  /** Learning rate. Default 1e-3. */
  lr?: number | undefined;
  /** Decay rates of the two moments. Default [0.9, 0.999]. */
  betas?: readonly [number, number] | undefined;
  /** Added to the root of the second moment. Default 1e-8. */
  eps?: number | undefined;
  /** Adam: L2 penalty, default 0. AdamW: decoupled decay, default 0.01. */
  weightDecay?: number | undefined;
  /** Use the largest second moment so far (Reddi et al. 2018). Default `false`. */
  amsgrad?: boolean | undefined;
  /** Climb instead of descend. Default `false`. */
  maximize?: boolean | undefined;
}

type AdamGroup = GroupOf<ReturnType<typeof schemaWith>>;

const adam: OptimizerDefinition<AdamGroup> = {
  type: 'Adam',
  schema: schemaWith(0),
  rule: ruleWith((input) => ({ param: input.param, gradient: withL2(input) }), false),
};

const adamW: OptimizerDefinition<AdamGroup> = {
  type: 'AdamW',
  schema: schemaWith(0.01),
  rule: ruleWith((input) => ({ param: decayed(input), gradient: input.gradient }), true),
};

/**
 * Adam (Kingma and Ba 2015), with PyTorch's formula and defaults.
 *
 * @example
 * ```ts
 * const optimizer = new Adam(module.parameters(), { lr: 3e-4, betas: [0.9, 0.95] });
 * ```
 */
export class Adam extends RuleOptimizer<AdamGroup> {
  /** @throws ConfigError for a wrong option, or parameters that are empty, repeated or not variables */
  constructor(params: OptimizerParams<AdamOptions>, options: AdamOptions = {}) {
    super(adam, params, options);
  }
}

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter 2019), with PyTorch's formula and defaults.
 *
 * @example
 * ```ts
 * const optimizer = new AdamW([
 *   { params: kernels },
 *   { params: biases, weightDecay: 0 },
 * ], { lr: 1e-3, weightDecay: 0.05 });
 * ```
 */
export class AdamW extends RuleOptimizer<AdamGroup> {
  /** @throws ConfigError for a wrong option, or parameters that are empty, repeated or not variables */
  constructor(params: OptimizerParams<AdamOptions>, options: AdamOptions = {}) {
    super(adamW, params, options);
  }
}

type Decay = (input: UpdateInput<AdamGroup>) => { param: tf.Tensor; gradient: tf.Tensor };

function ruleWith(decay: Decay, decoupled: boolean): UpdateRule<AdamGroup> {
  return {
    slots: ({ amsgrad }) => (amsgrad ? ['expAvg', 'expAvgSq', 'maxExpAvgSq'] : ['expAvg', 'expAvgSq']),
    scalars: ['step'],
    numbers: (group, scalars) => numbers(group, scalars, decoupled),
    update: (input) => {
      if (input.group.amsgrad) return composed(input, decay(input));
      const decays = input.group.weightDecay !== 0;
      const attrs = { keeps: decays && decoupled, decays: decays && !decoupled };
      const recorded = { attrs, outputs: ['expAvg', 'expAvgSq'] };
      return asUpdate('KelvinAdam', input, recorded, () => fused(input) ?? composed(input, decay(input)));
    },
  };
}

/** lr · (m / c1) / (√(v / c2) + eps), with both corrections moved into the two numbers `rate` and `eps`. */
function numbers(group: AdamGroup, scalars: Scalars, decoupled: boolean): StepNumbers {
  const { lr, eps, weightDecay } = group;
  const [beta1, beta2] = group.betas;
  const step = nextStep(scalars);
  const root = Math.sqrt(1 - beta2 ** step);
  const rate = (lr * root) / (1 - beta1 ** step);
  const values = {
    beta1,
    taken1: 1 - beta1,
    beta2,
    taken2: 1 - beta2,
    rate,
    eps: eps * root,
    keep: decoupled ? 1 - lr * weightDecay : 1,
    weightDecay: decoupled ? 0 : weightDecay,
  };
  return { values, scalars: { step } };
}

/** The whole update as one kernel, where the engine has it. */
function fused({ param, gradient, slots, numbers }: UpdateInput<AdamGroup>): UpdateOutput | undefined {
  const { beta1, beta2, rate, eps, keep, weightDecay: decay } = numbers as Record<string, number>;
  const attrs = { beta1, beta2, rate, eps, keep, decay } as Record<string, number>;
  const next = runFused('KelvinAdam', { param, gradient, ...slots }, attrs);
  if (!next) return undefined;
  const [moved, expAvg, expAvgSq] = next as [tf.Tensor, tf.Tensor, tf.Tensor];
  return { param: moved, slots: { expAvg, expAvgSq } };
}

function composed(input: UpdateInput<AdamGroup>, { param, gradient }: ReturnType<Decay>): UpdateOutput {
  const { slots, number, group } = input;
  const expAvg = movingAverage(slots.expAvg, gradient, [number('beta1'), number('taken1')]);
  const expAvgSq = movingAverage(slots.expAvgSq, tf.square(gradient), [number('beta2'), number('taken2')]);
  const largest = group.amsgrad ? { maxExpAvgSq: largestOf(slots.maxExpAvgSq, expAvgSq) } : {};
  const denominator = tf.add(tf.sqrt(largest.maxExpAvgSq ?? expAvgSq), number('eps'));
  const change = tf.mul(tf.div(expAvg, denominator), number('rate'));
  return { param: tf.sub(param, change), slots: { expAvg, expAvgSq, ...largest } };
}

function largestOf(known: tf.Tensor | undefined, value: tf.Tensor): tf.Tensor {
  return known ? tf.maximum(known, value) : tf.clone(value);
}
