/**
 * Reads idx files, the format of MNIST and its kin: a magic number, the extents, then the values in row-major order,
 * big-endian. Files may be gzipped, whatever their name says.
 */
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { DataError, messageOf } from '../../core/errors.ts';
import { type HostTensor, sizeOf } from '../host.ts';
import { ArrayDataset, type ImageColumns } from './array-dataset.ts';

type Reader = { readonly bytes: number; readonly read: (view: DataView, count: number) => HostTensor['data'] };

const many = <T>(make: (count: number) => T, put: (values: T, view: DataView, i: number) => void) => {
  return (view: DataView, count: number): T => {
    const values = make(count);
    for (let i = 0; i < count; i++) put(values, view, i);
    return values;
  };
};

/** Kinds of values by the third byte of the magic number. */
const KINDS: Readonly<Record<number, Reader>> = {
  8: { bytes: 1, read: (view, count) => new Uint8Array(view.buffer, view.byteOffset, count) },
  9: { bytes: 1, read: (view, count) => new Int8Array(view.buffer, view.byteOffset, count) },
  11: {
    bytes: 2,
    read: many(
      (n) => new Int16Array(n),
      (to, view, i) => {
        to[i] = view.getInt16(2 * i);
      },
    ),
  },
  12: {
    bytes: 4,
    read: many(
      (n) => new Int32Array(n),
      (to, view, i) => {
        to[i] = view.getInt32(4 * i);
      },
    ),
  },
  13: {
    bytes: 4,
    read: many(
      (n) => new Float32Array(n),
      (to, view, i) => {
        to[i] = view.getFloat32(4 * i);
      },
    ),
  },
  14: {
    bytes: 8,
    read: many(
      (n) => new Float64Array(n),
      (to, view, i) => {
        to[i] = view.getFloat64(8 * i);
      },
    ),
  },
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
    throw new DataError(`${file} cannot be read: ${messageOf(cause)}`, { code: 'file-unreadable', cause });
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
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 4) throw truncated(file, 'at least 4 bytes', bytes.length);
  const kind = KINDS[bytes[2] as number];
  const rank = bytes[3] as number;
  if (bytes[0] !== 0 || bytes[1] !== 0 || !kind || rank === 0) throw wrongMagic(file, view.getUint32(0));
  const header = 4 + 4 * rank;
  if (bytes.length < header) throw truncated(file, `a header of ${header} bytes`, bytes.length);
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const expected = header + sizeOf(shape) * kind.bytes;
  if (bytes.length < expected) throw truncated(file, `${expected} bytes for shape [${shape.join(', ')}]`, bytes.length);
  if (bytes.length > expected) {
    throw new DataError(`${file} has bytes behind its end`, {
      code: 'idx-trailing',
      expected: `${expected} bytes for shape [${shape.join(', ')}]`,
      got: String(bytes.length),
    });
  }
  const body = new DataView(bytes.buffer, bytes.byteOffset + header, bytes.byteLength - header);
  return { data: kind.read(body, sizeOf(shape)), shape };
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
  const [count, height, width, channels = 1] = images.shape;
  if (height === undefined || width === undefined || images.shape.length > 4) {
    throw mismatch(`${files.images} holds no images`, 'shape [images, height, width]', `[${images.shape.join(', ')}]`);
  }
  if (labels.shape.length !== 1 || labels.shape[0] !== count) {
    const got = `shape [${labels.shape.join(', ')}] in ${files.labels}`;
    throw mismatch(`${files.images} and ${files.labels} do not belong together`, `${count} labels`, got);
  }
  return new ArrayDataset(
    {
      x: { data: images.data, shape: [height, width, channels], scale: 1 / 255 },
      y: { data: labels.data, shape: [], dtype: 'int32' },
    },
    { classes: files.classes },
  );
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
