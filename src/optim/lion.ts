/** Lion: steps of one size in the direction of a sign. */
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
  type StepNumbers,
  type UpdateInput,
  type UpdateOutput,
} from './update-rule.ts';

const schema = z.strictObject({
  lr: lr(1e-4),
  betas: betas(0.9, 0.99),
  weightDecay: nonNegative(0),
  maximize: off(),
});

/** Options of {@link Lion}. */
export interface LionOptions extends ConstraintOptions {
  /** Learning rate; the authors advise a third to a tenth of AdamW's. Default 1e-4. */
  lr?: number | undefined;
  /** How much momentum enters the step, and the momentum's decay rate. Default [0.9, 0.99]. */
  betas?: readonly [number, number] | undefined;
  /** Decoupled weight decay; the authors advise three to ten times AdamW's. Default 0. */
  weightDecay?: number | undefined;
  /** Climb instead of descend. Default `false`. */
  maximize?: boolean | undefined;
}

type LionGroup = GroupOf<typeof schema>;

const definition: OptimizerDefinition<LionGroup> = {
  type: 'Lion',
  schema,
  rule: { slots: () => ['expAvg'], scalars: [], numbers, update },
};

/**
 * Lion (Chen et al., "Symbolic discovery of optimization algorithms", 2023, algorithm 2). It keeps one moment, half of
 * what Adam keeps.
 *
 * @example
 * ```ts
 * const optimizer = new Lion(module.parameters(), { lr: 1e-4, weightDecay: 0.1 });
 * ```
 */
export class Lion extends RuleOptimizer<LionGroup> {
  /** @throws ConfigError for a wrong option, or parameters that are empty, repeated or not variables */
  constructor(params: OptimizerParams<LionOptions>, options: LionOptions = {}) {
    super(definition, params, options);
  }
}

function numbers({ betas: [beta1, beta2], lr, weightDecay }: LionGroup): StepNumbers {
  const mixes = { beta1, taken1: 1 - beta1, beta2, taken2: 1 - beta2 };
  return { values: { ...mixes, rate: lr, keep: 1 - lr * weightDecay }, scalars: {} };
}

function update(input: UpdateInput<LionGroup>): UpdateOutput {
  const { gradient, slots, number } = input;
  const direction = tf.sign(movingAverage(slots.expAvg, gradient, [number('beta1'), number('taken1')]));
  const expAvg = movingAverage(slots.expAvg, gradient, [number('beta2'), number('taken2')]);
  return { param: tf.sub(decayed(input), tf.mul(direction, number('rate'))), slots: { expAvg } };
}
