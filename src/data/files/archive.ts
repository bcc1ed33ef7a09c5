/**
 * Archives: tar, tar.gz and zip. Entries whose paths lead out of the archive are refused, as are links.
 */
import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { unzip } from 'fflate';
import { extract } from 'tar-stream';
import { DataError, KelvinError, messageOf } from '../../core/errors.ts';
import { unreadable, unwritable } from './file-errors.ts';

type Sink = (name: string, content: Uint8Array) => void | Promise<void>;

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
    await readArchive(file, async (name, content) => {
      const path = join(beside, name);
      try {
        await mkdir(dirname(path), { recursive: true });
        await writeFile(path, content);
      } catch (cause) {
        throw unwritable(path, cause);
      }
    });
    await mkdir(beside, { recursive: true });
    await rename(beside, folder).catch(async (cause: unknown) => {
      if (!(await stat(folder).catch(() => undefined))) throw unwritable(folder, cause);
    });
  } finally {
    await rm(beside, { recursive: true, force: true });
  }
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
    const pieces: Uint8Array[] = [];
    for await (const piece of entry) pieces.push(piece as Uint8Array);
    if (type === 'file' || type === 'contiguous-file') await sink(name, Buffer.concat(pieces));
  }
  await piped;
}

async function readZip(file: string, sink: Sink): Promise<void> {
  const bytes = await readFile(file);
  const entries = await new Promise<Record<string, Uint8Array>>((resolve, reject) => {
    unzip(bytes, (error, found) => (error ? reject(error) : resolve(found)));
  });
  for (const name of Object.keys(entries)) checkPath(file, name);
  for (const [name, content] of Object.entries(entries)) if (!name.endsWith('/')) await sink(name, content);
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
