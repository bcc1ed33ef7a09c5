/** Function matching: teacher and student see the same mixed images, and no label is asked. */
import { z } from 'zod';
import { flag, parseOptions, positiveNumber } from '../../core/options.ts';
import { globalRandom } from '../../core/seed.ts';
import { isPlainObject } from '../../core/tensors.ts';
import * as tf from '../../core/tf.ts';
import { type ConvertOptions, convert } from '../convert.ts';
import type { Distiller, Student } from '../distiller.ts';
import { LogitsDistillationLoss } from '../losses/logits-loss.ts';
import { replaceMethod } from '../taps/replace-method.ts';

/** Options of {@link functionMatching}: those of `convert` that are left to choose. */
export interface FunctionMatchingOptions extends Omit<ConvertOptions, 'criterion' | 'lossBalancer'> {
  /** T of the divergence. Default 1, as published. */
  temperature?: number | undefined;
  /** Mixes each training batch: see {@link mixBatch}. Default true. */
  mixup?: boolean | undefined;
}

const schema = z.strictObject({ temperature: positiveNumber().default(1), mixup: flag().default(true) });

/**
 * Distils as one function is fitted to another (Beyer et al. 2022, "Knowledge distillation: A good teacher is patient and
 * consistent", arXiv 2106.05237): the divergence from the teacher alone, on images that are augmented and mixed once for both.
 * Batches may be `{ x }`, without labels; be patient with it, the paper trains for thousands of epochs.
 *
 * Augment in the loader: what it gives is what both networks see. A cache of the teacher's answers does not go with mixing.
 *
 * @throws ConfigError as `convert`
 *
 * @example
 * ```ts
 * const distiller = await functionMatching(student, { teacherModel: teacher, training: { learningRate: 3e-3 } });
 * await trainer.fit(distiller, { train: unlabelled, val });
 * ```
 */
export async function functionMatching<S extends Student>(
  student: S,
  { temperature, mixup, ...options }: FunctionMatchingOptions,
): Promise<Distiller<S>> {
  const settings = parseOptions('functionMatching', schema, { temperature, mixup });
  const criterion = new LogitsDistillationLoss({ temperature: settings.temperature });
  const distiller = await convert(student, { ...options, criterion });
  if (settings.mixup) mixTraining(distiller);
  return distiller;
}

/** Mixes after whatever the student itself does to its batches; training batches alone. */
function mixTraining(distiller: Distiller): void {
  replaceMethod(distiller, 'onAfterBatchTransfer', (before: ((...args: unknown[]) => unknown) | undefined) => {
    return (batch, dataloaderIdx) => {
      const given = before === undefined ? batch : before.call(distiller, batch, dataloaderIdx);
      return distiller.training ? mixBatch(given) : given;
    };
  });
}

/**
 * Mixes the images of a batch with those of their neighbours, `λ x_i + (1 - λ) x_{i+1}`, λ uniform from 0 to 1 and one for the
 * batch (mixup, Zhang et al. 2018, as function matching uses it). λ comes from the seeded stream, which is in every
 * checkpoint. Anything in the batch but `x` is left as it is: there is no right label for such an image.
 */
export function mixBatch<B>(batch: B): B {
  const { x } = (isPlainObject(batch) ? batch : {}) as { x?: unknown };
  if (!(x instanceof tf.Tensor)) return batch;
  const share = globalRandom().uniform();
  const mixed = tf.tidy(() => {
    const count = x.shape[0] as number;
    const neighbours = tf.concat([tf.slice(x, 1, count - 1), tf.slice(x, 0, 1)], 0);
    return tf.add(tf.mul(x, share), tf.mul(neighbours, 1 - share));
  });
  return { ...batch, x: mixed };
}
