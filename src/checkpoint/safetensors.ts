/**
 * The safetensors format (https://github.com/huggingface/safetensors): eight bytes of header length, a JSON header with
 * name, dtype, shape and byte range of each tensor, then the bytes. It holds no code, and Python reads it as it is.
 */
import type { SavedTensor } from '../core/contracts.ts';

/** Tensors and the free-form strings beside them. */
export interface SafetensorsFile {
  readonly tensors: Map<string, SavedTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A file that breaks the format; `checkpoint/store.ts` says which file it was. */
export class SafetensorsFormatError extends Error {}

type DType = SavedTensor['dtype'];
const TYPES = {
  F32: { dtype: 'float32', bytes: 4 },
  I32: { dtype: 'int32', bytes: 4 },
  BOOL: { dtype: 'bool', bytes: 1 },
} as const satisfies Record<string, { dtype: DType; bytes: number }>;
const CODES: Record<DType, keyof typeof TYPES> = { float32: 'F32', int32: 'I32', bool: 'BOOL' };

interface HeaderEntry {
  readonly dtype: keyof typeof TYPES;
  readonly shape: number[];
  readonly data_offsets: [number, number];
}

/** Encodes tensors, in the order of the map. The header is padded so that the data starts at a multiple of eight. */
export function encodeSafetensors({ tensors, metadata }: SafetensorsFile): Uint8Array {
  let offset = 0;
  const entries: Record<string, HeaderEntry | Readonly<Record<string, string>>> = { __metadata__: metadata };
  for (const [name, { dtype, shape, data }] of tensors) {
    entries[name] = { dtype: CODES[dtype], shape: [...shape], data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const json = Buffer.from(JSON.stringify(entries));
  const headerLength = Math.ceil(json.length / 8) * 8;
  const file = Buffer.alloc(8 + headerLength + offset, ' ');
  file.writeBigUInt64LE(BigInt(headerLength), 0);
  json.copy(file, 8);
  let position = 8 + headerLength;
  for (const { data } of tensors.values()) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), position);
    position += data.byteLength;
  }
  return file;
}

/**
 * Decodes a file. The data is copied, so that it is aligned and the file's memory can be freed.
 *
 * @throws SafetensorsFormatError when the bytes are not a whole safetensors file
 */
export function decodeSafetensors(file: Uint8Array): SafetensorsFile {
  const { header, dataStart } = readHeader(file);
  const { __metadata__: metadata = {}, ...entries } = header;
  const tensors = new Map<string, SavedTensor>();
  for (const [name, entry] of Object.entries(entries)) {
    if (!isHeaderEntry(entry)) throw new SafetensorsFormatError(`its header is wrong about tensor '${name}'`);
    tensors.set(name, readTensor(name, entry, file.subarray(dataStart)));
  }
  return { tensors, metadata: metadata as Record<string, string> };
}

function readHeader(file: Uint8Array): { header: Record<string, unknown>; dataStart: number } {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  if (bytes.length < 8) throw new SafetensorsFormatError(`it has ${bytes.length} bytes, too few for a header`);
  const length = Number(bytes.readBigUInt64LE(0));
  if (length > bytes.length - 8) throw new SafetensorsFormatError('it ends within its header');
  try {
    const header: unknown = JSON.parse(bytes.toString('utf8', 8, 8 + length));
    if (typeof header !== 'object' || header === null) throw new Error('not an object');
    return { header: header as Record<string, unknown>, dataStart: 8 + length };
  } catch (cause) {
    throw new SafetensorsFormatError('its header is not JSON', { cause });
  }
}

function isHeaderEntry(value: unknown): value is HeaderEntry {
  const { dtype, shape, data_offsets: range } = (value ?? {}) as Partial<HeaderEntry>;
  const areCounts = (list: unknown): boolean =>
    Array.isArray(list) && list.every((n) => Number.isSafeInteger(n) && n >= 0);
  return typeof dtype === 'string' && areCounts(shape) && areCounts(range) && range?.length === 2;
}

function readTensor(name: string, entry: HeaderEntry, data: Uint8Array): SavedTensor {
  const type = Object.hasOwn(TYPES, entry.dtype) ? TYPES[entry.dtype] : undefined;
  if (type === undefined) throw new SafetensorsFormatError(`tensor '${name}' has the unknown dtype ${entry.dtype}`);
  const [begin, end] = entry.data_offsets;
  const size = entry.shape.reduce((product, axis) => product * axis, 1);
  if (end > data.length) throw new SafetensorsFormatError(`it ends within tensor '${name}'`);
  if (end - begin !== size * type.bytes)
    throw new SafetensorsFormatError(`tensor '${name}' has the wrong number of bytes`);
  const copy = new Uint8Array(data.subarray(begin, end)); // a Buffer's own slice would share memory, unaligned
  return { shape: entry.shape, dtype: type.dtype, data: typed(type.dtype, copy) };
}

function typed(dtype: DType, bytes: Uint8Array): SavedTensor['data'] {
  switch (dtype) {
    case 'float32':
      return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
    case 'int32':
      return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
    case 'bool':
      return bytes;
    default:
      return dtype satisfies never;
  }
}
