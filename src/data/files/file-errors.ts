/** Errors of files and folders, in one wording. */
import { DataError, messageOf } from '../../core/errors.ts';

/** The error for a file that cannot be opened or read. */
export function unreadable(file: string, cause: unknown): DataError {
  return new DataError(`${file} cannot be read: ${messageOf(cause)}`, { code: 'file-unreadable', cause });
}

/** The error for a place that cannot be written to: a full disk, a missing permission. */
export function unwritable(file: string, cause: unknown): DataError {
  const full = (cause as { code?: string } | null)?.code === 'ENOSPC';
  return new DataError(`${file} cannot be written: ${messageOf(cause)}`, {
    code: 'cache-unwritable',
    help: full ? 'make room on the disk, or name another directory' : undefined,
    cause,
  });
}
