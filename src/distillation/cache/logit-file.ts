/** Reads the records of a logit cache by page, each verified when it is read, within a bound of memory. */
import { closeSync, openSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { corrupt, unreadable, wrongLength } from './errors.ts';
import { FIXED, jsonLengthOf, type LogitCacheHeader, parseHeader, samplesOf } from './header.ts';
import { RecordCodec } from './record.ts';

const PAGE = 1 << 16;

/** Where a record is. */
export interface RecordPlace {
  readonly records: DataView;
  /** The record's first byte. */
  readonly at: number;
}

export class LogitFile {
  readonly path: string;
  readonly header: LogitCacheHeader;
  readonly codec: RecordCodec;
  readonly records: number;
  readonly #start: number;
  readonly #perPage: number;
  readonly #mostPages: number;
  /** In the order of their last use. */
  readonly #pages = new Map<number, DataView>();
  /** One object for all answers: records are asked for by the million. */
  readonly #place: { records: DataView; at: number } = { records: new DataView(new ArrayBuffer(0)), at: 0 };
  #latest = -1;
  #file: number | undefined;

  private constructor(path: string, header: LogitCacheHeader, start: number, memory: number) {
    this.path = path;
    this.header = header;
    this.codec = new RecordCodec(header);
    this.records = samplesOf(header) * header.epochs;
    this.#start = start;
    this.#perPage = Math.max(1, Math.floor(PAGE / this.codec.size));
    this.#mostPages = Math.max(1, Math.floor(memory / (this.#perPage * this.codec.size)));
  }

  /**
   * Opens a file and verifies its header and length.
   *
   * @param memory bytes of records that may be held
   * @throws DataError `logit-cache-not-found`, `not-a-logit-cache`, `logit-cache-version`, `logit-cache-corrupt`, `logit-cache-truncated`
   */
  static async open(path: string, memory: number): Promise<LogitFile> {
    const { header, start, bytes } = await readHead(path);
    const file = new LogitFile(path, header, start, memory);
    const expected = start + file.records * file.codec.size;
    if (bytes !== expected) throw wrongLength(path, expected, bytes);
    return file;
  }

  /** The record of a slot, good until the next call. @throws DataError `logit-cache-corrupt` */
  record(slot: number): RecordPlace {
    const number = Math.floor(slot / this.#perPage);
    const place = this.#place;
    if (number !== this.#latest) place.records = this.#page(number);
    place.at = (slot - number * this.#perPage) * this.codec.size;
    return place;
  }

  /** Closes the file; the next record opens it again. */
  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
    this.#pages.clear();
    this.#latest = -1;
  }

  /** Where not all of them can be held, pages that were used last are last in the map. */
  #page(number: number): DataView {
    const known = this.#pages.get(number);
    if (known === undefined) return this.#load(number);
    if (this.#pages.size >= this.#mostPages) {
      this.#pages.delete(number);
      this.#pages.set(number, known);
    }
    this.#latest = number;
    return known;
  }

  #load(number: number): DataView {
    const first = number * this.#perPage;
    const count = Math.min(this.#perPage, this.records - first);
    const { size } = this.codec;
    const oldest = this.#pages.size >= this.#mostPages ? this.#pages.keys().next().value : undefined;
    if (oldest !== undefined) this.#pages.delete(oldest);
    const page = Buffer.allocUnsafeSlow(count * size);
    try {
      this.#file ??= openSync(this.path, 'r');
      readSync(this.#file, page, 0, page.length, this.#start + first * size);
    } catch (cause) {
      throw unreadable(this.path, cause);
    }
    for (let i = 0; i < count; i++) {
      if (this.codec.isSound(page.subarray(i * size, (i + 1) * size), first + i)) continue;
      throw corrupt(this.path, `record ${first + i} does not match its checksum`);
    }
    const records = new DataView(page.buffer, page.byteOffset, page.length);
    this.#pages.set(number, records);
    this.#latest = number;
    return records;
  }
}

/** The header of a cache, or of the beginning of one. */
export async function readHead(path: string): Promise<{ header: LogitCacheHeader; start: number; bytes: number }> {
  const handle = await open(path, 'r').catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  try {
    const bytes = (await handle.stat()).size;
    const part = async (length: number, position: number): Promise<Buffer> => {
      const buffer = Buffer.alloc(Math.max(0, Math.min(length, bytes - position)));
      await handle.read(buffer, 0, buffer.length, position);
      return buffer;
    };
    const fixed = await part(FIXED, 0);
    return { ...parseHeader(path, fixed, await part(jsonLengthOf(path, fixed), FIXED)), bytes };
  } finally {
    await handle.close();
  }
}
