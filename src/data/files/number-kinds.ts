/**
 * Kinds of numbers in binary files, and typed arrays of them, whatever the order of their bytes.
 */
import { DataError } from '../../core/errors.ts';
import type { HostArray } from '../host.ts';

/** How the numbers of a file are stored. */
export type NumberKind =
  | 'uint8'
  | 'int8'
  | 'uint16'
  | 'int16'
  | 'uint32'
  | 'int32'
  | 'int64'
  | 'uint64'
  | 'float32'
  | 'float64';

type Make = new (buffer: ArrayBuffer, offset: number, length: number) => HostArray;

const ARRAYS: Readonly<Record<Exclude<NumberKind, 'int64' | 'uint64'>, Make>> = {
  uint8: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  uint32: Uint32Array,
  int32: Int32Array,
  float32: Float32Array,
  float64: Float64Array,
};

/** Bytes per number. */
export function bytesOf(kind: NumberKind): number {
  return Number(/\d+/.exec(kind)?.[0]) / 8;
}

/**
 * The numbers in `bytes`, which belong to the callee afterwards. 64-bit whole numbers become int32.
 *
 * @param file its name in errors
 * @throws DataError `number-too-large` for a 64-bit number that int32 does not hold
 */
export function numbersIn(bytes: Uint8Array, kind: NumberKind, bigEndian: boolean, file: string): HostArray {
  const size = bytesOf(kind);
  // A Buffer's own `slice` would share the memory.
  const aligned = bytes.byteOffset % size === 0 ? bytes : Uint8Array.prototype.slice.call(bytes);
  if (bigEndian && size > 1) swapBytes(aligned, size);
  const { buffer, byteOffset, byteLength } = aligned;
  const count = byteLength / size;
  if (kind === 'int64') return narrowed(new BigInt64Array(buffer as ArrayBuffer, byteOffset, count), file);
  if (kind === 'uint64') return narrowed(new BigUint64Array(buffer as ArrayBuffer, byteOffset, count), file);
  return new ARRAYS[kind](buffer as ArrayBuffer, byteOffset, count);
}

/** Machines that tfjs runs on are little-endian. */
function swapBytes(bytes: Uint8Array, size: number): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (size === 2) buffer.swap16();
  else if (size === 4) buffer.swap32();
  else buffer.swap64();
}

function narrowed(values: BigInt64Array | BigUint64Array, file: string): Int32Array {
  return Int32Array.from(values as BigInt64Array, (value: bigint, index: number) => {
    if (BigInt.asIntN(32, value) === value) return Number(value);
    throw new DataError(`${file}: number ${index} is too large`, {
      code: 'number-too-large',
      expected: 'whole numbers of 32 bits',
      got: String(value),
      help: 'save the array as int32 or float32',
    });
  });
}
