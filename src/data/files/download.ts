/**
 * Fetches a file from the first of several mirrors that has it: verified by checksum, written beside its place and
 * renamed, so that a file is whole or absent.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DataError, messageOf } from '../../core/errors.ts';

/** As much of `fetch` as is used here. */
export type Fetch = (url: string, init: { signal: AbortSignal }) => Promise<Response>;

/** A file to be fetched. */
export interface DownloadPlan {
  /** The file's name at the mirrors. */
  readonly name: string;
  /** Base addresses, tried in this order. */
  readonly mirrors: readonly string[];
  readonly sha256: string;
  /** Where the file goes; the directory is made. */
  readonly target: string;
  readonly fetch: Fetch;
  /** A mirror that is silent for so long is given up. In milliseconds. */
  readonly timeout: number;
  /** Called with the bytes of this file so far, from 0 again when a mirror has failed. */
  readonly onBytes: (bytes: number) => void;
}

/** What became of a download: the address that worked, or why each mirror did not. */
export type DownloadResult =
  | { readonly ok: true; readonly mirror: string }
  | { readonly ok: false; readonly failures: readonly string[] };

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Tries the mirrors one after the other. @throws DataError `cache-unwritable` */
export async function download(plan: DownloadPlan): Promise<DownloadResult> {
  const failures: string[] = [];
  let arrived: { bytes: Uint8Array; mirror: string } | undefined;
  for (const mirror of plan.mirrors) {
    const url = mirror.replace(/\/*$/, `/${plan.name}`);
    try {
      const bytes = await fetchBytes(url, plan);
      const found = sha256(bytes);
      if (found !== plan.sha256) throw new Error(`wrong checksum: expected sha256 ${plan.sha256}, got ${found}`);
      arrived = { bytes, mirror };
      break;
    } catch (error) {
      plan.onBytes(0);
      failures.push(`${url}: ${reasonOf(error)}`);
    }
  }
  if (!arrived) return { ok: false, failures };
  await writeWhole(plan.target, arrived.bytes).catch((cause: unknown) => {
    throw new DataError(`${plan.target} cannot be written: ${messageOf(cause)}`, { code: 'cache-unwritable', cause });
  });
  return { ok: true, mirror: arrived.mirror };
}

async function fetchBytes(url: string, { fetch, timeout, onBytes }: DownloadPlan): Promise<Uint8Array> {
  const abort = new AbortController();
  const giveUp = (): void => abort.abort(new Error(`no answer for ${timeout / 1000} s`));
  let timer = setTimeout(giveUp, timeout);
  try {
    const response = await fetch(url, { signal: abort.signal });
    if (!response.ok || !response.body) throw new Error(`HTTP status ${response.status} ${response.statusText}`.trim());
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    for await (const piece of response.body) {
      clearTimeout(timer);
      timer = setTimeout(giveUp, timeout);
      pieces.push(piece);
      bytes += piece.length;
      onBytes(bytes);
    }
    return Buffer.concat(pieces);
  } finally {
    clearTimeout(timer);
  }
}

/** Writes beside the target, makes sure that it is on disk, and renames. */
async function writeWhole(target: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  const temporary = `${target}.${randomBytes(6).toString('hex')}.part`;
  try {
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Node's fetch says "fetch failed" and keeps the reason in its cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = (cause as { code?: string } | undefined)?.code;
  const reason = cause === undefined ? '' : messageOf(cause) || code;
  return reason ? `${messageOf(error)} (${reason})` : messageOf(error);
}
