/** Fixed weights: a share for each distillation loss and the rest for the student's own (ModelOpt's rule), or a plain sum. */
import { ConfigError, show } from '../../core/errors.ts';
import * as tf from '../../core/tf.ts';
import type { LossBalancer, StepLosses, WeighedLoss } from './balancer.ts';

/**
 * `Σ w_i L_i + (1 - Σ w) · student loss`. A single weight goes to the sum of all distillation losses. Where `WeightCallback`
 * lowers the distillation's weight, the student's own loss gets what it loses.
 *
 * @throws ConfigError `invalid-weights` for a weight that is negative or not finite, or a sum above 1
 * @example
 * ```ts
 * new StaticLossBalancer(0.9);           // 0.1 for the labels
 * new StaticLossBalancer([0.5, 0.3]);    // 0.2 for the labels
 * ```
 */
export class StaticLossBalancer implements LossBalancer {
  #weights: readonly number[];
  readonly #single: boolean;

  constructor(weights: number | readonly number[] = 0.5) {
    this.#single = typeof weights === 'number';
    this.#weights = checked(weights);
  }

  /** The weight of the distillation losses together, Σ w. */
  get kdShare(): number {
    return sum(this.#weights);
  }

  /** @throws ConfigError `invalid-weights` unless there is a single weight, from 0 to 1 */
  set kdShare(share: number) {
    if (!this.#single) throw invalid('a balancer with a single weight', `[${this.#weights}]`);
    this.#weights = checked(share);
  }

  get usesStudentLoss(): boolean {
    return sum(this.#weights) < 1 - ROUNDING;
  }

  build(names: readonly string[]): void {
    if (this.#single || names.length === this.#weights.length) return;
    throw invalid(`a weight for each of ${names.join(', ')}`, `${this.#weights.length} weights`);
  }

  combine({ kd, student, kdWeight }: StepLosses): tf.Tensor {
    const weights = this.#single ? kd.map(() => this.#weights[0] as number) : this.#weights;
    const rest = 1 - sum(this.#weights) * kdWeight;
    const terms = kd.map(({ value }, i) => tf.mul(value, (weights[i] as number) * kdWeight));
    if (rest <= ROUNDING) return tf.addN(terms);
    if (student === undefined) throw studentLossMissing('StaticLossBalancer', rest);
    return tf.addN([...terms, tf.mul(student, rest)]);
  }
}

/** Options of {@link SumLossBalancer}. */
export interface SumLossBalancerOptions {
  /** Weight of the student's own loss. Default 1. */
  studentWeight?: number | undefined;
}

/**
 * `studentWeight · student loss + Σ L_i`, as most papers weight: `{ student, teacher, loss, weight: 1000 }` in the criterion
 * gives a loss its weight, and `WeightCallback` ramps them all.
 *
 * @throws ConfigError `invalid-weights`
 * @example
 * ```ts
 * new SumLossBalancer({ studentWeight: 0.1 });
 * ```
 */
export class SumLossBalancer implements LossBalancer {
  readonly #studentWeight: number;

  constructor({ studentWeight = 1 }: SumLossBalancerOptions = {}) {
    if (!(Number.isFinite(studentWeight) && studentWeight >= 0))
      throw invalid('a finite weight from 0', show(studentWeight));
    this.#studentWeight = studentWeight;
  }

  get usesStudentLoss(): boolean {
    return this.#studentWeight > 0;
  }

  combine({ kd, student, kdWeight }: StepLosses): tf.Tensor {
    const sum = kdSum(kd);
    const scaled = kdWeight === 1 ? sum : tf.mul(sum, kdWeight);
    if (!this.usesStudentLoss) return scaled;
    if (student === undefined) throw studentLossMissing('SumLossBalancer', this.#studentWeight);
    return tf.add(tf.mul(student, this.#studentWeight), scaled);
  }
}

/** The plain sum of losses. */
export const kdSum = (kd: readonly WeighedLoss[]): tf.Tensor => tf.addN(kd.map(({ value }) => value));

const ROUNDING = 1e-9;

const sum = (weights: readonly number[]): number => weights.reduce((total, weight) => total + weight, 0);

function checked(given: number | readonly number[]): readonly number[] {
  const weights = typeof given === 'number' ? [given] : given;
  const all = Array.isArray(weights) && weights.length > 0 && weights.every((w) => Number.isFinite(w) && w >= 0);
  if (!all) throw invalid('a weight from 0 to 1, or an array of them', show(given));
  if (sum(weights) > 1 + ROUNDING) throw invalid('weights whose sum is at most 1', String(sum(weights)));
  return [...weights];
}

function invalid(expected: string, got: string): ConfigError {
  return new ConfigError('The loss balancer', { code: 'invalid-weights', expected, got });
}

/** For a balancer that has a weight for a loss that is not there. */
export function studentLossMissing(owner: string, weight: number): ConfigError {
  return new ConfigError(`${owner}: the student's own loss has the weight ${Number(weight.toFixed(6))}`, {
    code: 'student-loss-missing',
    expected: '`computeKdLoss(studentLoss)`',
    got: 'no student loss',
    help: 'hand it over, or give the distillation losses all of the weight',
  });
}
