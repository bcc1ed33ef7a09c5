/**
 * Datasets from NumPy's files: npy, read row by row from the file, and npz, a zip archive of npy files, read whole.
 */
import { readFile } from 'node:fs/promises';
import { unzipSync } from 'fflate';
import { ConfigError, DataError, messageOf } from '../../core/errors.ts';
import { nearest } from '../../core/options.ts';
import { startOf } from '../files/byte-range.ts';
import { unreadable } from '../files/file-errors.ts';
import { type ArrayLayout, NPY_HEADER_BYTES, npyLayout } from '../files/npy.ts';
import { bytesOf, numbersIn } from '../files/number-kinds.ts';
import { type HostTensor, sizeOf } from '../host.ts';
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

/**
 * Samples in an npz archive, as `np.savez` and `np.savez_compressed` write it. The archive is read into memory.
 *
 * @throws DataError as {@link npyDataset}, and `corrupt-archive`; ConfigError `unknown-array` for a name that it has not
 *
 * @example
 * ```ts
 * const dataset = await npzDataset('digits.npz', { x: { from: 'images', scale: 1 / 255 }, y: 'labels' });
 * ```
 */
export async function npzDataset(file: string, columns: NumpyColumns): Promise<ArrayDataset> {
  const arrays = await readNpz(file);
  const found: Record<string, HostColumn> = {};
  for (const [name, column] of Object.entries(columns)) {
    const { from, scale, dtype } = asColumn(column);
    const array = arrays[from];
    if (!array) throw unknownArray(file, from, Object.keys(arrays));
    found[name] = { data: array.data, shape: array.shape.slice(1), scale, dtype };
  }
  return new ArrayDataset(found);
}

/** One npy file as an array on the host. @throws DataError as {@link npyDataset} */
export async function readNpy(file: string): Promise<HostTensor> {
  return parseNpy(await contentOf(file), file);
}

/** All arrays of an npz archive, by name. @throws DataError as {@link npzDataset} */
export async function readNpz(file: string): Promise<Record<string, HostTensor>> {
  const bytes = await contentOf(file);
  let entries: Record<string, Uint8Array>;
  try {
    entries = unzipSync(bytes);
  } catch (cause) {
    throw new DataError(`${file} is no zip archive, or a damaged one: ${messageOf(cause)}`, {
      code: 'corrupt-archive',
      cause,
    });
  }
  const arrays: Record<string, HostTensor> = {};
  for (const [entry, content] of Object.entries(entries)) {
    arrays[entry.replace(/\.npy$/, '')] = parseNpy(content, `${file}: ${entry}`);
  }
  return arrays;
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
