/** Stochastic gradient descent, with momentum and Nesterov's variant. */
import { z } from 'zod';
import { runFused } from '../core/fused.ts';
import * as tf from '../core/tf.ts';
import type { ConstraintOptions } from './max-norm.ts';
import { lr, nonNegative, off } from './options.ts';
import type { OptimizerParams } from './param-groups.ts';
import { contradiction, type OptimizerDefinition, RuleOptimizer } from './rule-optimizer.ts';
import {
  asUpdate,
  decayingSum,
  type GroupOf,
  type StepNumbers,
  type UpdateInput,
  type UpdateOutput,
  withL2,
} from './update-rule.ts';

const schema = z.strictObject({
  lr: lr(1e-3),
  momentum: nonNegative(0),
  dampening: z.number({ error: 'a number' }).default(0),
  weightDecay: nonNegative(0),
  nesterov: off(),
  maximize: off(),
});

/** Options of {@link SGD}. */
export interface SGDOptions extends ConstraintOptions {
  /** Learning rate. Default 1e-3. */
  lr?: number | undefined;
  /** Default 0. */
  momentum?: number | undefined;
  /** Damps what a gradient adds to the momentum. Default 0. */
  dampening?: number | undefined;
  /** L2 penalty. Default 0. */
  weightDecay?: number | undefined;
  /** Needs momentum and no dampening. Default `false`. */
  nesterov?: boolean | undefined;
  /** Climb instead of descend. Default `false`. */
  maximize?: boolean | undefined;
}

type SGDGroup = GroupOf<typeof schema>;

const definition: OptimizerDefinition<SGDGroup> = {
  type: 'SGD',
  schema,
  rule: { slots: ({ momentum }) => (momentum === 0 ? [] : ['momentumBuffer']), scalars: [], numbers, update },
  check: (owner, { nesterov, momentum, dampening }) => {
    if (nesterov && (momentum === 0 || dampening !== 0))
      throw contradiction(
        owner,
        '`nesterov` needs a momentum above 0 and no dampening',
        'set momentum: 0.9, or leave nesterov out',
      );
  },
};

/**
 * Stochastic gradient descent: `v ← momentum · v + (1 - dampening) · g`, `p ← p - lr · v`, as in PyTorch. With `nesterov`
 * (Sutskever et al. 2013) the step is `g + momentum · v`.
 *
 * @example
 * ```ts
 * const optimizer = new SGD(module.parameters(), { lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 5e-4 });
 * ```
 */
export class SGD extends RuleOptimizer<SGDGroup> {
  /** @throws ConfigError for a wrong option, or parameters that are empty, repeated or not variables */
  constructor(params: OptimizerParams<SGDOptions>, options: SGDOptions = {}) {
    super(definition, params, options);
  }
}

function numbers({ lr, momentum, dampening, weightDecay }: SGDGroup): StepNumbers {
  return { values: { rate: lr, momentum, damp: 1 - dampening, weightDecay }, scalars: {} };
}

function update(input: UpdateInput<SGDGroup>): UpdateOutput {
  const { momentum, nesterov, weightDecay } = input.group;
  const attrs = { momentum: momentum !== 0, nesterov, decays: weightDecay !== 0 };
  const outputs = momentum === 0 ? [] : ['momentumBuffer'];
  return asUpdate('KelvinSGD', input, { attrs, outputs }, () => fused(input) ?? composed(input));
}

/** The whole update as one kernel, where the engine has it. */
function fused({ param, gradient, slots, group, numbers }: UpdateInput<SGDGroup>): UpdateOutput | undefined {
  const { rate, momentum, damp, weightDecay: decay } = numbers as Record<string, number>;
  const buffer = slots.momentumBuffer;
  const next = runFused('KelvinSGD', { param, gradient, ...(buffer && momentum !== 0 && { buffer }) }, {
    momentum,
    damp,
    rate,
    nesterov: group.nesterov,
    decay,
  } as Record<string, number | boolean>);
  if (!next) return undefined;
  const [moved, momentumBuffer] = next as [tf.Tensor, tf.Tensor | undefined];
  return { param: moved, slots: momentumBuffer ? { momentumBuffer } : slots };
}

function composed(input: UpdateInput<SGDGroup>): UpdateOutput {
  const { param, slots, group, number } = input;
  const { momentum, dampening, nesterov } = group;
  const gradient = withL2(input);
  const minus = (direction: tf.Tensor) => tf.sub(param, tf.mul(direction, number('rate')));
  if (momentum === 0) return { param: minus(gradient), slots };
  const known = slots.momentumBuffer;
  // The first gradient enters the buffer undamped.
  const addend = known && dampening !== 0 ? tf.mul(gradient, number('damp')) : gradient;
  const momentumBuffer = decayingSum(known, addend, number('momentum'));
  const direction = nesterov ? tf.add(gradient, tf.mul(momentumBuffer, number('momentum'))) : momentumBuffer;
  return { param: minus(direction), slots: { momentumBuffer } };
}
