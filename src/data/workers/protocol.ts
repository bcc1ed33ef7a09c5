/** What a loader and its workers say to each other, and how errors come across. */
import { BackendError, ConfigError, DataError, KelvinError, messageOf } from '../../core/errors.ts';
import type { BatchRequest, ReadBatch } from '../read-batch.ts';
import type { Recipe } from './recipe.ts';

/** What a worker has to know before it can read batches. */
export interface WorkerSetup {
  readonly dataset: Recipe;
  readonly transform: Recipe | undefined;
  readonly asSamples: boolean;
  readonly skipBad: boolean;
}

/** One batch to be read. The first task of a worker brings its setup, which is large. */
export interface WorkerTask {
  readonly setup?: WorkerSetup | undefined;
  readonly request: BatchRequest;
  /** Memory of batches that are over, for the worker to fill again. */
  readonly spare?: readonly ArrayBufferLike[] | undefined;
  /** Fill memory that both sides share: the batch goes to an engine that copies it. */
  readonly shared?: boolean | undefined;
}

/** An error, taken apart. */
export interface SentError {
  readonly type: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly details: Pick<KelvinError, 'code' | 'expected' | 'got' | 'help'> | undefined;
}

/** What a worker answers. */
export type WorkerAnswer =
  | { readonly status: 'read'; readonly batch: ReadBatch }
  | { readonly status: 'failed'; readonly error: SentError };

/** Takes an error apart, since classes do not survive the way between threads. */
export function sendError(error: unknown): SentError {
  const stack = error instanceof Error ? error.stack : undefined;
  if (!(error instanceof KelvinError)) return { type: 'Error', message: messageOf(error), stack, details: undefined };
  const { code, expected, got, help } = error;
  return { type: error.name, message: error.message, stack, details: { code, expected, got, help } };
}

/** Puts an error together again. */
export function receiveError({ type, message, stack, details }: SentError): Error {
  const Type = { ConfigError, DataError, BackendError }[type] ?? DataError;
  const error = details === undefined ? new Error(message) : new Type('', details);
  Object.defineProperty(error, 'message', { value: message, enumerable: false, configurable: true, writable: true });
  if (stack !== undefined) error.stack = stack;
  return error;
}
