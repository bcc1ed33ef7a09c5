/** Balancers whose weights follow the losses: rescaled to one size, learned as uncertainties, or by gradient norms. */
import { z } from 'zod';
import { detach } from '../../core/detach.ts';
import { numberBetween, parseOptions, positiveNumber } from '../../core/options.ts';
import * as tf from '../../core/tf.ts';
import { type FoundVariable, findVariables } from '../../module/variables.ts';
import type { LossBalancer, StepLosses, WeighedLoss } from './balancer.ts';
import { studentLossMissing } from './static-balancer.ts';

/** Options of {@link DynamicLossBalancer}. */
export interface DynamicLossBalancerOptions {
  /** The size of the distillation losses beside the student's own. Default 1. */
  kdLossScale?: number | undefined;
}

const dynamicSchema = z.strictObject({ kdLossScale: positiveNumber().default(1) });

/**
 * As in ModelOpt's Megatron plugin: the mean of the feature losses is rescaled to the size of the logit losses, the sum of
 * both to the size of the student's own loss. The scales are constants for the backward pass; a loss of 0 is left as it is.
 *
 * @example
 * ```ts
 * new DynamicLossBalancer({ kdLossScale: 2 });
 * ```
 */
export class DynamicLossBalancer implements LossBalancer {
  readonly usesStudentLoss = true;
  readonly #scale: number;

  constructor(options: DynamicLossBalancerOptions = {}) {
    this.#scale = parseOptions('DynamicLossBalancer', dynamicSchema, options).kdLossScale;
  }

