/**
 * The four files of MNIST: their checksums, and where they may lie on this machine.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError } from '../../core/errors.ts';
import { sha256 } from '../files/download.ts';
import { unzipped } from './idx.ts';

/** One of the official files. */
export interface MnistFile {
  /** Its name without `.gz`. */
  readonly name: string;
  /** The size of the gzipped file in bytes. */
  readonly size: number;
  /** SHA-256 of the gzipped file. */
  readonly gzipped: string;
  /** SHA-256 of the unpacked file. */
  readonly plain: string;
}

export const MNIST_FILES: readonly [MnistFile, MnistFile, MnistFile, MnistFile] = [
  {
    name: 'train-images-idx3-ubyte',
    size: 9_912_422,
    gzipped: '440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609',
    plain: 'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db',
  },
  {
    name: 'train-labels-idx1-ubyte',
    size: 28_881,
    gzipped: '3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c',
    plain: '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5',
  },
  {
    name: 't10k-images-idx3-ubyte',
    size: 1_648_877,
    gzipped: '8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6',
    plain: '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7',
  },
  {
    name: 't10k-labels-idx1-ubyte',
    size: 4_542,
    gzipped: 'f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6',
    plain: 'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2',
  },
];

export const MNIST_MIRRORS: readonly string[] = [
  'https://storage.googleapis.com/cvdf-datasets/mnist/',
  'https://ossci-datasets.s3.amazonaws.com/mnist/',
  'https://yann.lecun.com/exdb/mnist/',
];

/**
 * Where a file lies, gzipped or not, or undefined.
 *
 * @throws DataError `wrong-checksum`
 */
export async function findMnistFile(file: MnistFile, directories: readonly string[]): Promise<string | undefined> {
  for (const directory of directories) {
    for (const name of [`${file.name}.gz`, file.name]) {
      const path = join(directory, name);
      const bytes = await readFile(path).catch(ignoreMissing);
      if (bytes) return await verified(path, bytes, file);
    }
  }
  return undefined;
}

async function verified(path: string, bytes: Uint8Array, file: MnistFile): Promise<string> {
  const found = sha256(bytes);
  if (found === file.gzipped || found === file.plain) return path;
  // The official content, packed by someone else, is as good.
  const unpacked = await unzipped(bytes, path).catch(() => bytes);
  if (sha256(unpacked) === file.plain) return path;
  throw new DataError(`${path} is not the official MNIST file`, {
    code: 'wrong-checksum',
    expected: `sha256 ${path.endsWith('.gz') ? file.gzipped : file.plain}`,
    got: found,
    help: 'delete the file so that it is fetched again, or read files of your own with `idxImages`',
  });
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
  throw new DataError(`${error.path ?? 'A file'} cannot be read: ${error.message}`, {
    code: 'file-unreadable',
    cause: error,
  });
}
