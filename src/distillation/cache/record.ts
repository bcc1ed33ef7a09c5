/**
 * The records of a logit cache: the logits of one view in a fixed number of bytes, the CRC-32 of what the teacher saw, and
 * a CRC-32 of the record that also depends on its place, so that a record is whole and where it belongs, or refused.
 */
import { crc32 } from 'node:zlib';
import { DataError } from '../../core/errors.ts';
import { halfTable, LARGEST_HALF, toHalf } from './half.ts';

/** How logits are stored. `topK`: the n largest, the others by one value that keeps their share. */
export type LogitFormat = 'fp32' | 'fp16' | { readonly topK: number };

/** What a record's form depends on. */
export interface RecordShape {
  readonly classes: number;
  readonly format: LogitFormat;
  /** The temperature at which the classes beyond the top n keep their share. */
  readonly temperature: number;
}

const TRAILER = 8;
/** Begins the record of a sample that could not be read. As numbers it is NaN, which no logit may be. */
const MISSING = 0xffff_ffff;

/** Writes and reads records of one shape. */
export class RecordCodec {
  /** The bytes of a record. */
  readonly size: number;
  readonly #shape: RecordShape;
  readonly #indexBytes: 2 | 4;

  constructor(shape: RecordShape) {
    this.#shape = shape;
    this.#indexBytes = shape.classes <= 0x1_0000 ? 2 : 4;
    this.size = 4 * Math.ceil(this.#payload() / 4) + TRAILER;
  }

  /**
   * Writes the record of slot `slot` at the beginning of `record`.
   *
   * @param logits of one view; undefined for a sample that could not be read
   * @throws DataError `non-finite-logits`, `fp16-overflow`
   */
  write(record: Buffer, slot: number, logits: Float32Array | undefined, checksum: number): void {
    const body = this.size - TRAILER;
    if (logits === undefined) record.fill(0xff, 0, body);
    else {
      record.fill(0, 0, body);
      this.#encode(record, logits);
    }
    record.writeUInt32LE(checksum, body);
    record.writeUInt32LE(crc32(record.subarray(0, body + 4), slot >>> 0), body + 4);
  }

  /** Whether a record is whole and that of this slot. */
  isSound(record: Buffer, slot: number): boolean {
    const end = this.size - 4;
    return record.readUInt32LE(end) === crc32(record.subarray(0, end), slot >>> 0);
  }

  /** Whether the sample of the record at byte `at` could not be read when the cache was made. */
  isMissing(records: DataView, at: number): boolean {
    return records.getUint32(at, true) === MISSING;
  }

  /** The CRC-32 of what the teacher saw. */
  checksum(records: DataView, at: number): number {
    return records.getUint32(at + this.size - TRAILER, true);
  }

  /** Puts the logits of the record at byte `at` into `target`, from `offset` on. */
  read(records: DataView, at: number, target: Float32Array, offset: number): void {
    const { classes, format } = this.#shape;
    if (format === 'fp32') {
      for (let i = 0; i < classes; i++) target[offset + i] = records.getFloat32(at + 4 * i, true);
    } else if (format === 'fp16') {
      const values = halfTable();
      for (let i = 0; i < classes; i++) target[offset + i] = values[records.getUint16(at + 2 * i, true)] as number;
    } else {
      const wide = this.#indexBytes === 4;
      const indices = at + 4 * (format.topK + 1);
      target.fill(records.getFloat32(at + 4 * format.topK, true), offset, offset + classes);
      for (let i = 0; i < format.topK; i++) {
        const index = wide ? records.getUint32(indices + 4 * i, true) : records.getUint16(indices + 2 * i, true);
        target[offset + index] = records.getFloat32(at + 4 * i, true);
      }
    }
  }

  #payload(): number {
    const { classes, format } = this.#shape;
    if (format === 'fp32') return 4 * classes;
    if (format === 'fp16') return 2 * classes;
    return 4 * (format.topK + 1) + this.#indexBytes * format.topK;
  }

  #encode(record: Buffer, logits: Float32Array): void {
    const { format, temperature } = this.#shape;
    for (const value of logits) {
      if (!Number.isFinite(value)) throw unfit('non-finite-logits', 'finite numbers', value);
      if (format === 'fp16' && Math.abs(value) > LARGEST_HALF) {
        throw unfit('fp16-overflow', `at most ${LARGEST_HALF}, the largest fp16 number`, value);
      }
    }
    if (format === 'fp32') for (const [i, value] of logits.entries()) record.writeFloatLE(value, 4 * i);
    else if (format === 'fp16') for (const [i, value] of logits.entries()) record.writeUInt16LE(toHalf(value), 2 * i);
    else {
      const { topK } = format;
      const order = Array.from(logits.keys()).sort((a, b) => (logits[b] as number) - (logits[a] as number) || a - b);
      const rest = order.slice(topK).map((index) => logits[index] as number);
      for (let i = 0; i < topK; i++) {
        const index = order[i] as number;
        record.writeFloatLE(logits[index] as number, 4 * i);
        record.writeUIntLE(index, 4 * (topK + 1) + this.#indexBytes * i, this.#indexBytes);
      }
      record.writeFloatLE(evenLogit(rest, temperature), 4 * topK);
    }
  }
}

/** The logit that, given to each of these classes, leaves the sum of exp(z / T) as it is. */
function evenLogit(logits: readonly number[], temperature: number): number {
  if (logits.length === 0) return 0;
  const largest = logits[0] as number;
  const sum = logits.reduce((total, value) => total + Math.exp((value - largest) / temperature), 0);
  return largest + temperature * Math.log(sum / logits.length);
}

const unfit = (code: string, expected: string, value: number): DataError =>
  new DataError('A logit of the teacher cannot be stored', { code, expected, got: String(value) });
