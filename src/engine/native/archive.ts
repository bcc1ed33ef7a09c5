/** Reads zip archives without holding them in memory: the list of files, and one file after the other as a stream. */
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { createInflateRaw } from 'node:zlib';

const END_OF_CENTRAL_DIRECTORY = 0x06054b50;
const CENTRAL_ENTRY = 0x02014b50;
const END_SIZE = 22;
const LONGEST_COMMENT = 0xffff;

/** A file in an archive. */
export interface ZipEntry {
  readonly name: string;
  readonly compressedSize: number;
  readonly size: number;
  readonly method: number;
  readonly offset: number;
}

/** An open archive. Close it. */
export interface ZipFile {
  readonly entries: readonly ZipEntry[];
  /** The contents of a file, unpacked. */
  stream(entry: ZipEntry): Promise<Readable>;
  close(): Promise<void>;
}

/** Opens an archive. @throws Error when it is no zip file or its end is missing */
export async function openZip(path: string): Promise<ZipFile> {
  const file = await open(path, 'r');
  try {
    const entries = await readEntries(file);
    return { entries, stream: (entry) => streamOf(file, path, entry), close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function readEntries(file: FileHandle): Promise<ZipEntry[]> {
  const { size } = await file.stat();
  const tail = await read(
    file,
    Math.max(0, size - END_SIZE - LONGEST_COMMENT),
    Math.min(size, END_SIZE + LONGEST_COMMENT),
  );
  let end = tail.length - END_SIZE;
  while (end >= 0 && tail.readUInt32LE(end) !== END_OF_CENTRAL_DIRECTORY) end--;
  if (end < 0) throw new Error('not a zip file, or cut off');
  const count = tail.readUInt16LE(end + 10);
  const offset = tail.readUInt32LE(end + 16);
  if (count === 0xffff || offset === 0xffffffff) throw new Error('a zip64 file, which is not read here');
  const directory = await read(file, offset, tail.readUInt32LE(end + 12));
  const entries: ZipEntry[] = [];
  for (let at = 0, n = 0; n < count; n++) {
    if (directory.readUInt32LE(at) !== CENTRAL_ENTRY) throw new Error('a damaged zip directory');
    const nameLength = directory.readUInt16LE(at + 28);
    entries.push({
      name: directory.toString('utf8', at + 46, at + 46 + nameLength),
      method: directory.readUInt16LE(at + 10),
      compressedSize: directory.readUInt32LE(at + 20),
      size: directory.readUInt32LE(at + 24),
      offset: directory.readUInt32LE(at + 42),
    });
    at += 46 + nameLength + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return entries;
}

async function streamOf(
  file: FileHandle,
  path: string,
  { offset, compressedSize, method, name }: ZipEntry,
): Promise<Readable> {
  if (method !== 0 && method !== 8) throw new Error(`${name}: compression method ${method} is not known`);
  const header = await read(file, offset, 30);
  const start = offset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
  const packed = createReadStream(path, { start, end: start + compressedSize - 1, highWaterMark: 1 << 20 });
  if (method === 0) return packed;
  const inflate = createInflateRaw({ chunkSize: 1 << 20 });
  packed.once('error', (error) => inflate.destroy(error));
  return packed.pipe(inflate);
}

async function read(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  if (bytesRead !== length) throw new Error('a zip file that is cut off');
  return buffer;
}
