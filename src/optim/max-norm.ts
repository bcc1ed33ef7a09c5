/** The max-norm constraint: what every optimizer of this project can hold its weights to after each step. */
import { z } from 'zod';
import { positiveNumber } from '../core/options.ts';
import * as tf from '../core/tf.ts';
import type { OptionsSchema, ParamGroup } from './param-groups.ts';
import type { UpdateRule } from './update-rule.ts';

/** The options that every optimizer has beside its own. */
export interface ConstraintOptions {
  /**
   * The largest Euclidean norm of the weights that arrive at one unit. After each step, longer ones are scaled back onto
   * the ball (Srebro and Shraibman 2005; Srivastava et al. 2014, section 5.1). Biases and other variables of rank below 2 are left
   * alone. Default: no limit.
   */
  maxNorm?: number | undefined;
}

const constraints = { maxNorm: positiveNumber().optional() };

/** An optimizer's schema with the constraints in it. */
export const withConstraints = (schema: OptionsSchema): OptionsSchema =>
  z.strictObject({ ...schema.shape, ...constraints });

/** A rule whose numbers have the constraints among them. */
export function withConstraintNumbers<G extends ParamGroup>(rule: UpdateRule<G>): UpdateRule<G> {
  return {
    ...rule,
    numbers: (group, scalars) => {
      const { maxNorm } = group as ConstraintOptions;
      const own = rule.numbers(group, scalars);
      return maxNorm === undefined ? own : { ...own, values: { ...own.values, maxNorm } };
    },
  };
}

/**
 * `weights` with no unit's incoming norm above `maxNorm`. The last axis is that of the units: the second of a dense
 * kernel `[in, out]`, the last of a convolution's `[height, width, in, out]`.
 */
export function maxNormed(weights: tf.Tensor, maxNorm: tf.Scalar): tf.Tensor {
  const units = weights.shape.at(-1) as number;
  const rows = tf.reshape(weights, [-1, units]);
  const length = tf.sqrt(tf.sum(tf.square(rows), 0, true));
  const factor = tf.div(maxNorm, tf.maximum(length, maxNorm));
  return tf.reshape(tf.mul(rows, factor), weights.shape);
}
