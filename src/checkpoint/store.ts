/**
 * Checkpoints on disk: one safetensors file each, whole or absent. It is written beside its place, brought to disk,
 * renamed, and carries a SHA-256 of its content that is verified when it is read.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Checkpoint, SavedTensor } from '../core/contracts.ts';
import { CheckpointError, messageOf } from '../core/errors.ts';
import { removeAbandoned, syncDirectory, temporaryName, writeThrough } from './durable.ts';
import { decodeSafetensors, encodeSafetensors, SafetensorsFormatError } from './safetensors.ts';

/** Version of the layout below; files of older versions stay readable. */
export const FORMAT_VERSION = 1;

const STATE = 'kelvin.state';
const CHECKSUM = 'kelvin.sha256';
const NON_FINITE = '$number';
const UNSIGNED = '0'.repeat(64);

/**
 * Writes a checkpoint. Whatever happens meanwhile, `path` is afterwards either the new file, whole, or what it was.
 *
 * @throws CheckpointError `checkpoint-not-written`
 */
export async function writeCheckpoint(path: string, { state, tensors }: Checkpoint): Promise<void> {
  const json = toJson({ ...state, format: FORMAT_VERSION });
  const file = Buffer.from(encodeSafetensors({ tensors, metadata: { [CHECKSUM]: UNSIGNED, [STATE]: json } }));
  sign(file);
  const temporary = join(dirname(path), temporaryName(basename(path)));
  try {
    await mkdir(dirname(path), { recursive: true });
    await removeAbandoned(dirname(path));
    await writeThrough(temporary, file);
    await rename(temporary, path);
    await syncDirectory(dirname(path));
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => {}); // the directory may be what is missing
    throw new CheckpointError(`The checkpoint ${path} could not be written`, {
      code: 'checkpoint-not-written',
      got: messageOf(cause),
      help: 'check the disk and the permissions; training can go on from memory',
      cause,
    });
  }
}

/**
 * Reads and verifies a checkpoint.
 *
 * @throws CheckpointError `checkpoint-not-found`, `checkpoint-corrupt`, `checkpoint-from-the-future`; the help of a
 * corrupt one names the newest sound checkpoint beside it
 */
export async function readCheckpoint(path: string): Promise<Checkpoint> {
  const file = await readBytes(path);
  try {
    return parse(path, file);
  } catch (error) {
    if (!(error instanceof SafetensorsFormatError)) throw error;
    const sound = await newestSound(dirname(path), path);
    throw new CheckpointError(`The checkpoint ${path} is damaged`, {
      code: 'checkpoint-corrupt',
      got: error.message,
      help: sound ? `the newest sound one beside it is ${sound}` : 'no sound checkpoint lies beside it',
      cause: error,
    });
  }
}

function parse(path: string, file: Buffer): Checkpoint {
  const { tensors, metadata } = decodeSafetensors(file);
  const { [STATE]: json, [CHECKSUM]: checksum } = metadata;
  if (json === undefined && checksum === undefined) {
    throw new CheckpointError(`${path} is a safetensors file, but no checkpoint of Kelvin's`, {
      code: 'not-a-checkpoint',
      help: 'give a file that `trainer.saveCheckpoint` or ModelCheckpoint wrote',
    });
  }
  if (json === undefined || checksum === undefined || digest(file, checksum) !== checksum) {
    throw new SafetensorsFormatError('its content does not match its checksum');
  }
  const state = fromJson(json) as Checkpoint['state'];
  if (Number(state.format) > FORMAT_VERSION) {
    throw new CheckpointError(`The checkpoint ${path} was written by a newer Kelvin`, {
      code: 'checkpoint-from-the-future',
      expected: `format ${FORMAT_VERSION} or older`,
      got: `format ${String(state.format)}`,
      help: 'update kelvin',
    });
  }
  return { state, tensors: tensors as Map<string, SavedTensor> };
}

/** JSON that keeps NaN and the infinities: metrics may be such. */
function toJson(state: object): string {
  return JSON.stringify(state, (_, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? { [NON_FINITE]: String(value) } : value,
  );
}

function fromJson(json: string): unknown {
  return JSON.parse(json, (_, value: unknown) => {
    const name = (value as Record<string, unknown> | null)?.[NON_FINITE];
    return typeof name === 'string' ? Number(name) : value;
  });
}

/** Puts the checksum of the file, computed with zeros in its place, into the place kept for it. */
function sign(file: Buffer): void {
  file.write(createHash('sha256').update(file).digest('hex'), file.indexOf(UNSIGNED), 'latin1');
}

function digest(file: Buffer, checksum: string): string {
  const unsigned = Buffer.from(file);
  const place = unsigned.indexOf(checksum);
  if (place >= 0) unsigned.write(UNSIGNED, place, 'latin1');
  return createHash('sha256').update(unsigned).digest('hex');
}

async function readBytes(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new CheckpointError(missing ? `There is no checkpoint ${path}` : `The checkpoint ${path} cannot be read`, {
      code: missing ? 'checkpoint-not-found' : 'checkpoint-not-readable',
      got: missing ? undefined : messageOf(cause),
      help: missing ? await whatIsThere(dirname(path)) : undefined,
      cause,
    });
  }
}

async function whatIsThere(directory: string): Promise<string> {
  const names = await checkpointNames(directory);
  return names.length === 0 ? `no checkpoints lie in ${directory}` : `in ${directory} there are ${names.join(', ')}`;
}

async function newestSound(directory: string, except: string): Promise<string | undefined> {
  for (const path of await checkpointsIn(directory)) {
    if (path === except) continue;
    try {
      parse(path, await readFile(path));
      return path;
    } catch {
      // damaged as well: look further
    }
  }
  return undefined;
}

/** The paths of the checkpoints in directories, the newest first; none where there is no directory. */
export async function checkpointsIn(...directories: readonly string[]): Promise<string[]> {
  const pathsIn = async (directory: string): Promise<string[]> =>
    (await checkpointNames(directory)).map((name) => join(directory, name));
  return newestFirst((await Promise.all(directories.map(pathsIn))).flat());
}

/** Paths by time of change, the newest first. Those that are gone meanwhile are left out. */
async function newestFirst(paths: readonly string[]): Promise<string[]> {
  const date = (path: string) =>
    stat(path).then(
      ({ mtimeMs }) => [{ path, time: mtimeMs }],
      () => [],
    );
  const dated = (await Promise.all(paths.map(date))).flat();
  return dated.sort((a, b) => b.time - a.time).map(({ path }) => path);
}

/** The file names of the checkpoints in a directory, in alphabetical order; none where there is no directory. */
export async function checkpointNames(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch(() => []);
  return names.filter((name) => name.endsWith('.ckpt') && !name.startsWith('.')).sort();
}
