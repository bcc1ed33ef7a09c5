/** Asks a teacher for its logits of one batch, and checks that they are such. */
import { ConfigError, show } from '../../core/errors.ts';
import * as tf from '../../core/tf.ts';
import { type BatchViews, viewsOf } from '../../data/batch-views.ts';
import { checkAreLogits } from '../teachers/check-logits.ts';
import type { TeacherSource } from '../teachers/source.ts';
import { noViews } from './errors.ts';

/** What a teacher said of a batch. */
export interface Answer {
  /** `[rows, classes]`, row by row. */
  readonly logits: Float32Array;
  readonly classes: number;
  readonly views: BatchViews;
}

/**
 * The teacher's logits of a batch, which stays the caller's.
 *
 * @throws DataError `no-views`; ConfigError `invalid-option`, `invalid-teacher`, `probabilities-not-logits`
 */
export async function ask(
  source: TeacherSource,
  batch: unknown,
  { input, temperature }: { input: string; temperature: number },
): Promise<Answer> {
  const views = viewsOf(batch);
  const x = (batch as Record<string, unknown> | undefined)?.[input];
  if (views === undefined) throw noViews();
  if (!(x instanceof tf.Tensor)) throw noColumn(input, batch);
  await source.prepare?.(batch, 0);
  const logits = tf.tidy(() => source.outputs(x, [''], { batch, temperature }).get('') as tf.Tensor);
  try {
    if (logits.rank !== 2 || logits.shape[0] !== views.ids.length) throw noLogits(views.ids.length, logits.shape);
    checkAreLogits('The teacher', logits);
    return { logits: (await logits.data()) as Float32Array, classes: logits.shape[1] as number, views };
  } finally {
    logits.dispose();
  }
}

const noColumn = (input: string, batch: unknown): ConfigError =>
  new ConfigError('cacheTeacherLogits: option `input`', {
    code: 'invalid-option',
    expected: `a column of the batch, which has ${Object.keys(batch ?? {}).join(', ')}`,
    got: show(input),
  });

const noLogits = (rows: number, shape: readonly number[]): ConfigError =>
  new ConfigError('cacheTeacherLogits: the teacher', {
    code: 'invalid-teacher',
    expected: `logits of shape [${rows}, classes]`,
    got: `[${shape}]`,
  });
