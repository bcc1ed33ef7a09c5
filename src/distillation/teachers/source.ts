/** The seam between a distillation and whatever knows the teacher's answers: a network, a file of another runtime, a cache. */
import type * as tf from '../../core/tf.ts';
import type { NetworkSize } from './size.ts';

/** What a source is told about the step, beside the images. */
export interface TeacherContext {
  /** The whole batch as the loader gave it, with sample ids where the loader has them. */
  readonly batch: unknown;
  /** The temperature at which the answers will be compared. Ensembles of probabilities need it. */
  readonly temperature: number;
}

/**
 * A source of the teacher's answers. Implement it to teach from something that is no network in this process, such as a
 * cache of logits.
 *
 * @example
 * ```ts
 * class Oracle implements TeacherSource {
 *   readonly name = 'oracle';
 *   outputs(x: tf.Tensor, taps: readonly string[], { batch }: TeacherContext) {
 *     return new Map([['', (batch as { teacherLogits: tf.Tensor2D }).teacherLogits]]);
 *   }
 * }
 * ```
 */
export interface TeacherSource {
  /** For messages and checkpoints. */
  readonly name: string;
  /** How many classes it tells apart, where it knows before it has been asked. */
  readonly classes?: number | undefined;
  /** The label smoothing that the teacher was trained with, where that is known. */
  readonly labelSmoothing?: number | undefined;
  /** Checks that a tap exists. @throws ConfigError naming the nearest taps. @returns its shape, batch first, if known */
  shapeOf?(tap: string): readonly (number | null)[] | undefined;
  /** Called and awaited before a step: everything that takes waiting, such as reading a file. */
  prepare?(batch: unknown, batchIdx: number): void | Promise<void>;
  /**
   * The answers for a batch: logits `[batch, classes]` for the tap `''`, features for others. Synchronous and within the
   * step's tidy, which owns the tensors. Nothing may be recorded for the backward pass.
   */
  outputs(x: tf.Tensor, taps: readonly string[], context: TeacherContext): ReadonlyMap<string, tf.Tensor>;
  /** How large it is, for comparisons: weights, and their bytes. What is not known is left out. */
  size?(): { readonly [what in keyof NetworkSize]?: number | undefined };
  /** Changes when the teacher does: a sha256 of its weights. */
  fingerprint?(): string;
  /** Frees what the source has made itself. A network that was handed in is not disposed of. */
  dispose?(): void;
}

/** Whether something is a source already. */
export function isTeacherSource(value: unknown): value is TeacherSource {
  return typeof (value as Partial<TeacherSource> | undefined)?.outputs === 'function' && 'name' in (value as object);
}