  combine({ kd, student, kdWeight }: StepLosses): tf.Tensor {
    if (student === undefined) throw studentLossMissing('DynamicLossBalancer', 1);
    const values = (on: WeighedLoss['on']): tf.Tensor[] =>
      kd.filter((loss) => loss.on === on).map(({ value }) => value);
    const [outputs, layers] = [values('output'), values('layer')];
    const logits = outputs.length > 0 ? tf.addN(outputs) : undefined;
    const features = layers.length > 0 ? tf.div(tf.addN(layers), layers.length) : undefined;
    const sum =
      logits === undefined || features === undefined
        ? ((logits ?? features) as tf.Tensor)
        : tf.add(logits, toSize(features, logits));
    return tf.add(student, tf.mul(toSize(sum, student), this.#scale * kdWeight));
  }
}

/** `loss` with the value of `model` and its own direction. */
function toSize(loss: tf.Tensor, model: tf.Tensor): tf.Tensor {
  const [own, wanted] = [detach(loss), detach(model)];
  const usable = tf.logicalAnd(tf.greater(tf.abs(own), 1e-12), tf.greater(tf.abs(wanted), 1e-12));
  const safe = tf.where(usable, own, tf.onesLike(own));
  return tf.mul(loss, tf.where(usable, tf.div(wanted, safe), tf.onesLike(own)));
}

/**
 * Learns a variance for each loss: `Σ ½ (exp(-s_i) L_i + s_i)` with `s = log σ²`, the student's own loss included (Kendall,
 * Gal and Cipolla 2018, arXiv 1705.07115). The variances are trained with the student and saved in its checkpoints.
 *
 * @example
 * ```ts
 * new UncertaintyBalancer();
 * ```
 */
export class UncertaintyBalancer implements LossBalancer {
  readonly usesStudentLoss = true;
  #logVariance: tf.Variable | undefined;

  build(names: readonly string[]): void {
    this.#logVariance = tf.tidy(() => tf.variable(tf.zeros([names.length + 1])));
  }

  combine({ kd, student, kdWeight }: StepLosses): tf.Tensor {
    if (student === undefined) throw studentLossMissing('UncertaintyBalancer', 0.5);
    const s = this.#logVariance as tf.Variable;
    const all = tf.stack(
      [student, ...kd.map(({ value }) => tf.mul(value, kdWeight))].map((loss) => tf.reshape(loss, [])),
    );
    return tf.mul(tf.sum(tf.add(tf.mul(tf.exp(tf.neg(s)), all), s)), 0.5);
  }

  foundVariables(): FoundVariable[] {
    return findVariables({ logVariance: this.#logVariance });
  }
}

/** Options of {@link GradNormBalancer}. */
export interface GradNormBalancerOptions {
  /** How strongly losses that lag behind are pushed, α. Default 1.5. */
  alpha?: number | undefined;
  /** How fast the weights move. Default 0.025. */
  learningRate?: number | undefined;
  /** Weight of the student's own loss, which takes no part in the balance. Default 1. */
  studentWeight?: number | undefined;
}

const gradNormSchema = z.strictObject({
  alpha: numberBetween(0, 10).default(1.5),
  learningRate: positiveNumber().default(0.025),
  studentWeight: numberBetween(0, Number.POSITIVE_INFINITY).default(1),
});

/**
 * GradNorm (Chen et al. 2018, arXiv 1711.02257) over the distillation losses: weights that bring the norms of their
 * gradients to one size, more to those that fall slowly. The norms are taken at the student's outputs that the losses look
 * at, not at shared weights, so that a step costs no further backward pass through the network. The weights add up to the
 * number of losses.
 *
 * @example
 * ```ts
 * new GradNormBalancer({ alpha: 0.5 });
 * ```
 */
export class GradNormBalancer implements LossBalancer {
  readonly usesStudentLoss: boolean;
  readonly #options: { alpha: number; learningRate: number; studentWeight: number };
  #weights: tf.Variable | undefined;
  #initial: tf.Variable | undefined;

  constructor(options: GradNormBalancerOptions = {}) {
    this.#options = parseOptions('GradNormBalancer', gradNormSchema, options);
    this.usesStudentLoss = this.#options.studentWeight > 0;
  }

  build(names: readonly string[]): void {
    this.#weights = tf.tidy(() => tf.variable(tf.ones([names.length]), false));
    this.#initial = tf.tidy(() => tf.variable(tf.zeros([names.length]), false));
  }

  combine({ kd, student, kdWeight }: StepLosses): tf.Tensor {
    const { studentWeight } = this.#options;
    const values = tf.stack(kd.map(({ value }) => tf.reshape(value, [])));
    const weights = this.#update(detach(values), tf.stack(kd.map((loss) => tf.reshape(loss.gradientNorm(), []))));
    const balanced = tf.mul(tf.sum(tf.mul(values, weights)), kdWeight);
    if (!this.usesStudentLoss) return balanced;
    if (student === undefined) throw studentLossMissing('GradNormBalancer', studentWeight);
    return tf.add(tf.mul(student, studentWeight), balanced);
  }

  /** One step of the weights, without a value being read. Gives the weights of this step. */
  #update(values: tf.Tensor, norms: tf.Tensor): tf.Tensor {
    const { alpha, learningRate } = this.#options;
    const [weights, initial] = [this.#weights as tf.Variable, this.#initial as tf.Variable];
    const current = tf.clone(weights);
    const first = tf.where(tf.equal(initial, 0), values, initial);
    const pace = tf.div(values, tf.maximum(first, 1e-12));
    const lag = tf.pow(tf.div(pace, tf.maximum(tf.mean(pace), 1e-12)), alpha);
    const sizes = tf.mul(norms, current);
    const target = tf.mul(tf.mean(sizes), lag);
    const moved = tf.maximum(
      tf.sub(current, tf.mul(tf.mul(tf.sign(tf.sub(sizes, target)), norms), learningRate)),
      1e-4,
    );
    weights.assign(tf.mul(moved, tf.div(values.size, tf.sum(moved))));
    initial.assign(first);
    return current;
  }

  foundVariables(): FoundVariable[] {
    return findVariables({ weights: this.#weights, initial: this.#initial });
  }
}
