/**
 * npy files, NumPy's own format for one array: a magic number, a header that is a Python dictionary, then the numbers.
 */
import { DataError } from '../../core/errors.ts';
import { sizeOf } from '../host.ts';
import { bytesOf, type NumberKind } from './number-kinds.ts';

/** Where the numbers of a file are, and how they are stored. */
export interface ArrayLayout {
  readonly file: string;
  readonly kind: NumberKind;
  readonly bigEndian: boolean;
  readonly shape: readonly number[];
  /** Of the first number, in bytes. */
  readonly offset: number;
}

const KINDS: Readonly<Record<string, NumberKind>> = {
  b1: 'uint8',
  u1: 'uint8',
  i1: 'int8',
  u2: 'uint16',
  i2: 'int16',
  u4: 'uint32',
  i4: 'int32',
  i8: 'int64',
  u8: 'uint64',
  f4: 'float32',
  f8: 'float64',
};

/** As many bytes as any header that NumPy writes for a plain array. */
export const NPY_HEADER_BYTES = 4096;

/**
 * Reads the header of an npy file.
 *
 * @param start the first bytes of the file, {@link NPY_HEADER_BYTES} or all of them
 * @param bytes how large the file is
 * @throws DataError `npy-format`, `npy-truncated`
 */
export function npyLayout(start: Uint8Array, bytes: number, file: string): ArrayLayout {
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  if (start.length < 12 || Buffer.from(start.subarray(0, 6)).toString('latin1') !== '\x93NUMPY') {
    throw wrong(file, 'an npy file, which begins with \\x93NUMPY');
  }
  const long = (start[6] as number) > 1;
  const before = long ? 12 : 10;
  const offset = before + (long ? view.getUint32(8, true) : view.getUint16(8, true));
  if (offset > start.length) throw truncated(file, `a header of ${offset} bytes`, bytes);
  const header = Buffer.from(start.subarray(before, offset)).toString('latin1');
  const [, order, code] = /'descr':\s*'([<>|=])([a-zA-Z]\d+)'/.exec(header) ?? [];
  const kind = code === undefined ? undefined : KINDS[code];
  if (kind === undefined) {
    throw wrong(
      file,
      `numbers of one of the kinds ${Object.keys(KINDS).join(', ')}`,
      header,
      'convert it with .astype',
    );
  }
  if (/'fortran_order':\s*True/.test(header)) {
    throw wrong(file, 'an array in C order', 'one in Fortran order', 'save it as np.ascontiguousarray(…)');
  }
  const extents = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1];
  if (extents === undefined) throw wrong(file, 'a header with a shape', header);
  const shape = extents
    .split(',')
    .filter((part) => part.trim() !== '')
    .map(Number);
  const expected = offset + sizeOf(shape) * bytesOf(kind);
  if (bytes < expected) throw truncated(file, `${expected} bytes for shape [${shape.join(', ')}]`, bytes);
  return { file, kind, bigEndian: order === '>', shape, offset };
}

const wrong = (file: string, expected: string, got?: string, help?: string): DataError =>
  new DataError(`${file} cannot be used`, { code: 'npy-format', expected, got: got?.trim().slice(0, 120), help });

const truncated = (file: string, expected: string, bytes: number): DataError =>
  new DataError(`${file} is truncated`, { code: 'npy-truncated', expected, got: `${bytes} bytes` });
