/**
 * Zip archives, read by their list of contents: each entry from where it lies in the file, piece by piece, so that an archive
 * may be larger than memory.
 */
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { crc32, createInflateRaw } from 'node:zlib';

/** What an archive says about one of its files. */
export interface ZipEntry {
  readonly name: string;
  /** Whether it lies in the archive as it is. */
  readonly stored: boolean;
  readonly isLink: boolean;
  /** In bytes: in the archive, and unpacked. */
  readonly packedSize: number;
  readonly size: number;
  readonly crc: number;
  /** Where its own header begins. */
  readonly header: number;
}

const END = 0x0605_4b50;
const END_64 = 0x0606_4b50;
const END_64_LOCATOR = 0x0706_4b50;
const LISTED = 0x0201_4b50;
/** The end of the archive is at most so long: with a comment, and the place of its 64-bit twin before it. */
const LONGEST_END = 22 + 0xffff + 20;
/** In place of a number that does not fit into 32 bits. */
const ELSEWHERE = 0xffff_ffff;

/** The list of contents, folders left out. @throws Error for what is no such archive; what `fs` throws */
export async function zipEntries(file: string): Promise<ZipEntry[]> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const { offset, length, count } = await findList(handle, size);
    if (offset + length > size) throw new Error('its list of contents lies outside');
    const list = await bytesAt(handle, offset, length);
    const entries: ZipEntry[] = [];
    for (let at = 0, n = 0; n < count; n++) {
      if (at + 46 > length || list.readUInt32LE(at) !== LISTED) throw new Error('its list of contents is damaged');
      const [name, extra, comment] = [28, 30, 32].map((field) => list.readUInt16LE(at + field)) as [
        number,
        number,
        number,
      ];
      const next = at + 46 + name + extra + comment;
      entries.push(entryOf(list.subarray(at, next), name, extra));
      at = next;
    }
    return entries.filter((entry) => !entry.name.endsWith('/'));
  } finally {
    await handle.close();
  }
}

/** Where the bytes of an entry begin. */
export async function entryOffset(file: string, { header }: ZipEntry): Promise<number> {
  const handle = await open(file, 'r');
  try {
    const start = await bytesAt(handle, header, 30);
    return header + 30 + start.readUInt16LE(26) + start.readUInt16LE(28);
  } finally {
    await handle.close();
  }
}

/** The content of an entry, piece by piece, unpacked and checked. */
export async function* entryPieces(file: string, entry: ZipEntry): AsyncGenerator<Uint8Array, undefined> {
  const start = await entryOffset(file, entry);
  let [size, sum] = [0, 0];
  if (entry.packedSize > 0) {
    const packed = createReadStream(file, { start, end: start + entry.packedSize - 1 });
    const pieces = entry.stored ? packed : pipeline(packed, createInflateRaw(), () => {}); // the loop below hears of errors
    for await (const piece of pieces as AsyncIterable<Uint8Array>) {
      size += piece.length;
      if (size > entry.size) throw new Error(`${entry.name} is larger than it says`);
      sum = crc32(piece, sum);
      yield piece;
    }
  }
  if (size !== entry.size || sum !== entry.crc) throw new Error(`${entry.name} is damaged`);
}

async function findList(handle: FileHandle, size: number): Promise<{ offset: number; length: number; count: number }> {
  const start = Math.max(0, size - LONGEST_END);
  const end = await bytesAt(handle, start, size - start);
  let at = end.length - 22;
  while (at >= 0 && end.readUInt32LE(at) !== END) at--;
  if (at < 0) throw new Error('it has no list of contents');
  const [count, length, offset] = [end.readUInt16LE(at + 10), end.readUInt32LE(at + 12), end.readUInt32LE(at + 16)];
  const long = at >= 20 && end.readUInt32LE(at - 20) === END_64_LOCATOR;
  if (!long) return { offset, length, count };
  const twin = await bytesAt(handle, Number(end.readBigUInt64LE(at - 12)), 56);
  if (twin.readUInt32LE(0) !== END_64) throw new Error('its end is damaged');
  const [all, bytes, place] = [32, 40, 48].map((field) => Number(twin.readBigUInt64LE(field))) as [
    number,
    number,
    number,
  ];
  return { offset: place, length: bytes, count: all };
}

function entryOf(listed: Buffer, nameLength: number, extraLength: number): ZipEntry {
  const [flags, method] = [listed.readUInt16LE(8), listed.readUInt16LE(10)];
  const name = listed.toString('utf8', 46, 46 + nameLength);
  if ((flags & 1) !== 0) throw new Error(`${name} is encrypted`);
  if (method !== 0 && method !== 8) throw new Error(`${name} is packed in a way that is not known (${method})`);
  const long = longNumbers(listed.subarray(46 + nameLength, 46 + nameLength + extraLength));
  const number = (field: number): number => {
    const value = listed.readUInt32LE(field);
    return value === ELSEWHERE ? (long.shift() ?? value) : value;
  };
  const size = number(24); // the long numbers come in this order
  const [packedSize, header] = [number(20), number(42)];
  const isLink = ((listed.readUInt32LE(38) >>> 16) & 0xf000) === 0xa000;
  return { name, stored: method === 0, isLink, packedSize, size, crc: listed.readUInt32LE(16), header };
}

/** The numbers that did not fit. */
function longNumbers(extra: Buffer): number[] {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue;
    const count = Math.min(extra.readUInt16LE(at + 2), extra.length - at - 4) >> 3;
    return Array.from({ length: count }, (_, i) => Number(extra.readBigUInt64LE(at + 4 + 8 * i)));
  }
  return [];
}

async function bytesAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle.read(bytes, done, length - done, position + done);
    if (bytesRead === 0) throw new Error('it ends too early');
    done += bytesRead;
  }
  return bytes;
}
