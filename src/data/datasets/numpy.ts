/**
 * Datasets from NumPy's files: npy, read row by row from the file, and npz, a zip archive of npy files, read row by row too
 * unless it is compressed.
 */
import { readFile } from 'node:fs/promises';
import { ConfigError, DataError, KelvinError, messageOf } from '../../core/errors.ts';
import { nearest } from '../../core/options.ts';
import type { Dataset } from '../dataset.ts';
import { whole } from '../files/archive.ts';
import { startOf } from '../files/byte-range.ts';
import { unreadable } from '../files/file-errors.ts';
import { type ArrayLayout, NPY_HEADER_BYTES, npyLayout } from '../files/npy.ts';
import { bytesOf, numbersIn } from '../files/number-kinds.ts';
import { entryOffset, entryPieces, type ZipEntry, zipEntries } from '../files/zip.ts';
import { type HostBatch, type HostTensor, sizeOf } from '../host.ts';
import { ArrayDataset } from './array-dataset.ts';
import type { HostColumn } from './columns.ts';
import { FileArrays, type FileColumn } from './file-arrays.ts';

/** How one array of a NumPy file becomes a column. */
export interface NumpyColumn {
  /** The npy file; in an npz, the name of the array. */
  readonly from: string;
  /** Values are multiplied by this. Default 1. */
  readonly scale?: number | undefined;
  readonly dtype?: 'float32' | 'int32' | undefined;
}

/** Columns by name, each a file (or an array's name), or one with more to say. */
export type NumpyColumns = Readonly<Record<string, string | NumpyColumn>>;

/**
 * Samples in npy files, whose first axis counts them. Only what a batch needs is read, so files may be larger than memory.
 *
 * @throws DataError `file-unreadable`, `npy-format`, `npy-truncated`, `column-length`
 *
 * @example
 * ```ts
 * const dataset = await npyDataset({ x: { from: 'images.npy', scale: 1 / 255 }, y: 'labels.npy' });
 * ```
 */
export async function npyDataset(columns: NumpyColumns): Promise<FileArrays> {
  const layouts: Record<string, FileColumn> = {};
  for (const [name, column] of Object.entries(columns)) {
    const { from, scale, dtype } = asColumn(column);
    const { start, bytes } = await startOf(from, NPY_HEADER_BYTES);
    layouts[name] = { ...withSamples(npyLayout(start, bytes, from)), scale, dtype };
  }
  return new FileArrays(layouts);
}

/** Samples of an npz archive, in memory or left in the file. */
export type NpzDataset = Dataset<Record<string, HostTensor>> & { gather(indices: ArrayLike<number>): HostBatch };

/**
 * Samples in an npz archive. Of arrays that `np.savez` wrote only what a batch needs is read; those of `np.savez_compressed`
 * are unpacked into memory.
 *
 * @throws DataError as {@link npyDataset}, and `corrupt-archive`; ConfigError `unknown-array` for a name that it has not
 *
 * @example
 * ```ts
 * const dataset = await npzDataset('digits.npz', { x: { from: 'images', scale: 1 / 255 }, y: 'labels' });
 * ```
 */
export function npzDataset(file: string, columns: NumpyColumns): Promise<NpzDataset> {
  return reading(file, async () => {
    const entries = new Map((await zipEntries(file)).map((entry) => [arrayName(entry), entry]));
    const chosen = Object.entries(columns).map(([name, column]) => {
      const { from, scale, dtype } = asColumn(column);
      const entry = entries.get(from);
      if (!entry) throw unknownArray(file, from, [...entries.keys()]);
      return { name, entry, scale, dtype };
    });
    if (chosen.every(({ entry }) => entry.stored)) {
      const left: Record<string, FileColumn> = {};
      for (const { name, entry, ...how } of chosen) left[name] = { ...(await storedLayout(file, entry)), ...how };
      return new FileArrays(left);
    }
    const found: Record<string, HostColumn> = {};
    for (const { name, entry, ...how } of chosen) {
      const { data, shape } = await unpacked(file, entry);
      found[name] = { data, shape: shape.slice(1), ...how };
    }
    return new ArrayDataset(found);
  });
}

/** One npy file as an array on the host. @throws DataError as {@link npyDataset} */
export async function readNpy(file: string): Promise<HostTensor> {
  return parseNpy(await contentOf(file), file);
}

/** All arrays of an npz archive, by name. @throws DataError as {@link npzDataset} */
export function readNpz(file: string): Promise<Record<string, HostTensor>> {
  return reading(file, async () => {
    const arrays: Record<string, HostTensor> = {};
    for (const entry of await zipEntries(file)) arrays[arrayName(entry)] = await unpacked(file, entry);
    return arrays;
  });
}

const arrayName = ({ name }: ZipEntry): string => name.replace(/\.npy$/, '');

async function unpacked(file: string, entry: ZipEntry): Promise<HostTensor> {
  return parseNpy(await whole(entryPieces(file, entry)), `${file}: ${entry.name}`);
}

/** Where the numbers of an array lie in the archive. */
async function storedLayout(file: string, entry: ZipEntry): Promise<ArrayLayout> {
  const begin = await entryOffset(file, entry);
  const { start } = await startOf(file, Math.min(NPY_HEADER_BYTES, entry.size), begin);
  const layout = withSamples(npyLayout(start, entry.size, `${file}: ${entry.name}`));
  return { ...layout, file, offset: begin + layout.offset };
}

/** Says what is wrong with an archive. */
async function reading<T>(file: string, body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (cause) {
    if (cause instanceof KelvinError) throw cause;
    if ((cause as NodeJS.ErrnoException).syscall !== undefined) throw unreadable(file, cause);
    throw new DataError(`${file} is no zip archive, or a damaged one: ${messageOf(cause)}`, {
      code: 'corrupt-archive',
      cause,
    });
  }
}

function parseNpy(bytes: Uint8Array, file: string): HostTensor {
  const { kind, bigEndian, shape, offset } = npyLayout(bytes, bytes.length, file);
  const end = offset + sizeOf(shape) * bytesOf(kind);
  return { data: numbersIn(bytes.subarray(offset, end), kind, bigEndian, file), shape };
}

const contentOf = (file: string): Promise<Uint8Array> =>
  readFile(file).catch((cause: unknown) => {
    throw unreadable(file, cause);
  });

const asColumn = (column: string | NumpyColumn): NumpyColumn =>
  typeof column === 'string' ? { from: column } : column;

function withSamples(layout: ArrayLayout): ArrayLayout {
  if (layout.shape.length > 0) return layout;
  throw new DataError(`${layout.file} cannot be used`, {
    code: 'npy-format',
    expected: 'an array whose first axis counts the samples',
    got: 'a single number',
  });
}

function unknownArray(file: string, name: string, known: readonly string[]): ConfigError {
  const near = nearest(name, known);
  return new ConfigError(`${file} has no array \`${name}\``, {
    code: 'unknown-array',
    help: near ? `did you mean \`${near}\`?` : `it has ${known.join(', ')}`,
  });
}
