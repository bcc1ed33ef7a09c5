/**
 * MNIST: 70,000 handwritten digits (LeCun, Cortes, Burges, "The MNIST database of handwritten digits", 1998), found on
 * this machine or fetched once into the user's cache.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { cacheDirectory } from '../../core/cache.ts';
import type { DataError } from '../../core/errors.ts';
import { parseOptions } from '../../core/options.ts';
import { type DownloadResult, download } from '../files/download.ts';
import { dataDirectories, dataNotFound, type Fetching, type FetchOptions, fetchShape } from '../files/fetched.ts';
import type { ArrayDataset, ImageColumns } from './array-dataset.ts';
import { idxImages } from './idx.ts';
import { findMnistFile, MNIST_FILES, MNIST_MIRRORS, type MnistFile } from './mnist-files.ts';

/** Labelled images in two parts, and where they come from. */
export interface ImageSplits {
  readonly train: ArrayDataset<ImageColumns>;
  readonly test: ArrayDataset<ImageColumns>;
  /** For people: the directory or address that the data came from. */
  readonly source: string;
}

/** Options of {@link mnist}. Its folder is named `mnist`. */
export type MnistOptions = FetchOptions;

const optionsSchema = z.strictObject(fetchShape(MNIST_MIRRORS));

/**
 * MNIST as images `x` of shape [28, 28, 1], pixels from 0 to 1, and labels `y` from 0 to 9: 60,000 to train, 10,000 to
 * test. Looks in `dataDir`, in the directory that the environment variable KELVIN_DATA_DIR names (and in their folders
 * `mnist`), then in the user's cache, then fetches what is missing into the cache. Every file is verified by checksum.
 *
 * @throws DataError `data-not-found`, listing where was looked and why each mirror failed; `wrong-checksum`
 *
 * @example
 * ```ts
 * const { train, test } = await mnist({ onProgress: ({ bytes, total }) => bar(bytes / total) });
 * const loader = new DataLoader(train, { batchSize: 128, shuffle: true });
 * ```
 */
export async function mnist(options: MnistOptions = {}): Promise<ImageSplits> {
  const given = parseOptions('mnist', optionsSchema, options);
  const cacheDir = given.cacheDir ?? join(cacheDirectory(), 'mnist');
  const directories = dataDirectories('mnist', given.dataDir, cacheDir);
  const found = await Promise.all(MNIST_FILES.map((file) => findMnistFile(file, directories)));
  const missing = MNIST_FILES.filter((_, i) => found[i] === undefined);
  const mirror = missing.length > 0 ? await fetchMissing(missing, { ...given, cacheDir, directories }) : undefined;
  const [images, labels, testImages, testLabels] = MNIST_FILES.map(
    ({ name }, i) => found[i] ?? join(cacheDir, `${name}.gz`),
  ) as [string, string, string, string];
  const [train, test] = await Promise.all([
    idxImages({ images, labels, classes: 10 }),
    idxImages({ images: testImages, labels: testLabels, classes: 10 }),
  ]);
  return { train, test, source: mirror ?? join(images, '..') };
}

type Search = Fetching & { readonly cacheDir: string; readonly directories: readonly string[] };

/** Fetches the missing files, the mirror that worked first. Returns the last mirror that worked. */
async function fetchMissing(missing: readonly MnistFile[], search: Search): Promise<string> {
  if (!search.download) throw notFound(missing, search.directories, ['not allowed (`download: false`)']);
  const total = missing.reduce((sum, { size }) => sum + size, 0);
  let before = 0;
  let { mirrors } = search;
  for (const file of missing) {
    const name = `${file.name}.gz`;
    const result: DownloadResult = await download({
      name,
      mirrors,
      sha256: file.gzipped,
      target: join(search.cacheDir, name),
      fetch: search.fetch ?? fetch,
      timeout: search.timeout * 1000,
      onBytes: (bytes) => search.onProgress?.({ file: name, bytes: before + bytes, total }),
    });
    if (!result.ok) throw notFound([file], search.directories, result.failures);
    mirrors = [result.mirror, ...mirrors.filter((mirror) => mirror !== result.mirror)];
    before += file.size;
  }
  return mirrors[0] as string;
}

function notFound(
  files: readonly MnistFile[],
  directories: readonly string[],
  downloads: readonly string[],
): DataError {
  const names = files.map(({ name }) => `${name}[.gz]`).join(', ');
  return dataNotFound(
    `MNIST was not found: ${names}`,
    directories,
    downloads,
    'put the four files into one of these directories, name another with `dataDir` or KELVIN_DATA_DIR, or use `drawnDigits()`',
  );
}
