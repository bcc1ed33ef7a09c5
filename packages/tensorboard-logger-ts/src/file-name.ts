/**
 * Names of event files, and the making of a new one. TensorBoard reads the files of a run in the order of their
 * names, so a new file must sort behind those that are there, also within one second or after a clock change.
 */
import { mkdirSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import { TensorBoardWriterError } from './errors.ts';

const MAX_SECONDS = 9_999_999_999;
let filesMade = 0;

/** True for the names that TensorBoard takes for event files. */
export function isEventFile(name: string): boolean {
  return name.includes('tfevents');
}

/**
 * Makes an event file that did not exist before, its directory included, and opens it for writing.
 *
 * @throws TensorBoardWriterError `log-dir-not-writable`.
 */
export function createEventFile(logDir: string, hostname: string, suffix: string): { file: string; fd: number } {
  try {
    mkdirSync(logDir, { recursive: true });
    const seconds = secondsBehindOthers(readdirSync(logDir).filter(isEventFile));
    return openNewFile(logDir, `events.out.tfevents.${seconds}.${safe(hostname)}.${process.pid}`, suffix);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TensorBoardWriterError(
      'log-dir-not-writable',
      `Cannot make an event file in the log directory "${logDir}": ${reason}.`,
      cause,
    );
  }
}

function openNewFile(logDir: string, stem: string, suffix: string): { file: string; fd: number } {
  for (;;) {
    const serial = threadId === 0 ? `${filesMade++}` : `${threadId}-${filesMade++}`;
    const file = join(logDir, `${stem}.${serial}${suffix}`);
    try {
      return { file, fd: openSync(file, 'wx') };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

function secondsBehindOthers(names: readonly string[]): string {
  const now = Math.floor(Date.now() / 1000);
  const others = names.map((name) => Number(/tfevents\.(\d{10})\./.exec(name)?.[1] ?? 0));
  const behind = Math.max(now, ...others.map((seconds) => seconds + 1));
  return String(behind > MAX_SECONDS ? now : behind).padStart(10, '0');
}

function safe(hostname: string): string {
  return hostname.replaceAll(/[^\w.-]/g, '_') || 'localhost';
}
