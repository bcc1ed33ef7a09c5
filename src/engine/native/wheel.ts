/**
 * Takes files out of Python wheels: each is compared with the checksum that the wheel's own RECORD gives while it is
 * written.
 */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, dirname, resolve, sep } from 'node:path';
import { Transform } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { BackendError, messageOf } from '../../core/errors.ts';
import { openZip, type ZipEntry, type ZipFile } from './archive.ts';

/** What a wheel says of itself. */
export interface WheelFacts {
  readonly version: string;
  /** The lines `Requires-Dist` of its METADATA. */
  readonly requires: readonly string[];
  /** How many files were taken. */
  readonly files: number;
}

/**
 * Writes the files that `want` names into `target`, under the path that it gives for them.
 *
 * @param want the path of a wheel's file under `target`, or undefined to leave the file
 * @throws BackendError `native-damaged-wheel`
 */
export async function unpackWheel(
  wheel: string,
  target: string,
  want: (name: string) => string | undefined,
): Promise<WheelFacts> {
  try {
    const zip = await openZip(wheel);
    try {
      return await unpack(zip, resolve(target), want);
    } finally {
      await zip.close();
    }
  } catch (cause) {
    if (cause instanceof BackendError) throw cause;
    if ((cause as NodeJS.ErrnoException).code === 'ENOSPC') throw noSpace(target, cause);
    throw damaged(wheel, messageOf(cause), cause);
  }

  async function unpack(zip: ZipFile, root: string, wanted: typeof want): Promise<WheelFacts> {
    const record = parseRecord(await readText(zip, '.dist-info/RECORD'));
    const metadata = (await readText(zip, '.dist-info/METADATA')).split(/\r?\n/);
    let files = 0;
    for (const entry of zip.entries) {
      const path = wanted(entry.name);
      if (path === undefined || entry.name.endsWith('/')) continue;
      const place = resolve(root, path);
      if (!place.startsWith(root + sep)) throw new Error(`${entry.name} points outside`);
      const expected = record.get(entry.name);
      if (expected === undefined) throw new Error(`${entry.name} is not in its RECORD`);
      const found = await extract(zip, entry, place);
      if (found !== expected) throw new Error(`${entry.name} has a wrong checksum`);
      files++;
    }
    return { version: field(metadata, 'Version')[0] ?? '', requires: field(metadata, 'Requires-Dist'), files };
  }
}

/** The sha256 of a file, in hexadecimal. */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}

/** An error for a wheel that is not what it should be. */
export function damaged(wheel: string, reason: string, cause?: unknown): BackendError {
  return new BackendError(`the wheel ${basename(wheel)} is damaged: ${reason}`, {
    code: 'native-damaged-wheel',
    help: 'fetch it again (pip cache purge, when pip keeps handing out the same file)',
    cause,
  });
}

/** An error for a disk that is full. */
export function noSpace(path: string, cause?: unknown): BackendError {
  return new BackendError(`there is no space left for ${path}`, {
    code: 'native-no-space',
    help: 'free some, or set KELVIN_NATIVE_DIR to a folder on another disk',
    cause,
  });
}

async function readText(zip: ZipFile, ending: string): Promise<string> {
  const entry = zip.entries.find(({ name }) => name.endsWith(ending) && name.split('/').length === 2);
  if (!entry) throw new Error(`it has no ${ending}`);
  return text(await zip.stream(entry));
}

/** `path,sha256=BASE64URL,size` on each line. */
function parseRecord(record: string): Map<string, string> {
  const sums = new Map<string, string>();
  for (const line of record.split(/\r?\n/)) {
    const [, name, sum] = /^"?(.+?)"?,sha256=([^,]+),\d*$/.exec(line) ?? [];
    if (name !== undefined && sum !== undefined) sums.set(name, sum);
  }
  return sums;
}

const field = (metadata: readonly string[], name: string): string[] =>
  metadata.filter((line) => line.startsWith(`${name}: `)).map((line) => line.slice(name.length + 2));

async function extract(zip: ZipFile, entry: ZipEntry, place: string): Promise<string> {
  await mkdir(dirname(place), { recursive: true });
  const hash = createHash('sha256');
  const hashing = new Transform({
    transform(chunk: Buffer, _, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  await pipeline(await zip.stream(entry), hashing, createWriteStream(place));
  return hash.digest('base64url');
}
