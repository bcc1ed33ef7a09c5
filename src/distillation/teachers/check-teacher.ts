/** Whether a teacher knows more than its student: the way to find out that the two were swapped. */
import { z } from 'zod';
import { ConfigError } from '../../core/errors.ts';
import { parseOptions, wholeNumber } from '../../core/options.ts';
import { disposeTensors } from '../../core/tensors.ts';
import * as tf from '../../core/tf.ts';
import type { ImageBatch } from '../../module/image-classification-model.ts';
import type { TeacherSource } from './source.ts';

/** A module with a teacher: DistillationModule or Distiller. */
export interface TaughtModule {
  teach(x: tf.Tensor, batch?: unknown): tf.Tensor;
  forward(x: tf.Tensor): tf.Tensor;
  /** Who teaches, if it has to be asked before each batch. */
  readonly teacher?: TeacherSource | undefined;
  readonly training: boolean;
  train(mode?: boolean): unknown;
}

/** Options of {@link checkTeacher}. */
export interface CheckTeacherOptions {
  /** Batches that are looked at. Default 10. */
  batches?: number | undefined;
}

const schema = z.strictObject({ batches: wholeNumber(1).default(10) });

/**
 * Compares teacher and student on a few batches before training.
 *
 * @param loader batches `{ x, y }` with class numbers [batch]
 * @returns both accuracies, 0 to 1
 * @throws ConfigError `teacher-worse` when the student does better
 *
 * @example
 * ```ts
 * await checkTeacher(distiller, val);
 * ```
 */
export async function checkTeacher(
  module: TaughtModule,
  loader: Iterable<ImageBatch> | AsyncIterable<ImageBatch>,
  options: CheckTeacherOptions = {},
): Promise<{ teacher: number; student: number }> {
  const { batches } = parseOptions('checkTeacher', schema, options);
  const { training } = module;
  const right = { teacher: 0, student: 0 };
  let [samples, seen] = [0, 0];
  module.train(false);
  try {
    for await (const batch of loader) {
      try {
        await module.teacher?.prepare?.(batch, seen);
        tf.tidy(() => {
          right.teacher += rightOf(module.teach(batch.x, batch), batch);
          right.student += rightOf(module.forward(batch.x), batch);
        });
        samples += batch.x.shape[0] as number;
      } finally {
        disposeTensors(batch);
      }
      if (++seen === batches) break;
    }
  } finally {
    module.train(training);
  }
  const [teacher, student] = [right.teacher / samples, right.student / samples];
  if (right.teacher >= right.student) return { teacher, student };
  throw new ConfigError('The teacher knows less than its student', {
    code: 'teacher-worse',
    expected: `a teacher with at least the student's accuracy, ${student.toFixed(4)}`,
    got: teacher.toFixed(4),
    help: 'are teacher and student swapped, or was the teacher given other images (scaling, layout, order of classes)?',
  });
}

const rightOf = (logits: tf.Tensor, { y }: ImageBatch): number =>
  tf.sum(tf.cast(tf.equal(tf.argMax(logits, 1), tf.cast(y, 'int32')), 'int32')).dataSync()[0] as number;
