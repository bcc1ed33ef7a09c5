/** The errors of a logit cache: files that are no whole caches, and batches that a cache does not fit. */
import { DataError, show } from '../../core/errors.ts';

const again = 'delete it and make it again with `cacheTeacherLogits`';

/** A file that holds something else. */
export const notACache = (file: string): DataError =>
  new DataError(`${file} is no cache of a teacher's logits`, { code: 'not-a-logit-cache', help: again });

/** A file of a later version. */
export const fromTheFuture = (file: string, known: number, version: number): DataError =>
  new DataError(`${file} was written by another Kelvin`, {
    code: 'logit-cache-version',
    expected: `version ${known}`,
    got: `version ${version}`,
    help: again,
  });

/** A file that is damaged. */
export const corrupt = (file: string, got: string): DataError =>
  new DataError(`The logit cache ${file} is damaged`, { code: 'logit-cache-corrupt', got, help: again });

/** A file that is too short or too long. */
export const wrongLength = (file: string, expected: number, got: number): DataError =>
  new DataError(`The logit cache ${file} is not whole`, {
    code: 'logit-cache-truncated',
    expected: `${expected} bytes`,
    got: String(got),
    help: again,
  });

/** A file that cannot be opened. */
export const unreadable = (file: string, cause: unknown): DataError => {
  const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
  return new DataError(missing ? `There is no logit cache ${file}` : `The logit cache ${file} cannot be read`, {
    code: missing ? 'logit-cache-not-found' : 'logit-cache-unreadable',
    help: missing ? 'make it with `cacheTeacherLogits`' : undefined,
    cause,
  });
};

/** A cache that was made of, or for, something else. Both sides are named in full. */
export function otherThan(
  file: string,
  what: 'teacher' | 'augmentation' | 'seed' | 'samples' | 'format' | 'views',
  { cached, given }: { cached: unknown; given: unknown },
): DataError {
  return new DataError(`The logit cache ${file} does not fit: it has another ${what}`, {
    code: what === 'samples' ? 'other-samples' : `other-${what}`,
    expected: `${what} ${text(cached)}, as in the cache`,
    got: text(given),
    help: 'use what the cache was made with, or make another one',
  });
}

const text = (value: unknown): string => (typeof value === 'string' ? value : show(value));

/** A batch that nobody knows the samples of. */
export const noViews = (): DataError =>
  new DataError('A batch does not say which samples are in it', {
    code: 'no-views',
    expected: 'a batch of one DataLoader, as that made it',
    help: 'cached logits go with one DataLoader without a `collate` function, transfer hooks that replace the batch, or a second loader beside it',
  });

/** A sample or a view of it that the cache does not have. */
export const unknownView = (file: string, view: string, has: string): DataError =>
  new DataError(`The logit cache ${file} does not know ${view}`, {
    code: 'unknown-view',
    expected: has,
    help: 'make the cache with the loader that the student is trained with; with augmentation give both the same `seed`, and the loader `viewEpochs`, the number of epochs that were cached',
  });

/** A sample that is not what the teacher saw. */
export const otherContent = (file: string, view: string, cached: number, given: number | undefined): DataError =>
  new DataError(`${view} is not what the teacher saw when ${file} was made`, {
    code: 'other-content',
    expected: `CRC-32 ${hex(cached)}`,
    got: given === undefined ? 'no such column in the batch' : hex(given),
    help: 'the data set, its scaling or its augmentation has changed: make the cache again',
  });

const hex = (value: number): string => value.toString(16).padStart(8, '0');
