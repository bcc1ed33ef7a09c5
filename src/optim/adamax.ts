/** Adamax: Adam with the infinity norm in place of the second moment. */
import { z } from 'zod';
import * as tf from '../core/tf.ts';
import type { ConstraintOptions } from './max-norm.ts';
import { betas, lr, nonNegative, off } from './options.ts';
import type { OptimizerParams } from './param-groups.ts';
import { type OptimizerDefinition, RuleOptimizer } from './rule-optimizer.ts';
import {
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
  maximize: off(),
});

/** Options of {@link Adamax}. */
export interface AdamaxOptions extends ConstraintOptions {
  /** Learning rate. Default 2e-3. */
  lr?: number | undefined;
  /** Decay rates of the first moment and of the norm. Default [0.9, 0.999]. */
  betas?: readonly [number, number] | undefined;
  /** Added to the gradient's magnitude. Default 1e-8. */
  eps?: number | undefined;
  /** L2 penalty. Default 0. */
  weightDecay?: number | undefined;
  /** Climb instead of descend. Default `false`. */
  maximize?: boolean | undefined;
}

type AdamaxGroup = GroupOf<typeof schema>;

const definition: OptimizerDefinition<AdamaxGroup> = {
  type: 'Adamax',
  schema,
  rule: { slots: () => ['expAvg', 'expInf'], scalars: ['step'], numbers, update },
};

/**
 * Adamax (Kingma and Ba 2015, section 7.1), with PyTorch's formula and defaults.
 *
 * @example
 * ```ts
 * const optimizer = new Adamax(module.parameters(), { lr: 2e-3 });
 * ```
 */
export class Adamax extends RuleOptimizer<AdamaxGroup> {
  /** @throws ConfigError for a wrong option, or parameters that are empty, repeated or not variables */
  constructor(params: OptimizerParams<AdamaxOptions>, options: AdamaxOptions = {}) {
    super(definition, params, options);
  }
}

function numbers({ betas: [beta1, beta2], eps, weightDecay, lr }: AdamaxGroup, scalars: Scalars): StepNumbers {
  const step = nextStep(scalars);
  const rate = lr / (1 - beta1 ** step);
  return { values: { beta1, taken1: 1 - beta1, beta2, eps, weightDecay, rate }, scalars: { step } };
}

function update(input: UpdateInput<AdamaxGroup>): UpdateOutput {
  const { param, slots, number } = input;
  const gradient = withL2(input);
  const expAvg = movingAverage(slots.expAvg, gradient, [number('beta1'), number('taken1')]);
  const magnitude = tf.add(tf.abs(gradient), number('eps'));
  const expInf = slots.expInf ? tf.maximum(tf.mul(slots.expInf, number('beta2')), magnitude) : magnitude;
  const change = tf.mul(tf.div(expAvg, expInf), number('rate'));
  return { param: tf.sub(param, change), slots: { expAvg, expInf } };
}
