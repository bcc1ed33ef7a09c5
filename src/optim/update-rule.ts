/**
 * An update rule is a pure function from a parameter, its gradient and its state to their next values, as in optax.
 * `RuleOptimizer` owns the state and applies the rule. The helpers here are the terms that the rules have in common.
 */
import type { z } from 'zod';
import { asOperation, currentRecording } from '../core/recording.ts';
import * as tf from '../core/tf.ts';
import type { OptionsSchema, ParamGroup } from './param-groups.ts';

/** Tensors of one parameter by slot name; empty before its first step. */
export type Slots = Readonly<Record<string, tf.Tensor>>;

/** Numbers of one parameter by name. */
export type Scalars = Readonly<Record<string, number>>;

/** What a step takes from the host: its coefficients, and the parameter's numbers after it. */
export interface StepNumbers {
  readonly values: Scalars;
  readonly scalars: Scalars;
}

/** A parameter as a rule sees it. */
export interface UpdateInput<G extends ParamGroup> {
  readonly param: tf.Tensor;
  /** Its gradient, already negated where the objective is to be maximized. */
  readonly gradient: tf.Tensor;
  readonly slots: Slots;
  readonly group: G;
  /** The coefficients of this step. */
  readonly numbers: Scalars;
  /** One of them as a tensor, which belongs to the caller. */
  readonly number: (name: string) => tf.Scalar;
}

/** The next values. Tensors must be new ones, none of the input. */
export interface UpdateOutput {
  readonly param: tf.Tensor;
  readonly slots?: Slots;
}

/** A family of optimizers' arithmetic and the state that it needs. */
export interface UpdateRule<G extends ParamGroup> {
  /** Names of the slots that a parameter has once it has been updated. */
  readonly slots: (group: G) => readonly string[];
  /** Names of its numbers. */
  readonly scalars: readonly string[];
  /** Whatever changes from step to step is among these: a compiled step is fed with them, and runs no other code. */
  readonly numbers: (group: G, scalars: Scalars) => StepNumbers;
  readonly update: (input: UpdateInput<G>) => UpdateOutput;
}

/** A parameter group with the options of a schema. */
export type GroupOf<S extends OptionsSchema> = ParamGroup & z.output<S>;

/** The step a parameter with these numbers is about to take, from 1. */
export const nextStep = (scalars: Scalars): number => (scalars.step ?? 0) + 1;

/** `gradient + weightDecay · param`: the L2 penalty. */
export function withL2(input: UpdateInput<ParamGroup & { weightDecay: number }>): tf.Tensor {
  const { param, gradient, group, number } = input;
  return group.weightDecay === 0 ? gradient : tf.add(gradient, tf.mul(param, number('weightDecay')));
}

/** `param · keep`, where `keep` is `1 - lr · weightDecay`: decay apart from the gradient (Loshchilov and Hutter 2019). */
export function decayed(input: UpdateInput<ParamGroup & { weightDecay: number }>): tf.Tensor {
  const { param, group, number } = input;
  return group.weightDecay === 0 ? param : tf.mul(param, number('keep'));
}

/** `kept · mean + taken · value`, where a mean that is not there yet is zero. */
export function movingAverage(mean: tf.Tensor | undefined, value: tf.Tensor, mix: readonly [tf.Scalar, tf.Scalar]) {
  const fresh = tf.mul(value, mix[1]);
  return mean ? tf.add(tf.mul(mean, mix[0]), fresh) : fresh;
}

/** `decay · sum + value`, where a sum that is not there yet is zero. The result is a new tensor in any case. */
export function decayingSum(sum: tf.Tensor | undefined, value: tf.Tensor, decay: tf.Scalar) {
  return sum ? tf.add(tf.mul(sum, decay), value) : tf.clone(value);
}

/** Runs an update which a recording takes for one operation, from the parameter and its slots to their next values. */
export function asUpdate(
  name: string,
  { param, gradient, slots, numbers, number }: UpdateInput<ParamGroup>,
  { attrs, outputs }: { readonly attrs: object; readonly outputs: readonly string[] },
  body: () => UpdateOutput,
): UpdateOutput {
  if (currentRecording() === undefined) return body();
  const tensors = Object.fromEntries(Object.keys(numbers).map((key) => [key, number(key)]));
  let output: UpdateOutput | undefined;
  asOperation(name, { param, gradient, ...slots, ...tensors }, attrs, () => {
    output = body();
    const next = output.slots ?? {};
    return [output.param, ...outputs.map((slot) => next[slot] as tf.Tensor)];
  });
  return output as unknown as UpdateOutput;
}
