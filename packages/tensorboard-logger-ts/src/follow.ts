/** Reading while somebody writes: events as they come, from files that grow and from files that appear. */
import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { TensorBoardReaderError } from './errors.ts';
import { decodeRecord, eventFiles, type TensorBoardEvent } from './reader.ts';
import { RecordParser } from './record.ts';

const CHUNK = 256 * 1024;

/** Options of {@link followEvents}. */
export interface FollowOptions {
  /** Seconds between two looks at the files. Default: 1. */
  readonly pollSecs?: number | undefined;
  /** Ends the iteration. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The events of a file, or of all event files of a directory, and then those that are written to it from now on, also
 * to new files. Ends when `signal` is aborted (or the loop is left). A record that is not whole is waited for.
 *
 * @throws TensorBoardReaderError as `readEvents`; a directory that is not there yet is waited for.
 * @example
 * ```ts
 * const stop = new AbortController();
 * for await (const { step, values } of followEvents('runs/first', { signal: stop.signal })) console.log(step, values);
 * ```
 */
export async function* followEvents(
  fileOrDir: string,
  { pollSecs = 1, signal }: FollowOptions = {},
): AsyncGenerator<TensorBoardEvent, void, undefined> {
  const plugins = new Map<string, string>();
  const offsets = new Map<string, number>();
  while (!signal?.aborted) {
    for (const file of await filesNow(fileOrDir)) {
      for await (const { data, offset, end } of newRecords(file, offsets.get(file) ?? 0)) {
        offsets.set(file, end);
        yield decodeRecord(data, plugins, file, offset);
        if (signal?.aborted) return;
      }
    }
    await wait(1000 * pollSecs, undefined, signal && { signal }).catch(() => undefined);
  }
}

/** The whole records of a file from `start` on. */
async function* newRecords(file: string, start: number): AsyncGenerator<{ data: Buffer; offset: number; end: number }> {
  const handle = await openIfThere(file);
  if (handle === undefined) return;
  try {
    const { size } = await handle.stat();
    const parser = new RecordParser();
    for (let position = start; position < size; ) {
      const buffer = Buffer.allocUnsafe(Math.min(CHUNK, size - position));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
      if (bytesRead === 0) return;
      position += bytesRead;
      parser.push(buffer.subarray(0, bytesRead));
      let parsed = parser.next();
      for (; parsed.kind === 'record'; parsed = parser.next()) {
        const offset = start + parsed.offset;
        yield { data: parsed.data, offset, end: offset + parsed.data.length + 16 };
      }
      if (parsed.kind !== 'corrupt') continue;
      // At the end of the file it is a write under way, or what a crash has left: the next look will tell.
      if (start + parsed.end >= size || (await zerosFollow(handle, start + parsed.offset, size))) return;
      const offset = start + parsed.offset;
      const text = `The event file "${file}" has a corrupt record at byte ${offset}: the checksum of its ${parsed.part} is wrong.`;
      throw new TensorBoardReaderError('corrupt-record', text, { file, offset });
    }
  } finally {
    await handle.close();
  }
}

async function zerosFollow(handle: FileHandle, from: number, size: number): Promise<boolean> {
  const buffer = Buffer.allocUnsafe(Math.min(CHUNK, size - from));
  await handle.read(buffer, 0, buffer.length, from);
  return buffer.every((byte) => byte === 0);
}

async function filesNow(fileOrDir: string): Promise<string[]> {
  try {
    return await eventFiles(fileOrDir);
  } catch (error) {
    if (error instanceof TensorBoardReaderError && error.code === 'not-found') return [];
    throw error;
  }
}

async function openIfThere(file: string): Promise<FileHandle | undefined> {
  return await open(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}
