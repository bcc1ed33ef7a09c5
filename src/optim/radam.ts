/** RAdam: Adam whose adaptive step sets in only when its variance is known well enough. */
import { z } from 'zod';
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
  type Scalars,
  type StepNumbers,
  type UpdateInput,
  type UpdateOutput,
  withL2,
} from './update-rule.ts';

const schema = z.strictObject({
  lr: lr(1e-3),
  betas: betas(0.9, 0.999),
  eps: nonNegative(1e-8),
  weightDecay: nonNegative(0),
  decoupledWeightDecay: off(),
  maximize: off(),
});

/** Options of {@link RAdam}. */
export interface RAdamOptions extends ConstraintOptions {
  /** Learning rate. Default 1e-3. */
  lr?: number | undefined;
  /** Decay rates of the two moments. Default [0.9, 0.999]. */
  betas?: readonly [number, number] | undefined;
  /** Added to the root of the second moment. Default 1e-8. */
  eps?: number | undefined;
  /** L2 penalty, or decoupled decay. Default 0. */
  weightDecay?: number | undefined;
  /** Decay weights apart from the gradient, as AdamW does. Default `false`. */
  decoupledWeightDecay?: boolean | undefined;
  /** Climb instead of descend. Default `false`. */
  maximize?: boolean | undefined;
}

type RAdamGroup = GroupOf<typeof schema>;

const definition: OptimizerDefinition<RAdamGroup> = {
  type: 'RAdam',
  schema,
  rule: { slots: () => ['expAvg', 'expAvgSq'], scalars: ['step'], numbers, update },
};

/**
 * Rectified Adam (Liu et al., "On the variance of the adaptive learning rate and beyond", 2020), with PyTorch's formula
 * and defaults. It needs no warmup.
 *
 * @example
 * ```ts
 * const optimizer = new RAdam(module.parameters(), { lr: 1e-3 });
 * ```
 */
export class RAdam extends RuleOptimizer<RAdamGroup> {
  /** @throws ConfigError for a wrong option, or parameters that are empty, repeated or not variables */
  constructor(params: OptimizerParams<RAdamOptions>, options: RAdamOptions = {}) {
    super(definition, params, options);
  }
}

function numbers(group: RAdamGroup, scalars: Scalars): StepNumbers {
  const { eps, lr, weightDecay } = group;
  const [beta1, beta2] = group.betas;
  const step = nextStep(scalars);
  const rectification = rectificationAt(step, beta2);
  const adaptive = rectification !== undefined;
  const rate = (lr / (1 - beta1 ** step)) * (rectification ?? 1);
  // The denominator is √v · ofRoot + added: before the rectification sets in it is 1.
  const denominator = { ofRoot: adaptive ? 1 : 0, added: adaptive ? eps : 1 };
  const values = { rate, ...denominator, weightDecay, keep: 1 - lr * weightDecay };
  return { values: { ...values, beta1, taken1: 1 - beta1, beta2, taken2: 1 - beta2 }, scalars: { step } };
}

function update(input: UpdateInput<RAdamGroup>): UpdateOutput {
  const { slots, number, group } = input;
  const param = group.decoupledWeightDecay ? decayed(input) : input.param;
  const gradient = group.decoupledWeightDecay ? input.gradient : withL2(input);
  const expAvg = movingAverage(slots.expAvg, gradient, [number('beta1'), number('taken1')]);
  const expAvgSq = movingAverage(slots.expAvgSq, tf.square(gradient), [number('beta2'), number('taken2')]);
  const denominator = tf.add(tf.mul(tf.sqrt(expAvgSq), number('ofRoot')), number('added'));
  const change = tf.mul(tf.div(expAvg, denominator), number('rate'));
  return { param: tf.sub(param, change), slots: { expAvg, expAvgSq } };
}

/**
 * The factor of the adaptive step, the second moment's bias correction included; `undefined` while the moving average
 * is too short for its variance to be tractable, when the step is momentum alone.
 */
function rectificationAt(step: number, beta2: number): number | undefined {
  const correction = 1 - beta2 ** step;
  const longest = 2 / (1 - beta2) - 1;
  const length = longest - (2 * step * beta2 ** step) / correction;
  if (length <= 5) return undefined;
  const variance = ((length - 4) * (length - 2) * longest) / ((longest - 4) * (longest - 2) * length);
  return Math.sqrt(variance * correction);
}
