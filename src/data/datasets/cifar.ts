/**
 * CIFAR-10 and CIFAR-100: 60,000 colour photographs of 32x32 pixels in 10 or 100 classes (Krizhevsky, "Learning multiple
 * layers of features from tiny images", 2009), read from the binary tar.gz, which is found here or fetched once.
 */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { cacheDirectory } from '../../core/cache.ts';
import { DataError } from '../../core/errors.ts';
import { parseOptions, text } from '../../core/options.ts';
import { readArchive, whole } from '../files/archive.ts';
import { download, sha256OfFile } from '../files/download.ts';
import { dataDirectories, dataNotFound, type Fetching, type FetchOptions, fetchShape } from '../files/fetched.ts';
import { ArrayDataset, type ImageColumns } from './array-dataset.ts';
import type { ImageSplits } from './mnist.ts';

/** Options of {@link cifar10} and {@link cifar100}. Their folder is named `cifar`. */
export interface CifarOptions extends FetchOptions {
  /** An archive in the format of the binary version, of any content and under any name; it is not verified. */
  readonly archive?: string | undefined;
}

/** Labelled images, and the names of their classes. */
export interface CifarSplits extends ImageSplits {
  readonly classNames: readonly string[];
}

/** What tells the two sets apart. */
interface Version {
  readonly file: string;
  readonly size: number;
  readonly sha256: string;
  /** Bytes before the pixels of an image; the last of them is the label. */
  readonly labelBytes: number;
  readonly names: RegExp;
  readonly train: RegExp;
  readonly test: RegExp;
}

const CIFAR10: Version = {
  file: 'cifar-10-binary.tar.gz',
  size: 170_052_171,
  sha256: 'c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd',
  labelBytes: 1,
  names: /batches\.meta\.txt$/,
  train: /data_batch_\d+\.bin$/,
  test: /test_batch\.bin$/,
};

const CIFAR100: Version = {
  file: 'cifar-100-binary.tar.gz',
  size: 168_513_733,
  sha256: '58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec',
  labelBytes: 2,
  names: /fine_label_names\.txt$/,
  train: /train\.bin$/,
  test: /test\.bin$/,
};

const SIDE = 32;
const PIXELS = SIDE * SIDE;

const optionsSchema = z.strictObject({
  ...fetchShape(['https://www.cs.toronto.edu/~kriz/']),
  archive: text('a file').optional(),
});

/**
 * CIFAR-10: images `x` [32, 32, 3] from 0 to 1, labels `y` from 0 to 9; 50,000 to train, 10,000 to test. Looks for
 * `cifar-10-binary.tar.gz` where {@link mnist} looks for its files, in folders named `cifar`, then fetches it (170 MB).
 *
 * @throws DataError `data-not-found`, `wrong-checksum`, `corrupt-archive`, `cifar-format`
 *
 * @example
 * ```ts
 * const { train, test, classNames } = await cifar10({ dataDir: 'data' });
 * ```
 */
export function cifar10(options: CifarOptions = {}): Promise<CifarSplits> {
  return load('cifar10', CIFAR10, options);
}

/** CIFAR-100, with its 100 fine classes; else as {@link cifar10}. */
export function cifar100(options: CifarOptions = {}): Promise<CifarSplits> {
  return load('cifar100', CIFAR100, options);
}

async function load(owner: string, version: Version, options: CifarOptions): Promise<CifarSplits> {
  const given = parseOptions(owner, optionsSchema, options);
  const archive = given.archive ?? (await findOrFetch(version, given));
  const parts: { train: Map<string, Uint8Array>; test: Map<string, Uint8Array> } = {
    train: new Map(),
    test: new Map(),
  };
  let classNames: string[] = [];
  await readArchive(archive, async (name, pieces) => {
    if (version.names.test(name))
      classNames = Buffer.from(await whole(pieces))
        .toString()
        .split('\n')
        .filter(Boolean);
    else if (version.train.test(name)) parts.train.set(name, await whole(pieces));
    else if (version.test.test(name)) parts.test.set(name, await whole(pieces));
  });
  const [train, test] = [parts.train, parts.test].map((part) => imagesOf(part, version, archive, classNames.length));
  return { train: train as ArrayDataset<ImageColumns>, test: test as typeof train & {}, classNames, source: archive };
}

/** Planes of red, green and blue become pixels. All of a set is 184 MB of bytes, so it is held in memory. */
function imagesOf(
  files: ReadonlyMap<string, Uint8Array>,
  { labelBytes, file }: Version,
  archive: string,
  classes: number,
): ArrayDataset<ImageColumns> {
  const record = labelBytes + 3 * PIXELS;
  const sorted = [...files].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [name, { length }] of sorted) {
    if (length % record !== 0)
      throw wrongFormat(archive, `${name} to hold records of ${record} bytes`, `${length} bytes`);
  }
  if (sorted.length === 0 || classes === 0) throw wrongFormat(archive, `the files of ${file}`, 'others');
  const count = sorted.reduce((sum, [, { length }]) => sum + length / record, 0);
  const pixels = new Uint8Array(count * 3 * PIXELS);
  const labels = new Int32Array(count);
  let image = 0;
  for (const [, bytes] of sorted) {
    for (let at = 0; at < bytes.length; at += record, image++) {
      labels[image] = bytes[at + labelBytes - 1] as number;
      const from = at + labelBytes;
      let to = image * 3 * PIXELS;
      for (let pixel = from; pixel < from + PIXELS; pixel++) {
        pixels[to++] = bytes[pixel] as number;
        pixels[to++] = bytes[pixel + PIXELS] as number;
        pixels[to++] = bytes[pixel + 2 * PIXELS] as number;
      }
    }
  }
  return new ArrayDataset(
    { x: { data: pixels, shape: [SIDE, SIDE, 3], scale: 1 / 255 }, y: { data: labels, shape: [], dtype: 'int32' } },
    { classes },
  );
}

async function findOrFetch(version: Version, given: Fetching): Promise<string> {
  const cacheDir = given.cacheDir ?? join(cacheDirectory(), 'cifar');
  const directories = dataDirectories('cifar', given.dataDir, cacheDir);
  for (const directory of directories) {
    const path = join(directory, version.file);
    const there = await access(path).then(
      () => true,
      () => false,
    );
    if (there) return await verified(path, version);
  }
  const { file, size: total, sha256 } = version;
  const target = join(cacheDir, file);
  if (!given.download) throw notFound(version, directories, ['not allowed (`download: false`)']);
  const result = await download({
    ...{ name: file, target, sha256, mirrors: given.mirrors, fetch: given.fetch ?? fetch },
    timeout: given.timeout * 1000,
    onBytes: (bytes) => given.onProgress?.({ file, bytes, total }),
  });
  if (!result.ok) throw notFound(version, directories, result.failures);
  return target;
}

async function verified(path: string, version: Version): Promise<string> {
  const found = await sha256OfFile(path);
  if (found === version.sha256) return path;
  throw new DataError(`${path} is not the official archive`, {
    code: 'wrong-checksum',
    expected: `sha256 ${version.sha256}`,
    got: found,
    help: 'delete the file so that it is fetched again, or name an archive of your own with `archive`',
  });
}

const wrongFormat = (archive: string, expected: string, got: string): DataError =>
  new DataError(`${archive} is not the binary version of CIFAR`, { code: 'cifar-format', expected, got });

const notFound = ({ file }: Version, directories: readonly string[], downloads: readonly string[]): DataError =>
  dataNotFound(
    `${file} was not found`,
    directories,
    downloads,
    'put the archive into one of these directories, or name another with `dataDir` or KELVIN_DATA_DIR',
  );
