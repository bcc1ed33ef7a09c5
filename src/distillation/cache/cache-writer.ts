/**
 * Writes a logit cache, record after record, beside its place. A file that was left unfinished is gone on with from its
 * last whole batch; it gets its name when all of it is on the disk.
 */
import { type FileHandle, mkdir, open, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { syncDirectory } from '../../checkpoint/durable.ts';
import { encodeHeader, type LogitCacheHeader, samplesOf } from './header.ts';
import { RecordCodec } from './record.ts';

/** Bytes of records that are verified at once. */
const CHUNK = 1 << 20;

/** Where a cache is while it is being written. */
export const unfinishedName = (path: string): string => join(dirname(path), `.${basename(path)}.unfinished`);

export class CacheWriter {
  readonly codec: RecordCodec;
  readonly #path: string;
  readonly #head: Buffer;
  readonly #handle: FileHandle;
  #records = 0;

  private constructor(path: string, header: LogitCacheHeader, head: Buffer, handle: FileHandle) {
    this.#path = path;
    this.#head = head;
    this.#handle = handle;
    this.codec = new RecordCodec(header);
  }

  /** Opens the unfinished file of `path` if it is one of the same cache, else begins it. */
  static async open(path: string, header: LogitCacheHeader): Promise<CacheWriter> {
    await mkdir(dirname(path), { recursive: true });
    const name = unfinishedName(path);
    const handle = await open(name, 'r+').catch(() => open(name, 'w+'));
    try {
      const head = encodeHeader(header);
      const writer = new CacheWriter(path, header, head, handle);
      const found = Buffer.alloc(head.length);
      const { bytesRead } = await handle.read(found, 0, head.length, 0);
      if (bytesRead === head.length && found.equals(head)) await writer.#countSound(samplesOf(header) * header.epochs);
      else {
        await handle.truncate(0);
        await handle.write(head, 0, head.length, 0);
      }
      return writer;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Whole records that are there. */
  get records(): number {
    return this.#records;
  }

  /** Goes on at this record; those behind it are written again. */
  async keep(records: number): Promise<void> {
    this.#records = records;
    await this.#handle.truncate(this.#positionOf(records));
  }

  /** Appends records, one behind the other in `bytes`. */
  async append(bytes: Buffer): Promise<void> {
    let done = 0;
    while (done < bytes.length) {
      const { bytesWritten } = await this.#handle.write(
        bytes,
        done,
        bytes.length - done,
        this.#positionOf(this.#records) + done,
      );
      done += bytesWritten;
    }
    this.#records += bytes.length / this.codec.size;
  }

  /** Gives the file its name. */
  async finish(): Promise<void> {
    await this.#handle.sync();
    await rename(unfinishedName(this.#path), this.#path);
    await syncDirectory(dirname(this.#path));
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  #positionOf(record: number): number {
    return this.#head.length + record * this.codec.size;
  }

  /** Counts the records from the first on that are whole. */
  async #countSound(most: number): Promise<void> {
    const { size } = this.codec;
    const chunk = Buffer.alloc(Math.max(1, Math.floor(CHUNK / size)) * size);
    for (;;) {
      const { bytesRead } = await this.#handle.read(chunk, 0, chunk.length, this.#positionOf(this.#records));
      for (let at = 0; at + size <= bytesRead; at += size) {
        const sound = this.#records < most && this.codec.isSound(chunk.subarray(at, at + size), this.#records);
        if (!sound) return;
        this.#records += 1;
      }
      if (bytesRead < chunk.length) return;
    }
  }
}
