/** A criterion, however it was given, as a list of pairs: which outputs are compared by which loss. */
import { ConfigError, show } from '../core/errors.ts';
import { isPlainObject } from '../core/tensors.ts';
import type * as tf from '../core/tf.ts';
import type { ConnectorKind } from './connectors/connector.ts';
import type { DistillationLoss, DistillationLossFunction } from './losses/loss.ts';

/** A loss, as a criterion takes it. */
export type AnyDistillationLoss = DistillationLoss | DistillationLossFunction;

/** One loss between a layer of the student and one of the teacher. Any layer may be in several pairs. */
export interface DistillationPair {
  /** A layer by its path, `'conv2'`, `'block1/conv2'`; `''` (default) is the student's output. */
  student?: string | undefined;
  /** The same of the teacher. */
  teacher?: string | undefined;
  loss: AnyDistillationLoss;
  /** What the loss is multiplied by. Default 1. */
  weight?: number | undefined;
  /** Brings the student's features to the teacher's shape. */
  connector?: ConnectorKind | tf.LayersModel | undefined;
}

/**
 * What is learned from the teacher: one loss between the outputs, a list of pairs, or a record from `'student -> teacher'`
 * to losses.
 */
export type DistillationCriterion =
  | AnyDistillationLoss
  | readonly DistillationPair[]
  | Readonly<Record<string, AnyDistillationLoss>>;

/** A pair with everything filled in. */
export interface ResolvedPair {
  /** `LogitsDistillationLoss_0` */
  readonly name: string;
  readonly student: string;
  readonly teacher: string;
  readonly loss: DistillationLoss;
  readonly weight: number;
  readonly connector: ConnectorKind | tf.LayersModel | undefined;
}

/** @throws ConfigError `invalid-criterion` */
export function resolvePairs(criterion: DistillationCriterion): ResolvedPair[] {
  const pairs = listPairs(criterion);
  if (pairs.length === 0) throw invalid('at least one loss', 'none');
  return pairs.map(({ student = '', teacher = '', loss, weight = 1, connector }, i) => {
    if (!isLoss(loss)) throw invalid(`a loss in pair ${i}`, show(loss));
    if (!(Number.isFinite(weight) && weight >= 0)) throw invalid(`a finite weight from 0 in pair ${i}`, show(weight));
    const whole =
      typeof loss === 'function'
        ? { name: loss.name || 'loss', compute: (a: tf.Tensor, b: tf.Tensor) => loss(a, b) }
        : loss;
    return { name: `${whole.name}_${i}`, student, teacher, loss: whole, weight, connector };
  });
}

function listPairs(criterion: DistillationCriterion): readonly DistillationPair[] {
  if (isLoss(criterion)) return [{ loss: criterion }];
  if (Array.isArray(criterion)) return criterion as readonly DistillationPair[];
  if (!isPlainObject(criterion)) throw invalid('a loss, a list of pairs or a record of losses', show(criterion));
  return Object.entries(criterion).map(([key, loss]) => {
    const [student, teacher, ...others] = key.split('->').map((name) => name.trim());
    if (teacher === undefined || others.length > 0) throw invalid("keys of the form 'student -> teacher'", `'${key}'`);
    return { student: student as string, teacher, loss };
  });
}

function isLoss(value: unknown): value is AnyDistillationLoss {
  return typeof value === 'function' || typeof (value as Partial<DistillationLoss> | undefined)?.compute === 'function';
}

function invalid(expected: string, got: string): ConfigError {
  return new ConfigError('The criterion of the distillation', { code: 'invalid-criterion', expected, got });
}
