/** NAdam: Adam with Nesterov's momentum. */
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
  lr: lr(2e-3),
  betas: betas(0.9, 0.999),
  eps: nonNegative(1e-8),
  weightDecay: nonNegative(0),
  momentumDecay: nonNegative(4e-3),
  decoupledWeightDecay: off(),
  maximize: off(),
});

/** Options of {@link NAdam}. */
export interface NAdamOptions extends ConstraintOptions {
  /** Learning rate. Default 2e-3. */
  lr?: number | undefined;
  /** Decay rates of the two moments. Default [0.9, 0.999]. */
  betas?: readonly [number, number] | undefined;
  /** Added to the root of the second moment. Default 1e-8. */
  eps?: number | undefined;
  /** L2 penalty, or decoupled decay. Default 0. */
  weightDecay?: number | undefined;
  /** How fast momentum warms up. Default 4e-3. */
  momentumDecay?: number | undefined;
  /** Decay weights apart from the gradient, as AdamW does. Default `false`. */
  decoupledWeightDecay?: boolean | undefined;
  /** Climb instead of descend. Default `false`. */
  maximize?: boolean | undefined;
}

type NAdamGroup = GroupOf<typeof schema>;

const definition: OptimizerDefinition<NAdamGroup> = {
  type: 'NAdam',
  schema,
  rule: { slots: () => ['expAvg', 'expAvgSq'], scalars: ['step', 'momentumProduct'], numbers, update },
};

/**
 * NAdam (Dozat 2016), with PyTorch's formula and defaults.
 *
 * @example
 * ```ts
 * const optimizer = new NAdam(module.parameters(), { lr: 2e-3 });
 * ```
 */
export class NAdam extends RuleOptimizer<NAdamGroup> {
  /** @throws ConfigError for a wrong option, or parameters that are empty, repeated or not variables */
  constructor(params: OptimizerParams<NAdamOptions>, options: NAdamOptions = {}) {
    super(definition, params, options);
  }
}

function numbers(group: NAdamGroup, scalars: Scalars): StepNumbers {
  const { eps, lr, weightDecay } = group;
  const [beta1, beta2] = group.betas;
  const step = nextStep(scalars);
  const momentumAt = (t: number) => beta1 * (1 - 0.5 * 0.96 ** (t * group.momentumDecay));
  const now = momentumAt(step);
  const next = momentumAt(step + 1);
  const momentumProduct = (scalars.momentumProduct ?? 1) * now;
  // The root of the second moment's bias correction is moved into the two step sizes and eps.
  const root = Math.sqrt(1 - beta2 ** step);
  const ofGradient = (lr * root * (1 - now)) / (1 - momentumProduct);
  const ofMoment = (lr * root * next) / (1 - momentumProduct * next);
  const values = { ofGradient, ofMoment, eps: eps * root, weightDecay, keep: 1 - lr * weightDecay };
  const moments = { beta1, taken1: 1 - beta1, beta2, taken2: 1 - beta2 };
  return { values: { ...values, ...moments }, scalars: { step, momentumProduct } };
}

function update(input: UpdateInput<NAdamGroup>): UpdateOutput {
  const { slots, number, group } = input;
  const param = group.decoupledWeightDecay ? decayed(input) : input.param;
  const gradient = group.decoupledWeightDecay ? input.gradient : withL2(input);
  const expAvg = movingAverage(slots.expAvg, gradient, [number('beta1'), number('taken1')]);
  const expAvgSq = movingAverage(slots.expAvgSq, tf.square(gradient), [number('beta2'), number('taken2')]);
  const direction = tf.add(tf.mul(gradient, number('ofGradient')), tf.mul(expAvg, number('ofMoment')));
  const change = tf.div(direction, tf.add(tf.sqrt(expAvgSq), number('eps')));
  return { param: tf.sub(param, change), slots: { expAvg, expAvgSq } };
}
