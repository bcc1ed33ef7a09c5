/**
 * A folder of folders of images, one folder per class.
 */
import { readdir, stat } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import { z } from 'zod';
import { DataError, messageOf } from '../../core/errors.ts';
import { nearest, parseOptions, text } from '../../core/options.ts';
import { type DecodeOptions, decodeShape } from '../decode/decode.ts';
import { IMAGE_ENDINGS, type ImageEntry, ImageFiles, noImages } from './image-files.ts';

/** Options of {@link imageFolder}. */
export interface ImageFolderOptions extends DecodeOptions {
  /** The classes, in the order of their indices. Default: the names of the folders, sorted. */
  readonly classes?: readonly string[] | undefined;
}

const optionsSchema = z.strictObject({
  ...decodeShape,
  classes: z.array(text(), { error: 'a list of names' }).readonly().optional(),
});

/**
 * Images whose class is the name of the folder that they lie in, at any depth below it: `cats/17.png`. Batches are images
 * `x` [batch, height, width, channels] and class indices `y`. A sample's id is its path.
 *
 * @throws DataError `folder-unreadable`, `no-images`, `unknown-class` for a folder that is not in `classes`; ConfigError
 *   `invalid-option`
 *
 * @example
 * ```ts
 * const flowers = await imageFolder('flowers', { size: 224 });
 * const loader = new DataLoader(flowers, { batchSize: 32, shuffle: true, workers: 2 });
 * ```
 */
export async function imageFolder(folder: string, options: ImageFolderOptions = {}): Promise<ImageFiles> {
  const { classes: given, ...decode } = parseOptions('imageFolder', optionsSchema, options);
  const found = (await listFolder(folder)).filter(({ isFolder }) => isFolder).map(({ name }) => name);
  const classes = given ?? found.filter((name) => !name.startsWith('.')).sort();
  const entries: ImageEntry[] = [];
  const labels: number[] = [];
  for (const name of found.filter((other) => !other.startsWith('.')).sort()) {
    const label = classes.indexOf(name);
    if (label < 0) throw unknownClass(join(folder, name), name, classes);
    for (const path of await imagesBelow(join(folder, name))) {
      entries.push({ id: relative(folder, path).split(sep).join('/'), path });
      labels.push(label);
    }
  }
  if (entries.length === 0) throw noImages(folder, 'a folder per class with images in it');
  return new ImageFiles({ entries, labels: Int32Array.from(labels), classes, decode: decode as DecodeOptions });
}

/** The images below a folder, sorted, so that every machine sees the same order. @throws DataError `folder-unreadable` */
export async function imagesBelow(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const { name, isFolder } of await listFolder(folder)) {
    const path = join(folder, name);
    if (isFolder) found.push(...(await imagesBelow(path)));
    else if (IMAGE_ENDINGS.includes(extname(name).toLowerCase())) found.push(path);
  }
  return found.sort();
}

/** What lies in a folder; links to folders count as folders. */
async function listFolder(folder: string): Promise<{ name: string; isFolder: boolean }[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const looked = entries.map(async (entry) => {
      const isFolder = entry.isSymbolicLink()
        ? (await stat(join(folder, entry.name))).isDirectory()
        : entry.isDirectory();
      return { name: entry.name, isFolder };
    });
    return await Promise.all(looked);
  } catch (cause) {
    throw new DataError(`The folder ${folder} cannot be read: ${messageOf(cause)}`, {
      code: 'folder-unreadable',
      help: 'check the path and the permissions',
      cause,
    });
  }
}

/** The error for a label that is not in the list of classes. `where` names the file and row, or the folder. */
export function unknownClass(where: string, label: string, classes: readonly string[]): DataError {
  const near = nearest(label, classes);
  return new DataError(`${where}: the label '${label}' is not in the list of classes`, {
    code: 'unknown-class',
    expected: `one of ${classes.slice(0, 20).join(', ')}${classes.length > 20 ? ', …' : ''}`,
    help: near ? `did you mean '${near}'?` : 'add it to `classes`, or mend the data',
  });
}
