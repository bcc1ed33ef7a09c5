/**
 * Reads idx files, the format of MNIST and its kin: a magic number, the extents, then the values in row-major order,
 * big-endian. Files may be gzipped, whatever their name says.
 */
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { DataError, messageOf } from '../../core/errors.ts';
import type * as tf from '../../core/tf.ts';
import { startOf } from '../files/byte-range.ts';
import { unreadable } from '../files/file-errors.ts';
import type { ArrayLayout } from '../files/npy.ts';
import { bytesOf, type NumberKind, numbersIn } from '../files/number-kinds.ts';
import { type HostTensor, sizeOf } from '../host.ts';
import { ArrayDataset, type ImageColumns } from './array-dataset.ts';
import { FileArrays } from './file-arrays.ts';

/** Kinds of values by the third byte of the magic number. */
const KINDS: Readonly<Record<number, NumberKind>> = {
  8: 'uint8',
  9: 'int8',
  11: 'int16',
  12: 'int32',
  13: 'float32',
  14: 'float64',
};

/**
 * Reads an idx file.
 *
 * @throws DataError naming the file: `file-unreadable`, `corrupt-gzip`, `idx-magic`, `idx-truncated`, `idx-trailing`
 *
 * @example
 * ```ts
 * const { data, shape } = await readIdx('train-images-idx3-ubyte.gz'); // shape [60000, 28, 28]
 * ```
 */
export async function readIdx(file: string): Promise<HostTensor> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw unreadable(file, cause);
  });
  return parseIdx(await unzipped(bytes, file), file);
}

/** The bytes themselves, unpacked if they are gzipped. */
export async function unzipped(bytes: Uint8Array, file: string): Promise<Uint8Array> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return await promisify(gunzip)(bytes);
  } catch (cause) {
    throw new DataError(`${file} is a damaged gzip file: ${messageOf(cause)}`, {
      code: 'corrupt-gzip',
      help: 'delete the file and fetch it again',
      cause,
    });
  }
}

/** Reads the content of an unpacked idx file; `file` is its name in errors. */
export function parseIdx(bytes: Uint8Array, file: string): HostTensor {
  const { kind, shape, offset } = idxLayout(bytes, bytes.length, file);
  return { data: numbersIn(bytes.subarray(offset), kind, true, file), shape };
}

/** As many bytes as the longest header. */
const HEADER_BYTES = 4 + 4 * 255;

/** What the header says; `start` are the first bytes of the file, of which there are `bytes`. */
function idxLayout(start: Uint8Array, bytes: number, file: string): ArrayLayout {
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  if (start.length < 4) throw truncated(file, 'at least 4 bytes', bytes);
  const kind = KINDS[start[2] as number];
  const rank = start[3] as number;
  if (start[0] !== 0 || start[1] !== 0 || !kind || rank === 0) throw wrongMagic(file, view.getUint32(0));
  const offset = 4 + 4 * rank;
  if (bytes < offset) throw truncated(file, `a header of ${offset} bytes`, bytes);
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const expected = offset + sizeOf(shape) * bytesOf(kind);
  if (bytes < expected) throw truncated(file, `${expected} bytes for shape [${shape.join(', ')}]`, bytes);
  if (bytes > expected) {
    throw new DataError(`${file} has bytes behind its end`, {
      code: 'idx-trailing',
      expected: `${expected} bytes for shape [${shape.join(', ')}]`,
      got: String(bytes),
    });
  }
  return { file, kind, bigEndian: true, shape, offset };
}

/**
 * A data set of images and their labels from a pair of idx files; pixels become 0 to 1.
 *
 * @throws DataError as {@link readIdx} does, and `idx-mismatch` when the files do not belong together
 *
 * @example
 * ```ts
 * const letters = await idxImages({ images: 'emnist-images.gz', labels: 'emnist-labels.gz', classes: 27 });
 * ```
 */
export async function idxImages(files: {
  images: string;
  labels: string;
  classes?: number | undefined;
}): Promise<ArrayDataset<ImageColumns>> {
  const [images, labels] = await Promise.all([readIdx(files.images), readIdx(files.labels)]);
  const shape = imageShape(files, images.shape, labels.shape);
  return new ArrayDataset(
    {
      x: { data: images.data, shape, scale: 1 / 255 },
      y: { data: labels.data, shape: [], dtype: 'int32' },
    },
    { classes: files.classes },
  );
}

/**
 * The same images, left in their files and read when they are needed: for sets larger than memory. The files must not be
 * gzipped. Labels are not checked against the number of classes.
 *
 * @throws DataError as {@link idxImages} does; `idx-magic` for a gzipped file
 *
 * @example
 * ```ts
 * const huge = await idxImageFiles({ images: 'images-idx3-ubyte', labels: 'labels-idx1-ubyte' });
 * ```
 */
export async function idxImageFiles(files: {
  images: string;
  labels: string;
}): Promise<FileArrays<{ x: tf.Tensor4D; y: tf.Tensor1D }>> {
  const [images, labels] = (await Promise.all(
    [files.images, files.labels].map(async (file) => {
      const { start, bytes } = await startOf(file, HEADER_BYTES);
      return idxLayout(start, bytes, file);
    }),
  )) as [ArrayLayout, ArrayLayout];
  const sample = imageShape(files, images.shape, labels.shape);
  return new FileArrays({ x: { ...images, sample, scale: 1 / 255 }, y: { ...labels, dtype: 'int32' } });
}

/** The shape of one image. @throws DataError `idx-mismatch` */
function imageShape(
  files: { images: string; labels: string },
  images: readonly number[],
  labels: readonly number[],
): [number, number, number] {
  const [count, height, width, channels = 1] = images;
  if (height === undefined || width === undefined || images.length > 4) {
    throw mismatch(`${files.images} holds no images`, 'shape [images, height, width]', `[${images.join(', ')}]`);
  }
  if (labels.length !== 1 || labels[0] !== count) {
    const got = `shape [${labels.join(', ')}] in ${files.labels}`;
    throw mismatch(`${files.images} and ${files.labels} do not belong together`, `${count} labels`, got);
  }
  return [height, width, channels];
}

const mismatch = (summary: string, expected: string, got: string): DataError =>
  new DataError(summary, { code: 'idx-mismatch', expected, got });

const truncated = (file: string, expected: string, bytes: number): DataError =>
  new DataError(`${file} is truncated`, {
    code: 'idx-truncated',
    expected,
    got: `${bytes} bytes`,
    help: 'delete the file and fetch it again',
  });

const wrongMagic = (file: string, magic: number): DataError =>
  new DataError(`${file} is not an idx file`, {
    code: 'idx-magic',
    expected: 'a magic number like 0x00000803 (images) or 0x00000801 (labels)',
    got: `0x${magic.toString(16).padStart(8, '0')}`,
  });
