/**
 * Archives: tar, tar.gz and zip. Entries whose paths lead out of the archive are refused, as are links.
 */
import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import { DataError, KelvinError, messageOf } from '../../core/errors.ts';
import { unreadable, unwritable } from './file-errors.ts';
import { entryPieces, zipEntries } from './zip.ts';

/** Takes a file, whose content comes piece by piece. */
type Sink = (name: string, pieces: AsyncIterable<Uint8Array>) => Promise<void>;

/**
 * Reads an archive from beginning to end and hands over its files, one at a time.
 *
 * @throws DataError `corrupt-archive`; `unsafe-archive` for an entry that is a link or would lie outside
 */
export async function readArchive(file: string, sink: Sink): Promise<void> {
  const kind = await kindOf(file);
  try {
    if (kind === 'zip') await readZip(file, sink);
    else await readTar(file, kind === 'gzip', sink);
  } catch (cause) {
    if (cause instanceof KelvinError) throw cause;
    throw new DataError(`${file} is a damaged archive: ${messageOf(cause)}`, {
      code: 'corrupt-archive',
      help: 'delete the file and fetch it again',
      cause,
    });
  }
}

/**
 * Unpacks an archive into a new folder, which is there whole or not at all. Nothing is done when it is there already.
 *
 * @throws DataError as {@link readArchive}; `cache-unwritable`
 *
 * @example
 * ```ts
 * await unpackArchive('flowers.tar.gz', 'flowers');
 * const flowers = await imageFolder('flowers', { size: 224 });
 * ```
 */
export async function unpackArchive(file: string, folder: string): Promise<void> {
  if (await stat(folder).catch(() => undefined)) return;
  const beside = `${folder}.${randomBytes(6).toString('hex')}.part`;
  try {
    await readArchive(file, (name, pieces) => writePieces(join(beside, name), pieces));
    await mkdir(beside, { recursive: true });
    await rename(beside, folder).catch(async (cause: unknown) => {
      if (!(await stat(folder).catch(() => undefined))) throw unwritable(folder, cause);
    });
  } finally {
    await rm(beside, { recursive: true, force: true });
  }
}

/** What goes wrong while a piece is read is the archive's fault, the rest is the disk's. */
async function writePieces(path: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  const fails = (cause: unknown): never => {
    throw unwritable(path, cause);
  };
  let handle: FileHandle | undefined;
  try {
    await mkdir(dirname(path), { recursive: true }).catch(fails);
    handle = await open(path, 'w').catch(fails);
    for await (const piece of pieces) await handle.writeFile(piece).catch(fails);
  } finally {
    await handle?.close();
  }
}

/** All pieces of a file as one. */
export async function whole(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

async function kindOf(file: string): Promise<'zip' | 'gzip' | 'tar'> {
  const start = Buffer.alloc(2);
  try {
    const handle = await open(file, 'r');
    await handle.read(start, 0, 2, 0).finally(() => handle.close());
  } catch (cause) {
    throw unreadable(file, cause);
  }
  if (start.toString('latin1') === 'PK') return 'zip';
  return start[0] === 0x1f && start[1] === 0x8b ? 'gzip' : 'tar';
}

async function readTar(file: string, gzipped: boolean, sink: Sink): Promise<void> {
  const entries = extract();
  const source = createReadStream(file);
  const piped = gzipped ? pipeline(source, createGunzip(), entries) : pipeline(source, entries);
  piped.catch(() => {}); // it is waited for below; the loop may end first
  for await (const entry of entries) {
    const { name, type } = entry.header;
    if (type === 'symlink' || type === 'link') throw unsafe(file, name, `a ${type}`);
    checkPath(file, name);
    if (type === 'file' || type === 'contiguous-file') await sink(name, entry as AsyncIterable<Uint8Array>);
    entry.resume(); // what nobody wanted
  }
  await piped;
}

async function readZip(file: string, sink: Sink): Promise<void> {
  const entries = await zipEntries(file);
  for (const { name, isLink } of entries) {
    if (isLink) throw unsafe(file, name, 'a symlink');
    checkPath(file, name);
  }
  for (const entry of entries) await sink(entry.name, entryPieces(file, entry));
}

function checkPath(file: string, name: string): void {
  const steps = name.split(/[\\/]/);
  if (steps.includes('..') || steps[0] === '' || /^[a-zA-Z]:/.test(name) || name.includes('\0')) {
    throw unsafe(file, name, 'a path that leads out of the archive');
  }
}

const unsafe = (file: string, name: string, got: string): DataError =>
  new DataError(`${file} is not unpacked: its entry ${JSON.stringify(name)}`, {
    code: 'unsafe-archive',
    expected: 'a plain file below the archive',
    got,
    help: 'get the archive from a place that you trust',
  });
