/** Adam and AdamW: one rule, told apart by how they decay weights. */
import { z } from 'zod';
import { runFused } from '../core/fused.ts';
import * as tf from '../core/tf.ts';
import type { ConstraintOptions } from './max-norm.ts';
import { betas, lr, nonNegative, off } from './options.ts';
import type { OptimizerParams } from './param-groups.ts';
import { type OptimizerDefinition, RuleOptimizer } from './rule-optimizer.ts';
import {
  decayed,
  type GroupOf,
  movingAverage,
  nextStep,
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
    update: (input) => fused(input, decoupled) ?? update(input, decay(input)),
  };
}

/** The whole update as one kernel, where the engine has it. */
function fused({ param, gradient, slots, group, ...input }: UpdateInput<AdamGroup>, decoupled: boolean) {
  if (group.amsgrad) return undefined;
  const step = nextStep(input);
  const [beta1, beta2] = group.betas;
  const root = Math.sqrt(1 - beta2 ** step);
  const next = runFused(
    'KelvinAdam',
    { param, gradient, ...slots },
    {
      beta1,
      beta2,
      rate: (group.lr * root) / (1 - beta1 ** step),
      eps: group.eps * root,
      keep: decoupled ? 1 - group.lr * group.weightDecay : 1,
      decay: decoupled ? 0 : group.weightDecay,
    },
  );
  if (!next) return undefined;
  const [moved, expAvg, expAvgSq] = next as [tf.Tensor, tf.Tensor, tf.Tensor];
  return { param: moved, slots: { expAvg, expAvgSq }, scalars: { step } };
}

function update(input: UpdateInput<AdamGroup>, { param, gradient }: ReturnType<Decay>): UpdateOutput {
  const { slots, constant, group } = input;
  const [beta1, beta2] = group.betas;
  const step = nextStep(input);
  const expAvg = movingAverage(slots.expAvg, gradient, beta1, constant);
  const expAvgSq = movingAverage(slots.expAvgSq, tf.square(gradient), beta2, constant);
  const largest = group.amsgrad ? { maxExpAvgSq: largestOf(slots.maxExpAvgSq, expAvgSq) } : {};
  // lr · (m / c1) / (sqrt(v / c2) + eps), with both corrections moved into the two numbers.
  const root = Math.sqrt(1 - beta2 ** step);
  const denominator = tf.add(tf.sqrt(largest.maxExpAvgSq ?? expAvgSq), constant(group.eps * root));
  const stepSize = (group.lr * root) / (1 - beta1 ** step);
  const change = tf.mul(tf.div(expAvg, denominator), constant(stepSize));
  return { param: tf.sub(param, change), slots: { expAvg, expAvgSq, ...largest }, scalars: { step } };
}

function largestOf(known: tf.Tensor | undefined, value: tf.Tensor): tf.Tensor {
  return known ? tf.maximum(known, value) : tf.clone(value);
}
