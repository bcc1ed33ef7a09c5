/**
 * Fetches a file from the first of several mirrors that has it: written beside its place, verified by checksum and
 * renamed, so that a file is whole or absent. A transfer that broke off is taken up again where it stopped.
 */
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';
import { KelvinError, messageOf } from '../../core/errors.ts';
import { unreadable, unwritable } from './file-errors.ts';

/** As much of `fetch` as is used here. */
export type Fetch = (
  url: string,
  init: { signal: AbortSignal; headers?: Readonly<Record<string, string>> },
) => Promise<Response>;

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
  /** Called with the bytes of this file so far, from 0 again when what has arrived was wrong. */
  readonly onBytes: (bytes: number) => void;
}

/** What became of a download: the address that worked, or why each mirror did not. */
export type DownloadResult =
  | { readonly ok: true; readonly mirror: string }
  | { readonly ok: false; readonly failures: readonly string[] };

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** The SHA-256 of a file, read piece by piece. @throws DataError `file-unreadable` */
export async function sha256OfFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const piece of createReadStream(file)) hash.update(piece as Uint8Array);
  } catch (cause) {
    throw unreadable(file, cause);
  }
  return hash.digest('hex');
}

/**
 * Tries the mirrors one after the other, each going on from where the one before broke off. What has arrived so far stays
 * beside the target as `<target>.<checksum>.part`, for the next attempt.
 *
 * @throws DataError `cache-unwritable`
 */
export async function download(plan: DownloadPlan): Promise<DownloadResult> {
  const failures: string[] = [];
  const claim = await claimPart(plan);
  try {
    for (const mirror of plan.mirrors) {
      const url = mirror.replace(/\/*$/, `/${plan.name}`);
      try {
        await fetchVerified(claim.part, url, plan);
      } catch (error) {
        if (error instanceof KelvinError) throw error;
        plan.onBytes(await sizeOf(claim.part));
        failures.push(`${url}: ${reasonOf(error)}`);
        continue;
      }
      await rename(claim.part, plan.target).catch((cause: unknown) => {
        throw unwritable(plan.target, cause);
      });
      return { ok: true, mirror };
    }
    return { ok: false, failures };
  } finally {
    await claim.release();
  }
}

/** Fetches what is missing. Bytes of an earlier attempt that turn out to be wrong are fetched again, once. */
async function fetchVerified(part: string, url: string, plan: DownloadPlan): Promise<void> {
  const resumed = (await sizeOf(part)) > 0;
  await fetchInto(part, url, plan);
  const found = await sha256OfFile(part);
  if (found === plan.sha256) return;
  await rm(part, { force: true });
  if (resumed) await fetchVerified(part, url, plan);
  else throw new Error(`wrong checksum: expected sha256 ${plan.sha256}, got ${found}`);
}

/** A place to write to, which no other process writes to: if one does, this download keeps to itself and starts anew. */
async function claimPart({ target, sha256: sum }: DownloadPlan): Promise<{ part: string; release(): Promise<void> }> {
  const part = `${target}.${sum.slice(0, 12)}.part`;
  const lock = `${part}.lock`;
  try {
    await mkdir(dirname(target), { recursive: true });
    if (await isStale(lock)) await rm(lock, { force: true });
    const handle = await open(lock, 'wx').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return undefined;
      throw error;
    });
    if (!handle) {
      const own = `${target}.${randomBytes(6).toString('hex')}.part`;
      return { part: own, release: () => rm(own, { force: true }) };
    }
    await handle.close();
    return { part, release: () => rm(lock, { force: true }) };
  } catch (cause) {
    throw unwritable(target, cause);
  }
}

/** A process that was killed leaves its lock behind; a living one touches the part every moment. */
async function isStale(lock: string): Promise<boolean> {
  const seen = await stat(lock.slice(0, -'.lock'.length)).catch(() => stat(lock).catch(() => undefined));
  return seen !== undefined && Date.now() - seen.mtimeMs > STALE_MS;
}

const STALE_MS = 60_000;

async function fetchInto(part: string, url: string, { fetch, timeout, onBytes }: DownloadPlan): Promise<void> {
  const before = await sizeOf(part);
  const abort = new AbortController();
  const giveUp = (): void => abort.abort(new Error(`no answer for ${timeout / 1000} s`));
  let timer = setTimeout(giveUp, timeout);
  let file: FileHandle | undefined;
  try {
    const headers = before > 0 ? { Range: `bytes=${before}-` } : undefined;
    const response = await fetch(url, { signal: abort.signal, ...(headers && { headers }) });
    if (response.status === 416) return; // nothing is missing: the checksum will tell whether that is so
    if (!response.ok || !response.body) throw new Error(`HTTP status ${response.status} ${response.statusText}`.trim());
    const resumes = response.status === 206 && response.headers.get('content-range')?.startsWith(`bytes ${before}-`);
    let bytes = resumes ? before : 0;
    file = await opened(part, bytes);
    for await (const piece of response.body as AsyncIterable<Uint8Array>) {
      clearTimeout(timer);
      timer = setTimeout(giveUp, timeout);
      await append(file, piece, part);
      bytes += piece.length;
      onBytes(bytes);
    }
    await file.sync().catch((cause: unknown) => {
      throw unwritable(part, cause);
    });
  } finally {
    clearTimeout(timer);
    await file?.close().catch(() => {});
  }
}

async function opened(part: string, keep: number): Promise<FileHandle> {
  try {
    if (keep === 0) return await open(part, 'w');
    await truncate(part, keep);
    return await open(part, 'a');
  } catch (cause) {
    throw unwritable(part, cause);
  }
}

const append = (file: FileHandle, piece: Uint8Array, part: string): Promise<void> =>
  file.writeFile(piece).catch((cause: unknown) => {
    throw unwritable(part, cause);
  });

const sizeOf = (file: string): Promise<number> =>
  stat(file).then(
    ({ size }) => size,
    () => 0,
  );

/** Node's fetch says "fetch failed" and keeps the reason in its cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = (cause as { code?: string } | undefined)?.code;
  const reason = cause === undefined ? '' : messageOf(cause) || code;
  return reason ? `${messageOf(error)} (${reason})` : messageOf(error);
}
