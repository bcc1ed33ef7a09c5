/**
 * TFRecord framing: u64 length, masked CRC of the length, data, masked CRC of the data, all little-endian.
 * A RecordBuffer collects records to be written; a RecordParser takes them out of bytes as they arrive.
 */
import { maskedCrc32c } from './crc32c.ts';

const HEADER = 12;
const FOOTER = 4;

/** Frames one record. */
export function frameRecord(data: Uint8Array): Buffer {
  const buffer = new RecordBuffer(HEADER + data.length + FOOTER);
  buffer.append(data);
  return buffer.take();
}

/**
 * A growing buffer of whole records. `append` takes finished data; a hot path writes its data in place, between
 * `begin` (which makes room) and `end` (which frames it).
 */
export class RecordBuffer {
  /** The storage; replaced when it grows, so read it after `begin`. */
  bytes: Buffer;
  /** Bytes in use, always whole records. */
  length = 0;
  /** Records in use. */
  count = 0;
  readonly #initial: number;

  constructor(initial = 16 * 1024) {
    this.#initial = initial;
    this.bytes = Buffer.allocUnsafe(initial);
  }

  append(data: Uint8Array): void {
    const start = this.begin(data.length);
    this.bytes.set(data, start);
    this.end(start + data.length);
  }

  /** Makes room for a record of at most `maxLength` bytes of data; returns where the data starts. */
  begin(maxLength: number): number {
    const needed = this.length + HEADER + maxLength + FOOTER;
    if (needed > this.bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, 2 * this.bytes.length));
      this.bytes.copy(grown, 0, 0, this.length);
      this.bytes = grown;
    }
    return this.length + HEADER;
  }

  /** Frames the record whose data runs from `begin`'s offset to `dataEnd`. */
  end(dataEnd: number): void {
    const start = this.length;
    const length = dataEnd - start - HEADER;
    this.bytes.writeUInt32LE(length, start);
    this.bytes.writeUInt32LE(0, start + 4);
    this.bytes.writeUInt32LE(maskedCrc32c(this.bytes, start, start + 8), start + 8);
    this.bytes.writeUInt32LE(maskedCrc32c(this.bytes, start + HEADER, dataEnd), dataEnd);
    this.length = dataEnd + FOOTER;
    this.count++;
  }

  /** Hands out the records and starts anew with other storage, so that the result may be in use for long. */
  take(): Buffer {
    const taken = this.bytes.subarray(0, this.length);
    this.bytes = Buffer.allocUnsafe(this.#initial);
    this.length = 0;
    this.count = 0;
    return taken;
  }
}

/** What the parser found at `offset`: a record, an end inside a record, or a wrong checksum. */
export type ParsedRecord =
  | { readonly kind: 'record'; readonly offset: number; readonly data: Buffer }
  | { readonly kind: 'incomplete'; readonly offset: number }
  | { readonly kind: 'corrupt'; readonly offset: number; readonly part: 'length' | 'data'; readonly end: number };

/** Takes records out of bytes that arrive in pieces. Feed it with `push`; ask it with `next`. */
export class RecordParser {
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #offset = 0;

  /** Adds the bytes that follow those pushed before. */
  push(chunk: Uint8Array): void {
    this.#bytes = Buffer.concat([this.#bytes.subarray(this.#at), chunk]);
    this.#at = 0;
  }

  /** The next record; 'incomplete' when more bytes are needed. A corrupt record is not passed over. */
  next(): ParsedRecord {
    const offset = this.#offset;
    const available = this.#bytes.length - this.#at;
    if (available < HEADER) return { kind: 'incomplete', offset };
    const start = this.#at;
    if (this.#bytes.readUInt32LE(start + 8) !== maskedCrc32c(this.#bytes, start, start + 8)) {
      return { kind: 'corrupt', offset, part: 'length', end: offset + HEADER };
    }
    const length = this.#bytes.readUInt32LE(start) + this.#bytes.readUInt32LE(start + 4) * 2 ** 32;
    const total = HEADER + length + FOOTER;
    if (available < total) return { kind: 'incomplete', offset };
    const dataEnd = start + HEADER + length;
    if (this.#bytes.readUInt32LE(dataEnd) !== maskedCrc32c(this.#bytes, start + HEADER, dataEnd)) {
      return { kind: 'corrupt', offset, part: 'data', end: offset + total };
    }
    this.#at += total;
    this.#offset += total;
    return { kind: 'record', offset, data: this.#bytes.subarray(start + HEADER, dataEnd) };
  }

  /** The bytes that were pushed but not yet handed out. */
  get rest(): Buffer {
    return this.#bytes.subarray(this.#at);
  }
}
