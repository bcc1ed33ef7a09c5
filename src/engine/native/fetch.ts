/** Fetches what a native engine is made of: wheels through pip, packages through npm, each checked against its pin. */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, readdirSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import { BackendError, messageOf } from '../../core/errors.ts';
import type { PackagePin, WheelPin } from './pins.ts';
import { npmCommand, runProgram } from './tools.ts';

/** One version of Python and the platforms of its wheels, so that any Python's pip finds the same file. */
const ONE_PYTHON = [
  '--only-binary=:all:',
  '--implementation=cp',
  '--python-version=3.11',
  '--abi=cp311',
  '--abi=none',
  ...['manylinux_2_28', 'manylinux_2_27', 'manylinux_2_17', 'manylinux2014', 'manylinux1'].map(
    (tag) => `--platform=${tag}_x86_64`,
  ),
];

/**
 * Downloads a wheel into a folder of its own and returns its path. pip compares it with the index's checksum, and with
 * the pin's where there is one.
 *
 * @param pip how pip is called
 * @param requirement `'nvidia-cudnn-cu12<10.0,>=9.3'`
 * @throws BackendError `native-download`
 */
export async function fetchWheel(
  pip: readonly [string, ...string[]],
  requirement: string,
  sha256: string | undefined,
  folder: string,
): Promise<string> {
  await mkdir(folder, { recursive: true });
  const list = join(folder, 'requirements.txt');
  await writeFile(list, sha256 === undefined ? `${requirement}\n` : `${requirement} --hash=sha256:${sha256}\n`);
  const [command, ...first] = pip;
  const args = [...first, 'download', '--quiet', '--disable-pip-version-check', '--no-deps', ...ONE_PYTHON];
  const { status, err } = await runProgram(command, [...args, `--dest=${folder}`, '--requirement', list]);
  const wheel = readdirSync(folder).find((name) => name.endsWith('.whl'));
  if (status !== 0 || wheel === undefined) throw notFetched(`pip could not fetch ${requirement}`, err);
  return join(folder, wheel);
}

/** What `fetchWheel` asks pip for. */
export const requirementOf = ({ project, version }: WheelPin): string => `${project}==${version}`;

/**
 * Fetches a package of npm and unpacks it into `target`.
 *
 * @throws BackendError `native-download` when npm cannot fetch it, or what came has another checksum than the pin
 */
export async function fetchPackage(pin: PackagePin, target: string): Promise<void> {
  const folder = `${target}.download`;
  await mkdir(folder, { recursive: true });
  try {
    const [command, ...first] = npmCommand();
    const args = [...first, 'pack', `${pin.name}@${pin.version}`, `--pack-destination=${folder}`, '--silent'];
    const { status, err } = await runProgram(command, args);
    const name = readdirSync(folder).find((file) => file.endsWith('.tgz'));
    if (status !== 0 || name === undefined) throw notFetched(`npm could not fetch ${pin.name}@${pin.version}`, err);
    const tarball = join(folder, name);
    await checkIntegrity(tarball, pin);
    await unpackTarball(tarball, target);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function checkIntegrity(tarball: string, { name, integrity }: PackagePin): Promise<void> {
  const found = `sha512-${createHash('sha512')
    .update(await readFile(tarball))
    .digest('base64')}`;
  if (found !== integrity)
    throw notFetched(`what npm fetched as ${name} has another checksum`, `expected ${integrity}, got ${found}`);
}

async function unpackTarball(tarball: string, target: string): Promise<void> {
  const files = extract();
  files.on('entry', (header, stream, next) => {
    // npm puts everything under one folder, mostly `package`.
    const place = resolve(target, header.name.split('/').slice(1).join('/'));
    if (header.type !== 'file' || !place.startsWith(resolve(target))) {
      stream.resume();
      stream.once('end', next);
      return;
    }
    mkdir(dirname(place), { recursive: true })
      .then(() => pipeline(stream, createWriteStream(place)))
      .then(() => next(), next);
  });
  await pipeline(createReadStream(tarball), createGunzip(), files).catch((cause: unknown) => {
    throw notFetched('a package could not be unpacked', messageOf(cause), cause);
  });
}

/** A wheel that the user names. @throws BackendError `native-download` */
export function givenWheel(path: string): string {
  const whole = resolve(path);
  if (!existsSync(whole)) throw notFetched(`there is no wheel ${whole}`, '');
  return whole;
}

function notFetched(summary: string, reason: string, cause?: unknown): BackendError {
  const full = /No space left|ENOSPC/.test(reason);
  return new BackendError(reason === '' ? summary : `${summary}:\n${reason}\n`, {
    code: full ? 'native-no-space' : 'native-download',
    help: full
      ? 'free some space, or set KELVIN_NATIVE_DIR (and TMPDIR, which pip uses) to another disk'
      : 'see that the network and the mirrors of pip and npm can be reached; --wheel FILE takes a wheel from elsewhere',
    cause,
  });
}
