/**
 * The typed errors of this package. Wrong calls throw a TensorBoardWriterError; unreadable files throw a
 * TensorBoardReaderError. Disk errors while training runs never throw: they go to the `onError` option.
 */

/** What went wrong in a writer. */
export type WriterErrorCode =
  | 'invalid-option'
  | 'invalid-tag'
  | 'invalid-step'
  | 'invalid-wall-time'
  | 'invalid-value'
  | 'tag-kind-mismatch'
  | 'tag-already-written'
  | 'graph-already-written'
  | 'hparams-already-written'
  | 'writer-closed'
  | 'log-dir-not-writable'
  | 'write-failed'
  | 'file-deleted';

/** What went wrong in a reader. */
export type ReaderErrorCode = 'not-found' | 'corrupt-record' | 'malformed-message';

/**
 * A call that the writer cannot carry out, or (through `onError` only) a disk that does not take the events.
 *
 * @example
 * ```ts
 * try { new SummaryWriter('/proc/none'); }
 * catch (error) { if (error instanceof TensorBoardWriterError) console.error(error.code); }
 * ```
 */
export class TensorBoardWriterError extends Error {
  readonly code: WriterErrorCode;

  constructor(code: WriterErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'TensorBoardWriterError';
    this.code = code;
  }
}

/** An event file that cannot be read; `file` and `offset` (in bytes) say where, when they are known. */
export class TensorBoardReaderError extends Error {
  readonly code: ReaderErrorCode;
  readonly file: string | undefined;
  readonly offset: number | undefined;

  constructor(code: ReaderErrorCode, message: string, place: { file?: string; offset?: number; cause?: unknown } = {}) {
    super(message, place.cause === undefined ? undefined : { cause: place.cause });
    this.name = 'TensorBoardReaderError';
    this.code = code;
    this.file = place.file;
    this.offset = place.offset;
  }
}

/** Prints a value for an error message, shortened. */
export function show(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  const short = text.length > 60 ? `${text.slice(0, 57)}...` : text;
  return typeof value === 'number' || typeof value === 'boolean' || value == null
    ? short
    : `${short} (${typeof value})`;
}
