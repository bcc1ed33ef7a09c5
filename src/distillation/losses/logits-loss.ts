/** Losses between logits as parts of a criterion: they hold a temperature that a callback can change. */
import { z } from 'zod';
import { oneOf, parseOptions, positiveNumber } from '../../core/options.ts';
import type * as tf from '../../core/tf.ts';
import * as losses from '../../losses/index.ts';
import type { FoundVariable } from '../../module/variables.ts';
import { LearnedTemperature } from '../temperature/learned-temperature.ts';
import type { DistillationContext, DistillationLoss } from './loss.ts';

/** Which divergence a {@link LogitsDistillationLoss} is. */
export type LogitsLossKind =
  | 'kl'
  | 'reverseKl'
  | 'jensenShannon'
  | 'softCrossEntropy'
  | 'decoupled'
  | 'correlation'
  | 'standardized';

/** Options of {@link LogitsDistillationLoss}. */
export interface LogitsLossOptions {
  /** Default `'kl'`, Hinton's. The others are the functions of the same names in `losses`. */
  kind?: LogitsLossKind | undefined;
  /** T; the loss is multiplied by T². Default 1. A {@link LearnedTemperature} (CTKD) goes with `'kl'` alone. */
  temperature?: number | LearnedTemperature | undefined;
  /** Of `'kl'` and its like. Default `'batchmean'`. */
  reduction?: 'batchmean' | 'mean' | 'sum' | undefined;
}

const schema = z.strictObject({
  kind: oneOf(
    'kl',
    'reverseKl',
    'jensenShannon',
    'softCrossEntropy',
    'decoupled',
    'correlation',
    'standardized',
  ).default('kl'),
  temperature: z
    .union([positiveNumber(), z.instanceof(LearnedTemperature)], { error: 'a number above 0 or a LearnedTemperature' })
    .default(1),
  reduction: oneOf('batchmean', 'mean', 'sum').default('batchmean'),
});

/**
 * The divergence of the student's logits from the teacher's, times T² (Hinton, Vinyals and Dean 2015), or one of its
 * successors. The mean over the batch, where ModelOpt's default also divides by the number of classes.
 *
 * @throws ConfigError for wrong options
 * @example
 * ```ts
 * const criterion = new LogitsDistillationLoss({ temperature: 4 });
 * ```
 */
export class LogitsDistillationLoss implements DistillationLoss {
  readonly name = 'LogitsDistillationLoss';
  temperature: number | undefined;
  readonly #kind: LogitsLossKind;
  readonly #reduction: 'batchmean' | 'mean' | 'sum';
  readonly #learned: LearnedTemperature | undefined;

  constructor(options: LogitsLossOptions = {}) {
    const { kind, temperature, reduction } = parseOptions('LogitsDistillationLoss', schema, options);
    this.#kind = kind;
    this.#reduction = reduction;
    if (typeof temperature === 'number') this.temperature = temperature;
    else this.#learned = temperature;
    if (this.#learned !== undefined && kind !== 'kl') {
      parseOptions('LogitsDistillationLoss', z.strictObject({ kind: oneOf('kl') }), { kind });
    }
  }

  compute(student: tf.Tensor, teacher: tf.Tensor, { labels }: DistillationContext): tf.Tensor {
    if (this.#learned !== undefined) return this.#learned.klDivergence(student, teacher);
    const temperature = this.temperature as number;
    const options = { temperature, reduction: this.#reduction };
    switch (this.#kind) {
      case 'kl':
        return losses.klDivergence(student, teacher, options);
      case 'reverseKl':
        return losses.reverseKLDivergence(student, teacher, options);
      case 'jensenShannon':
        return losses.jensenShannonDivergence(student, teacher, options);
      case 'softCrossEntropy':
        return losses.softCrossEntropy(student, teacher, options);
      case 'decoupled':
        return losses.decoupledDistillation(student, teacher, labels as tf.Tensor, { temperature });
      case 'correlation':
        return losses.correlationDistillation(student, teacher, { temperature });
      case 'standardized':
        return losses.standardizedKLDivergence(student, teacher, options);
      default:
        return this.#kind satisfies never;
    }
  }

  foundVariables(): FoundVariable[] {
    return this.#learned?.foundVariables() ?? [];
  }

  startEpoch(epoch: number): void {
    this.#learned?.startEpoch(epoch);
  }
}

/** Options of {@link MFTLoss}. */
export interface MFTLossOptions {
  /** T. Default 1. */
  temperature?: number | undefined;
  /** How far the right class is put above the others. Default 0.2. */
  threshold?: number | undefined;
}

/**
 * Minifinetuning as part of a criterion: see `losses.minifinetuning`. The batch needs labels.
 *
 * @example
 * ```ts
 * const criterion = new MFTLoss({ threshold: 0.1 });
 * ```
 */
export class MFTLoss implements DistillationLoss {
  readonly name = 'MFTLoss';
  temperature: number;
  readonly #threshold: number | undefined;

  constructor({ temperature = 1, threshold }: MFTLossOptions = {}) {
    this.temperature = temperature;
    this.#threshold = threshold;
  }

  compute(student: tf.Tensor, teacher: tf.Tensor, { labels }: DistillationContext): tf.Tensor {
    const options = { temperature: this.temperature, threshold: this.#threshold };
    return losses.minifinetuning(student, teacher, labels as tf.Tensor, options);
  }
}
