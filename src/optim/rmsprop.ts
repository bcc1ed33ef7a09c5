/** RMSprop, plain, centered and with momentum. */
import { z } from 'zod';
import * as tf from '../core/tf.ts';
import type { ConstraintOptions } from './max-norm.ts';
import { lr, nonNegative, off, rate } from './options.ts';
import type { OptimizerParams } from './param-groups.ts';
import { type OptimizerDefinition, RuleOptimizer } from './rule-optimizer.ts';
import {
  decayingSum,
  type GroupOf,
  movingAverage,
  type StepNumbers,
  type UpdateInput,
  type UpdateOutput,
  withL2,
} from './update-rule.ts';

const schema = z.strictObject({
  lr: lr(1e-2),
  alpha: rate(0.99),
  eps: nonNegative(1e-8),
  weightDecay: nonNegative(0),
  momentum: nonNegative(0),
  centered: off(),
  maximize: off(),
});

/** Options of {@link RMSprop}. */
export interface RMSpropOptions extends ConstraintOptions {
  /** Learning rate. Default 1e-2. */
  lr?: number | undefined;
  /** Decay rate of the mean square. Default 0.99. */
  alpha?: number | undefined;
  /** Added to the root of the mean square. Default 1e-8. */
  eps?: number | undefined;
  /** L2 penalty. Default 0. */
  weightDecay?: number | undefined;
  /** Default 0. */
  momentum?: number | undefined;
  /** Divide by the standard deviation instead of the root of the mean square. Default `false`. */
  centered?: boolean | undefined;
  /** Climb instead of descend. Default `false`. */
  maximize?: boolean | undefined;
}

type RMSpropGroup = GroupOf<typeof schema>;

const definition: OptimizerDefinition<RMSpropGroup> = {
  type: 'RMSprop',
  schema,
  rule: {
    slots: ({ centered, momentum }) => [
      'squareAvg',
      ...(centered ? ['gradAvg'] : []),
      ...(momentum > 0 ? ['momentumBuffer'] : []),
    ],
    scalars: [],
    numbers,
    update,
  },
};

/**
 * RMSprop (Tieleman and Hinton 2012; centered: Graves 2013), with PyTorch's formula and defaults: the learning rate is
 * not part of the momentum, and eps is added outside the root.
 *
 * @example
 * ```ts
 * const optimizer = new RMSprop(module.parameters(), { lr: 1e-2, momentum: 0.9 });
 * ```
 */
export class RMSprop extends RuleOptimizer<RMSpropGroup> {
  /** @throws ConfigError for a wrong option, or parameters that are empty, repeated or not variables */
  constructor(params: OptimizerParams<RMSpropOptions>, options: RMSpropOptions = {}) {
    super(definition, params, options);
  }
}

function numbers({ weightDecay, alpha, eps, momentum, lr }: RMSpropGroup): StepNumbers {
  return { values: { weightDecay, alpha, taken: 1 - alpha, eps, momentum, rate: lr }, scalars: {} };
}

function update(input: UpdateInput<RMSpropGroup>): UpdateOutput {
  const { param, slots, number, group } = input;
  const gradient = withL2(input);
  const mix = [number('alpha'), number('taken')] as const;
  const squareAvg = movingAverage(slots.squareAvg, tf.square(gradient), mix);
  const gradAvg = group.centered ? movingAverage(slots.gradAvg, gradient, mix) : undefined;
  // A variance near zero may come out below it by rounding: the magnitude keeps the root a number.
  const moment = gradAvg ? tf.abs(tf.sub(squareAvg, tf.square(gradAvg))) : squareAvg;
  const scaled = tf.div(gradient, tf.add(tf.sqrt(moment), number('eps')));
  const momentumBuffer = group.momentum > 0 ? decayingSum(slots.momentumBuffer, scaled, number('momentum')) : undefined;
  const change = tf.mul(momentumBuffer ?? scaled, number('rate'));
  return {
    param: tf.sub(param, change),
    slots: { squareAvg, ...(gradAvg && { gradAvg }), ...(momentumBuffer && { momentumBuffer }) },
  };
}
