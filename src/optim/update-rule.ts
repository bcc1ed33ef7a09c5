/**
 * An update rule is a pure function from a parameter, its gradient and its state to their next values, as in optax.
 * `RuleOptimizer` owns the state and applies the rule. The helpers here are the terms that the rules have in common.
 */
import type { z } from 'zod';
import * as tf from '../core/tf.ts';
import type { OptionsSchema, ParamGroup } from './param-groups.ts';

/** A number as a tensor. Each number becomes a tensor once per step. */
export type Constant = (value: number) => tf.Scalar;

/** Tensors of one parameter by slot name; empty before its first step. */
export type Slots = Readonly<Record<string, tf.Tensor>>;

/** Numbers of one parameter by name. */
export type Scalars = Readonly<Record<string, number>>;

/** A parameter as a rule sees it. */
export interface UpdateInput<G extends ParamGroup> {
  readonly param: tf.Tensor;
  /** Its gradient, already negated where the objective is to be maximized. */
  readonly gradient: tf.Tensor;
  readonly slots: Slots;
  readonly scalars: Scalars;
  readonly group: G;
  readonly constant: Constant;
}

/** The next values. Tensors must be new ones, none of the input. */
export interface UpdateOutput {
  readonly param: tf.Tensor;
  readonly slots?: Slots;
  readonly scalars?: Scalars;
}

/** A family of optimizers' arithmetic and the state that it needs. */
export interface UpdateRule<G extends ParamGroup> {
  /** Names of the slots that a parameter has once it has been updated. */
  readonly slots: (group: G) => readonly string[];
  /** Names of its numbers. */
  readonly scalars: readonly string[];
  readonly update: (input: UpdateInput<G>) => UpdateOutput;
}

/** A parameter group with the options of a schema. */
export type GroupOf<S extends OptionsSchema> = ParamGroup & z.output<S>;

/** Runs `body` with a source of constants, and frees them after it. */
export function withConstants(body: (constant: Constant) => void): void {
  const known = new Map<number, tf.Scalar>();
  const constant: Constant = (value) => {
    const found = known.get(value);
    if (found) return found;
    const made = tf.keep(tf.scalar(value));
    known.set(value, made);
    return made;
  };
  try {
    body(constant);
  } finally {
    for (const tensor of known.values()) tensor.dispose();
  }
}

/** The step this parameter is about to take, from 1. */
export const nextStep = ({ scalars }: { readonly scalars: Scalars }): number => (scalars.step ?? 0) + 1;

/** `gradient + weightDecay · param`: the L2 penalty. */
export function withL2(input: UpdateInput<ParamGroup & { weightDecay: number }>): tf.Tensor {
  const { param, gradient, group, constant } = input;
  if (group.weightDecay === 0) return gradient;
  return tf.add(gradient, tf.mul(param, constant(group.weightDecay)));
}

/** `param · (1 - lr · weightDecay)`: decay apart from the gradient (Loshchilov and Hutter 2019). */
export function decayed(input: UpdateInput<ParamGroup & { weightDecay: number }>): tf.Tensor {
  const { param, group, constant } = input;
  return group.weightDecay === 0 ? param : tf.mul(param, constant(1 - group.lr * group.weightDecay));
}

/** `decay · mean + (1 - decay) · value`, where a mean that is not there yet is zero. */
export function movingAverage(mean: tf.Tensor | undefined, value: tf.Tensor, decay: number, constant: Constant) {
  const fresh = tf.mul(value, constant(1 - decay));
  return mean ? tf.add(tf.mul(mean, constant(decay)), fresh) : fresh;
}

/** `decay · sum + value`, where a sum that is not there yet is zero. The result is a new tensor in any case. */
export function decayingSum(sum: tf.Tensor | undefined, value: tf.Tensor, decay: number, constant: Constant) {
  return sum ? tf.add(tf.mul(sum, constant(decay)), value) : tf.clone(value);
}
