/**
 * The way of records to the disk: they wait in a buffer and are written in order, one write at a time, each write at
 * its own position. A write can therefore be repeated: after a failure nothing is torn in the middle of the file, and
 * a synchronous flush may overtake an asynchronous one by writing the same bytes once more.
 */
import { close, closeSync, fstatSync, write, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { TensorBoardWriterError } from './errors.ts';
import { RecordBuffer } from './record.ts';

const writeAsync = promisify(write);
const closeAsync = promisify(close);

/** Above this the loop evidently leaves no time for asynchronous writes to end: write synchronously. */
const HIGH_WATER = 4 * 2 ** 20;
/** While the disk takes nothing, at most this much is kept for a later attempt. */
const MAX_KEPT = 16 * 2 ** 20;

/** Records on their way: not yet known to be written, at a fixed place in the file. */
interface Chunk {
  readonly bytes: Buffer;
  readonly count: number;
  /** A synchronous flush has written it meanwhile. */
  overtaken: boolean;
}

/** When to write, and whom to tell that it failed. */
export interface SinkSettings {
  readonly flushSecs: number;
  readonly maxQueue: number;
  readonly onError: (error: TensorBoardWriterError) => void;
}

/** A file of records. Errors of the disk are counted and reported once, and never thrown. */
export class FileSink {
  /** Events that were given up because the disk did not take them. */
  dropped = 0;
  /** Writes that failed. */
  writeErrors = 0;
  readonly #pending = new RecordBuffer();
  readonly #file: string;
  readonly #fd: number;
  readonly #settings: SinkSettings;
  readonly #canTellDeletion: boolean;
  #position = 0;
  /** The chunk at `#position`: being written, or waiting for another attempt after a failure. */
  #head: Chunk | undefined;
  #writing = false;
  #failing = false;
  #tail: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #due = Number.POSITIVE_INFINITY;

  constructor(file: string, fd: number, settings: SinkSettings) {
    this.#file = file;
    this.#fd = fd;
    this.#settings = settings;
    this.#canTellDeletion = fstatSync(fd).nlink > 0;
  }

  /** The buffer for one more record, or undefined (and the record is dropped) when too much waits for a full disk. */
  accept(): RecordBuffer | undefined {
    if (!this.#failing || this.#kept() < MAX_KEPT) return this.#pending;
    this.dropped++;
    return undefined;
  }

  /** To be called when a record was added; starts a write when one is due. `now` is `Date.now()`. */
  added(now: number): void {
    if (this.#due === Number.POSITIVE_INFINITY) this.#startClock(now);
    if (this.#pending.length >= HIGH_WATER && !this.#failing) this.flushSync();
    else if (now >= this.#due) this.#flushDue();
    else if (this.#pending.count >= this.#settings.maxQueue && this.#head === undefined) void this.flush();
  }

  /** Writes what waits. Resolves when it is with the operating system, or has failed; never rejects. */
  flush(): Promise<void> {
    this.#stopClock();
    // An idle sink starts at once, not in a microtask: a loop that never yields runs none.
    this.#tail = this.#writing ? this.#tail.then(() => this.#writePending()) : this.#writePending();
    return this.#tail;
  }

  /** Writes what waits before it returns, also what an asynchronous write has begun. */
  flushSync(): void {
    this.#stopClock();
    for (let chunk = this.#nextChunk(); chunk !== undefined; chunk = this.#nextChunk()) {
      try {
        this.#checkStillThere();
        let done = 0;
        while (done < chunk.bytes.length) {
          done += writeSync(this.#fd, chunk.bytes, done, chunk.bytes.length - done, this.#position + done);
        }
      } catch (error) {
        this.#failed(error);
        return;
      }
      this.#written(chunk);
    }
  }

  /** The same, without waiting: for the end of a `using` block. */
  closeSync(): void {
    this.flushSync();
    this.#stopClock();
    this.dropped += (this.#head?.count ?? 0) + this.#pending.count;
    this.#pending.take();
    // An asynchronous write that is overtaken may still hold the file: closing behind it is safe, before it is not.
    if (this.#writing) void this.#tail.then(() => closeAsync(this.#fd).catch((error: unknown) => this.#failed(error)));
    else {
      try {
        closeSync(this.#fd);
      } catch (error) {
        this.#failed(error);
      }
    }
  }

  /** Flushes and closes the file; what could not be written then is dropped. */
  async close(): Promise<void> {
    await this.flush();
    this.#stopClock();
    this.dropped += (this.#head?.count ?? 0) + this.#pending.count;
    this.#pending.take();
    await closeAsync(this.#fd).catch((error: unknown) => this.#failed(error));
  }

  async #writePending(): Promise<void> {
    const retried = this.#head !== undefined;
    const chunk = this.#nextChunk();
    if (chunk === undefined) return;
    this.#writing = true;
    try {
      this.#checkStillThere();
      await this.#writeChunk(chunk, this.#position);
      if (!chunk.overtaken) this.#written(chunk);
    } catch (error) {
      if (!chunk.overtaken) this.#failed(error);
      return;
    } finally {
      this.#writing = false;
    }
    if (retried) await this.#writePending();
  }

  async #writeChunk({ bytes }: Chunk, position: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      done += (await writeAsync(this.#fd, bytes, done, bytes.length - done, position + done)).bytesWritten;
    }
  }

  // What failed before goes first, so that the order holds.
  #nextChunk(): Chunk | undefined {
    if (this.#head === undefined && this.#pending.count > 0) {
      const count = this.#pending.count;
      this.#head = { bytes: this.#pending.take(), count, overtaken: false };
    }
    return this.#head;
  }

  #written(chunk: Chunk): void {
    this.#position += chunk.bytes.length;
    chunk.overtaken = true;
    this.#head = undefined;
    this.#failing = false;
  }

  #failed(error: unknown): void {
    this.#failing = true;
    this.writeErrors++;
    if (this.writeErrors > 1) return;
    const reason = error instanceof Error ? error.message : String(error);
    const failure = new TensorBoardWriterError(
      error instanceof TensorBoardWriterError ? error.code : 'write-failed',
      `Cannot write the event file "${this.#file}": ${reason}. The program goes on; events may be lost.`,
      error,
    );
    this.#settings.onError(failure);
  }

  // Writing to a deleted file succeeds on POSIX systems, and all is lost.
  #checkStillThere(): void {
    if (this.#canTellDeletion && fstatSync(this.#fd).nlink === 0) {
      throw new TensorBoardWriterError('file-deleted', 'the file was deleted');
    }
  }

  /** Bytes that wait to be written. */
  get buffered(): number {
    return this.#kept();
  }

  #kept(): number {
    return this.#pending.length + (this.#head?.bytes.length ?? 0);
  }

  // A training loop that never yields lets no timer fire and no write complete, so the clock is read here as well.
  #flushDue(): void {
    if (this.#writing) this.flushSync();
    else void this.flush();
  }

  #startClock(now: number): void {
    this.#due = now + 1000 * this.#settings.flushSecs;
    this.#timer ??= setTimeout(() => void this.flush(), 1000 * this.#settings.flushSecs).unref();
  }

  #stopClock(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#due = Number.POSITIVE_INFINITY;
  }
}
