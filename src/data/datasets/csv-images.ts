/**
 * A table of images: a csv file that names an image and its label in each row, beside a folder of images.
 */
import { readFile } from 'node:fs/promises';
import { basename, extname, relative, sep } from 'node:path';
import { parse } from 'csv-parse/sync';
import { z } from 'zod';
import { DataError, messageOf } from '../../core/errors.ts';
import { nearest, oneOf, parseOptions, text } from '../../core/options.ts';
import { type DecodeOptions, decodeShape } from '../decode/decode.ts';
import { unreadable } from '../files/file-errors.ts';
import { type ImageEntry, ImageFiles, noImages } from './image-files.ts';
import { imagesBelow, unknownClass } from './image-folder.ts';
import { duplicateId } from './json-lines.ts';

/** Options of {@link csvImages}. */
export interface CsvImagesOptions extends DecodeOptions {
  /** The csv file. Its first row names the columns. */
  readonly csv: string;
  /** The folder of the images, searched at any depth. */
  readonly images: string;
  /** The column that names the image, with or without its ending. Default: the first column. */
  readonly id?: string | undefined;
  /** The column of the label. Without it samples are images only. */
  readonly label?: string | undefined;
  /** The classes, in the order of their indices. Default: the labels that occur, sorted, numbers by value. */
  readonly classes?: readonly string[] | undefined;
  /** `'class'` (default), or `'number'` for labels to be predicted as numbers. */
  readonly target?: 'class' | 'number' | undefined;
  /** What to do about rows whose image is not there: `'error'` (default), or `'skip'` them. */
  readonly missing?: 'error' | 'skip' | undefined;
}

const optionsSchema = z.strictObject({
  ...decodeShape,
  csv: text('a file'),
  images: text('a folder'),
  id: text('the name of a column').optional(),
  label: text('the name of a column').optional(),
  classes: z.array(text(), { error: 'a list of names' }).readonly().optional(),
  target: oneOf('class', 'number').default('class'),
  missing: oneOf('error', 'skip').default('error'),
});

type Row = Readonly<Record<string, string>>;

/**
 * Images listed in a csv file. Batches are images `x` [batch, height, width, channels] and labels `y`. A sample's id is
 * what the id column says. Row numbers in errors count from 1, the row of column names, as editors and spreadsheets do.
 *
 * @throws DataError naming file and row: `file-unreadable`, `csv-format`, `unknown-column`, `duplicate-id`,
 *   `missing-image`, `unknown-class`, `label-not-a-number`, `no-images`
 *
 * @example
 * ```ts
 * const train = await csvImages({ csv: 'train.csv', images: 'train_images', id: 'id_code', label: 'diagnosis', size: 224 });
 * const [fit, val] = stratifiedSplit(train, train.labels, [0.8, 0.2], 1);
 * ```
 */
export async function csvImages(options: CsvImagesOptions): Promise<ImageFiles> {
  const given = parseOptions('csvImages', optionsSchema, options);
  const { csv, images, label, target, missing: policy, classes: _, id: __, ...decode } = given;
  const { columns, rows } = await readTable(csv);
  const idColumn = columnOf(csv, given.id ?? (columns[0] as string), columns);
  if (label !== undefined) columnOf(csv, label, columns);
  const find = byName(images, await imagesBelow(images));
  const seen = new Map<string, number>();
  const entries: ImageEntry[] = [];
  const labels: { value: string; listed: string }[] = [];
  const missing: string[] = [];
  for (const [i, row] of rows.entries()) {
    const number = i + 2;
    const listed = `${csv} row ${number}`;
    const id = row[idColumn] as string;
    const before = seen.get(id);
    if (before !== undefined) throw duplicateId(csv, 'row', id, [before, number]);
    seen.set(id, number);
    const path = find(id);
    if (path === undefined && policy === 'error') throw missingImage(listed, id, images);
    if (path === undefined) missing.push(`${listed}: ${id}`);
    else {
      entries.push({ id, path, listed });
      if (label !== undefined) labels.push({ value: row[label] as string, listed });
    }
  }
  if (entries.length === 0) throw noImages(csv, 'at least one row with an image that is there');
  const classes = label === undefined || target === 'number' ? [] : (given.classes ?? classesIn(labels));
  const values = labels.map((entry) => (target === 'number' ? asNumber(entry) : classIndex(entry, classes)));
  const typed = target === 'number' ? Float32Array.from(values) : Int32Array.from(values);
  const list = { entries, labels: label === undefined ? undefined : typed, classes, decode: decode as DecodeOptions };
  return new ImageFiles({ ...list, missing });
}

async function readTable(csv: string): Promise<{ columns: string[]; rows: Row[] }> {
  const content = await readFile(csv).catch((cause: unknown) => {
    throw unreadable(csv, cause);
  });
  let columns: string[] = [];
  try {
    const header = (names: string[]): string[] => {
      columns = names;
      return names;
    };
    const rows = parse(content, { columns: header, bom: true, trim: true, skip_empty_lines: true }) as Row[];
    return { columns, rows };
  } catch (cause) {
    throw new DataError(`${csv} is not a table: ${messageOf(cause)}`, { code: 'csv-format', cause });
  }
}

function columnOf(csv: string, name: string, columns: readonly string[]): string {
  if (columns.includes(name)) return name;
  const near = nearest(name, columns);
  throw new DataError(`${csv} row 1: there is no column '${name}'`, {
    code: 'unknown-column',
    expected: `one of ${columns.map((column) => `'${column}'`).join(', ')}`,
    help: near ? `did you mean '${near}'?` : 'name the right column',
  });
}

/** Finds an image by its path below the folder or by its name, each with or without the ending. */
function byName(folder: string, paths: readonly string[]): (id: string) => string | undefined {
  const known = new Map<string, string>();
  const add = (name: string, path: string): void => {
    known.set(name.slice(0, -extname(name).length), path);
    known.set(name, path);
  };
  for (const path of paths) add(basename(path), path);
  for (const path of paths) add(relative(folder, path).split(sep).join('/'), path);
  return (id) => known.get(id);
}

function classesIn(labels: readonly { value: string }[]): string[] {
  const found = [...new Set(labels.map(({ value }) => value))];
  const numbers = found.every((value) => value !== '' && Number.isFinite(Number(value)));
  return numbers ? found.sort((a, b) => Number(a) - Number(b)) : found.sort();
}

function classIndex({ value, listed }: { value: string; listed: string }, classes: readonly string[]): number {
  const index = classes.indexOf(value);
  if (index < 0) throw unknownClass(listed, value, classes);
  return index;
}

function asNumber({ value, listed }: { value: string; listed: string }): number {
  const number = Number(value);
  if (value !== '' && Number.isFinite(number)) return number;
  throw new DataError(`${listed}: the label`, { code: 'label-not-a-number', expected: 'a number', got: `'${value}'` });
}

const missingImage = (listed: string, id: string, folder: string): DataError =>
  new DataError(`${listed}: there is no image '${id}' in ${folder}`, {
    code: 'missing-image',
    help: "mend the table or the folder, or leave such rows out with missing: 'skip'",
  });
