/** Adagrad. */
import { z } from 'zod';
import * as tf from '../core/tf.ts';
import type { ConstraintOptions } from './max-norm.ts';
import { lr, nonNegative, off } from './options.ts';
import type { OptimizerParams } from './param-groups.ts';
import { type OptimizerDefinition, RuleOptimizer } from './rule-optimizer.ts';
import {
  type GroupOf,
  nextStep,
  type Scalars,
  type StepNumbers,
  type UpdateInput,
  type UpdateOutput,
  withL2,
} from './update-rule.ts';

const schema = z.strictObject({
  lr: lr(1e-2),
  lrDecay: nonNegative(0),
  weightDecay: nonNegative(0),
  initialAccumulatorValue: nonNegative(0),
  eps: nonNegative(1e-10),
  maximize: off(),
});

/** Options of {@link Adagrad}. */
export interface AdagradOptions extends ConstraintOptions {
  /** Learning rate. Default 1e-2. */
  lr?: number | undefined;
  /** The rate is divided by `1 + lrDecay · steps`. Default 0. */
  lrDecay?: number | undefined;
  /** L2 penalty. Default 0. */
  weightDecay?: number | undefined;
  /** What the sum of squares starts from. Default 0. */
  initialAccumulatorValue?: number | undefined;
  /** Added to the root of the sum of squares. Default 1e-10. */
  eps?: number | undefined;
  /** Climb instead of descend. Default `false`. */
  maximize?: boolean | undefined;
}

type AdagradGroup = GroupOf<typeof schema>;

const definition: OptimizerDefinition<AdagradGroup> = {
  type: 'Adagrad',
  schema,
  rule: { slots: () => ['sum'], scalars: ['step'], numbers, update },
};

/**
 * Adagrad (Duchi, Hazan and Singer 2011), with PyTorch's formula and defaults.
 *
 * @example
 * ```ts
 * const optimizer = new Adagrad(module.parameters(), { lr: 1e-2 });
 * ```
 */
export class Adagrad extends RuleOptimizer<AdagradGroup> {
  /** @throws ConfigError for a wrong option, or parameters that are empty, repeated or not variables */
  constructor(params: OptimizerParams<AdagradOptions>, options: AdagradOptions = {}) {
    super(definition, params, options);
  }
}

function numbers(group: AdagradGroup, scalars: Scalars): StepNumbers {
  const step = nextStep(scalars);
  const { weightDecay, initialAccumulatorValue: initial, eps } = group;
  const rate = group.lr / (1 + (step - 1) * group.lrDecay);
  return { values: { weightDecay, initial, eps, rate }, scalars: { step } };
}

function update(input: UpdateInput<AdagradGroup>): UpdateOutput {
  const { param, slots, number } = input;
  const gradient = withL2(input);
  const sum = tf.add(tf.square(gradient), slots.sum ?? number('initial'));
  const change = tf.mul(tf.div(gradient, tf.add(tf.sqrt(sum), number('eps'))), number('rate'));
  return { param: tf.sub(param, change), slots: { sum } };
}
