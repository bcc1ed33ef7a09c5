/**
 * The protobuf wire format, both ways: field encoders that return bytes, to be joined with `message`, and a
 * WireReader that walks over the fields of a message. Only what event files use.
 */
import { TensorBoardReaderError } from './errors.ts';

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

/** Joins fields into a message. */
export function message(...parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat(parts);
}

/** Writes `value` (a whole number from 0 to 2^53 - 1) at `offset` and returns the offset behind it. */
export function writeVarint(out: Uint8Array, offset: number, value: number): number {
  let rest = value;
  let at = offset;
  while (rest >= 0x80) {
    out[at++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  out[at++] = rest;
  return at;
}

function key(field: number, wireType: number): Buffer {
  return varint(field * 8 + wireType);
}

function varint(value: number): Buffer {
  const out = Buffer.allocUnsafe(8);
  return out.subarray(0, writeVarint(out, 0, value));
}

export function varintField(field: number, value: number): Buffer {
  return message(key(field, VARINT), varint(value));
}

export function doubleField(field: number, value: number): Buffer {
  return message(key(field, FIXED64), doubles([value]));
}

export function floatField(field: number, value: number): Buffer {
  const out = Buffer.allocUnsafe(4);
  out.writeFloatLE(value);
  return message(key(field, FIXED32), out);
}

export function bytesField(field: number, bytes: Uint8Array): Buffer {
  return message(key(field, LENGTH_DELIMITED), varint(bytes.length), bytes);
}

export function stringField(field: number, text: string): Buffer {
  return bytesField(field, Buffer.from(text));
}

/** A repeated float, packed. */
export function floatsField(field: number, values: readonly number[]): Buffer {
  const packed = Buffer.allocUnsafe(4 * values.length);
  values.forEach((value, i) => {
    packed.writeFloatLE(value, 4 * i);
  });
  return bytesField(field, packed);
}

/** A repeated double, packed. */
export function doublesField(field: number, values: readonly number[]): Buffer {
  return bytesField(field, doubles(values));
}

/** Whole numbers of a packed field, without its key. */
export function packVarints(values: readonly number[]): Buffer {
  return Buffer.concat(values.map(varint));
}

function doubles(values: readonly number[]): Buffer {
  const packed = Buffer.allocUnsafe(8 * values.length);
  values.forEach((value, i) => {
    packed.writeDoubleLE(value, 8 * i);
  });
  return packed;
}

/**
 * Walks over the fields of one message. A value that is not taken is skipped by the next `next()`.
 *
 * @example
 * ```ts
 * const reader = new WireReader(bytes);
 * while (reader.next()) if (reader.field === 2) step = reader.varint();
 * ```
 */
export class WireReader {
  readonly #bytes: Buffer;
  #at = 0;
  #wireType = -1;
  #taken = true;
  /** The number of the field that the last `next()` came to. */
  field = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Moves to the next field; false at the end of the message. */
  next(): boolean {
    if (!this.#taken) this.#skip();
    if (this.#at >= this.#bytes.length) return false;
    const tag = this.#readVarint();
    this.field = Math.floor(tag / 8);
    this.#wireType = tag % 8;
    this.#taken = false;
    return true;
  }

  /** An int64, enum or bool; exact up to 2^53. */
  varint(): number {
    this.#take(VARINT);
    return this.#readVarint();
  }

  double(): number {
    this.#take(FIXED64);
    return this.#bytes.readDoubleLE(this.#advance(8));
  }

  float(): number {
    this.#take(FIXED32);
    return this.#bytes.readFloatLE(this.#advance(4));
  }

  /** A nested message or bytes field, as a view into the message. */
  bytes(): Buffer {
    this.#take(LENGTH_DELIMITED);
    const length = this.#readVarint();
    const start = this.#advance(length);
    return this.#bytes.subarray(start, start + length);
  }

  string(): string {
    return this.bytes().toString('utf8');
  }

  /** One or more values of a repeated float field, packed or not. */
  floats(): number[] {
    return this.#wireType === FIXED32 ? [this.float()] : unpackFloats(this.bytes());
  }

  /** One or more values of a repeated double field, packed or not. */
  doubles(): number[] {
    return this.#wireType === FIXED64 ? [this.double()] : unpackDoubles(this.bytes());
  }

  /** One or more values of a repeated whole number field, packed or not. */
  varints(): number[] {
    if (this.#wireType === VARINT) return [this.varint()];
    const packed = new WireReader(this.bytes());
    const values: number[] = [];
    while (packed.#at < packed.#bytes.length) values.push(packed.#readVarint());
    return values;
  }

  #skip(): void {
    if (this.#wireType === VARINT) this.varint();
    else if (this.#wireType === FIXED64) this.double();
    else if (this.#wireType === LENGTH_DELIMITED) this.bytes();
    else if (this.#wireType === FIXED32) this.float();
    else throw malformed(`has a field of unknown wire type ${this.#wireType}`);
  }

  #take(wireType: number): void {
    if (this.#wireType !== wireType) {
      throw malformed(`has field ${this.field} with wire type ${this.#wireType} instead of ${wireType}`);
    }
    this.#taken = true;
  }

  #advance(length: number): number {
    const start = this.#at;
    if (length < 0 || start + length > this.#bytes.length) throw malformed('ends inside a field');
    this.#at = start + length;
    return start;
  }

  #readVarint(): number {
    const start = this.#at;
    let value = 0;
    for (let scale = 1; scale < 2 ** 49; scale *= 0x80) {
      const byte = this.#bytes[this.#advance(1)] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    this.#at = start;
    return this.#readLongVarint();
  }

  // Eight to ten bytes: large or negative, so it takes 64-bit arithmetic.
  #readLongVarint(): number {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#advance(1)] ?? 0;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(BigInt.asIntN(64, value));
    }
    throw malformed('has a varint of more than ten bytes');
  }
}

/** Little-endian float32 values, as in packed fields and `tensor_content`. */
export function unpackFloats(bytes: Buffer): number[] {
  return Array.from({ length: Math.floor(bytes.length / 4) }, (_, i) => bytes.readFloatLE(4 * i));
}

/** Little-endian float64 values, as in packed fields and `tensor_content`. */
export function unpackDoubles(bytes: Buffer): number[] {
  return Array.from({ length: Math.floor(bytes.length / 8) }, (_, i) => bytes.readDoubleLE(8 * i));
}

function malformed(what: string): TensorBoardReaderError {
  return new TensorBoardReaderError('malformed-message', `A protobuf message ${what}.`);
}
