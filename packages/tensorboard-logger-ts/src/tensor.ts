/** TensorProto, the payload of every TensorBoard 2 summary: float, double, integer and string tensors, both ways. */
import {
  bytesField,
  doublesField,
  floatsField,
  message,
  packVarints,
  unpackDoubles,
  unpackFloats,
  varintField,
  WireReader,
} from './wire.ts';

const DT_FLOAT = 1;
const DT_DOUBLE = 2;
export const DT_INT32 = 3;
export const DT_UINT8 = 4;
const DT_STRING = 7;

/** A decoded tensor: `numbers` for float, double and small integers, `strings` (raw bytes) for string tensors. */
export interface DecodedTensor {
  readonly shape: readonly number[];
  readonly numbers: readonly number[];
  readonly strings: readonly Buffer[];
}

export function floatTensor(values: readonly number[], shape: readonly number[]): Buffer {
  const packed = values.length > 0 ? floatsField(5, values) : Buffer.alloc(0);
  return message(varintField(1, DT_FLOAT), shapeField(shape), packed);
}

export function doubleTensor(values: readonly number[], shape: readonly number[]): Buffer {
  const packed = values.length > 0 ? doublesField(6, values) : Buffer.alloc(0);
  return message(varintField(1, DT_DOUBLE), shapeField(shape), packed);
}

export function intTensor(values: readonly number[], shape: readonly number[], dtype: number): Buffer {
  const packed = values.length > 0 ? bytesField(7, packVarints(values)) : Buffer.alloc(0);
  return message(varintField(1, dtype), shapeField(shape), packed);
}

export function stringTensor(values: readonly (string | Uint8Array)[], shape: readonly number[]): Buffer {
  const fields = values.map((value) => bytesField(8, typeof value === 'string' ? Buffer.from(value) : value));
  return message(varintField(1, DT_STRING), shapeField(shape), ...fields);
}

// A size of 0 is left out, as protobuf's own encoders do with default values.
function shapeField(shape: readonly number[]): Buffer {
  const dims = shape.map((size) => bytesField(2, size === 0 ? Buffer.alloc(0) : varintField(1, size)));
  return bytesField(2, message(...dims));
}

/** Reads a tensor; other programs put numbers into `tensor_content` (field 4) as raw little-endian bytes. */
export function decodeTensor(bytes: Uint8Array): DecodedTensor {
  const reader = new WireReader(bytes);
  const strings: Buffer[] = [];
  const numbers: number[] = [];
  let shape: number[] = [];
  let dtype = 0;
  let content: Buffer | undefined;
  while (reader.next()) {
    if (reader.field === 1) dtype = reader.varint();
    else if (reader.field === 2) shape = decodeShape(reader.bytes());
    else if (reader.field === 4) content = reader.bytes();
    else if (reader.field === 5) for (const value of reader.floats()) numbers.push(value);
    else if (reader.field === 6) for (const value of reader.doubles()) numbers.push(value);
    else if (reader.field === 7) for (const value of reader.varints()) numbers.push(value);
    else if (reader.field === 8) strings.push(reader.bytes());
  }
  if (content?.length && dtype === DT_FLOAT) return { shape, numbers: unpackFloats(content), strings };
  if (content?.length && dtype === DT_DOUBLE) return { shape, numbers: unpackDoubles(content), strings };
  if (content?.length && dtype === DT_INT32) return { shape, numbers: unpackInts(content), strings };
  if (content?.length && dtype === DT_UINT8) return { shape, numbers: [...content], strings };
  return { shape, numbers, strings };
}

function unpackInts(bytes: Buffer): number[] {
  return Array.from({ length: Math.floor(bytes.length / 4) }, (_, i) => bytes.readInt32LE(4 * i));
}

function decodeShape(bytes: Uint8Array): number[] {
  const shape: number[] = [];
  const reader = new WireReader(bytes);
  while (reader.next()) if (reader.field === 2) shape.push(decodeDimension(reader.bytes()));
  return shape;
}

function decodeDimension(bytes: Uint8Array): number {
  let size = 0;
  const reader = new WireReader(bytes);
  while (reader.next()) if (reader.field === 1) size = reader.varint();
  return size;
}
