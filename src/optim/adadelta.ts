/** Adadelta. */
import { z } from 'zod';
import * as tf from '../core/tf.ts';
import type { ConstraintOptions } from './max-norm.ts';
import { lr, nonNegative, off, rate } from './options.ts';
import type { OptimizerParams } from './param-groups.ts';
import { type OptimizerDefinition, RuleOptimizer } from './rule-optimizer.ts';
import {
  type GroupOf,
  movingAverage,
  type StepNumbers,
  type UpdateInput,
  type UpdateOutput,
  withL2,
} from './update-rule.ts';

const schema = z.strictObject({
  lr: lr(1),
  rho: rate(0.9),
  eps: nonNegative(1e-6),
  weightDecay: nonNegative(0),
  maximize: off(),
});

/** Options of {@link Adadelta}. */
export interface AdadeltaOptions extends ConstraintOptions {
  /** Scales the step. Default 1. */
  lr?: number | undefined;
  /** Decay rate of both mean squares. Default 0.9. */
  rho?: number | undefined;
  /** Added inside both roots. Default 1e-6. */
  eps?: number | undefined;
  /** L2 penalty. Default 0. */
  weightDecay?: number | undefined;
  /** Climb instead of descend. Default `false`. */
  maximize?: boolean | undefined;
}

type AdadeltaGroup = GroupOf<typeof schema>;

const definition: OptimizerDefinition<AdadeltaGroup> = {
  type: 'Adadelta',
  schema,
  rule: { slots: () => ['squareAvg', 'accDelta'], scalars: [], numbers, update },
};

/**
 * Adadelta (Zeiler 2012), with PyTorch's formula and defaults.
 *
 * @example
 * ```ts
 * const optimizer = new Adadelta(module.parameters());
 * ```
 */
export class Adadelta extends RuleOptimizer<AdadeltaGroup> {
  /** @throws ConfigError for a wrong option, or parameters that are empty, repeated or not variables */
  constructor(params: OptimizerParams<AdadeltaOptions>, options: AdadeltaOptions = {}) {
    super(definition, params, options);
  }
}

function numbers({ weightDecay, eps, rho, lr: rate }: AdadeltaGroup): StepNumbers {
  return { values: { weightDecay, eps, rate, kept: rho, taken: 1 - rho }, scalars: {} };
}

function update(input: UpdateInput<AdadeltaGroup>): UpdateOutput {
  const { param, slots, number } = input;
  const gradient = withL2(input);
  const eps = number('eps');
  const mix = [number('kept'), number('taken')] as const;
  const squareAvg = movingAverage(slots.squareAvg, tf.square(gradient), mix);
  const pastSteps = slots.accDelta ? tf.add(slots.accDelta, eps) : eps;
  const delta = tf.mul(tf.sqrt(tf.div(pastSteps, tf.add(squareAvg, eps))), gradient);
  const accDelta = movingAverage(slots.accDelta, tf.square(delta), mix);
  return { param: tf.sub(param, tf.mul(delta, number('rate'))), slots: { squareAvg, accDelta } };
}
