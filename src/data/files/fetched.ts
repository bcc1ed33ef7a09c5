/**
 * What data sets that are found on this machine or fetched have in common: their options, where they may lie, and the error
 * for when they are nowhere.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { DataError } from '../../core/errors.ts';
import { anyThat, flag, positiveNumber, text } from '../../core/options.ts';
import type { Fetch } from './download.ts';

/** How far a download is. */
export interface DownloadProgress {
  readonly file: string;
  /** Bytes so far, of all files that have to be fetched. */
  readonly bytes: number;
  readonly total: number;
}

/** Options of data sets that are fetched when they are not there. */
export interface FetchOptions {
  /** A directory that holds the files, or has a folder of the data set's name that does. */
  readonly dataDir?: string | undefined;
  /** Fetch what is missing. Default true. */
  readonly download?: boolean | undefined;
  /** Where fetched files are kept. Default: a folder of the data set's name in `kelvin` in the user's cache. */
  readonly cacheDir?: string | undefined;
  /** Base addresses to fetch from, tried in order. */
  readonly mirrors?: readonly string[] | undefined;
  /** Seconds of silence after which a mirror is given up. Default 10. */
  readonly timeout?: number | undefined;
  /** In place of Node's own. */
  readonly fetch?: Fetch | undefined;
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
}

const isFunction = (value: unknown): boolean => typeof value === 'function';

/** For the schemas of those who take {@link FetchOptions}. */
export const fetchShape = (mirrors: readonly string[]) => ({
  dataDir: text('a directory').optional(),
  download: flag().default(true),
  cacheDir: text('a directory').optional(),
  mirrors: z.array(text('an address'), { error: 'a list of addresses' }).readonly().default(mirrors),
  timeout: positiveNumber().default(10),
  fetch: anyThat<Fetch>('a function like fetch', isFunction).optional(),
  onProgress: anyThat<(progress: DownloadProgress) => void>('a function', isFunction).optional(),
});

/** {@link FetchOptions} with defaults filled in. */
export type Fetching = FetchOptions & {
  readonly download: boolean;
  readonly mirrors: readonly string[];
  readonly timeout: number;
};

/** The directories that may hold the files of a data set, in the order in which they are looked at. */
export function dataDirectories(set: string, dataDir: string | undefined, cacheDir: string): string[] {
  const roots = [dataDir, process.env.KELVIN_DATA_DIR].filter((dir): dir is string => dir !== undefined && dir !== '');
  return [...new Set([...roots.flatMap((dir) => [dir, join(dir, set)]), cacheDir])];
}

/** The error for files that are neither here nor at any mirror. */
export function dataNotFound(
  what: string,
  directories: readonly string[],
  downloads: readonly string[],
  help: string,
): DataError {
  const list = (items: readonly string[]): string => items.map((item) => `\n    ${item}`).join('');
  return new DataError(`${what}\n  looked in${list(directories)}\n  download${list(downloads)}`, {
    code: 'data-not-found',
    help,
  });
}
