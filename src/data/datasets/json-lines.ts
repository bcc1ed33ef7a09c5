/**
 * JSON lines: one sample per line. Only where each line begins is kept in memory; a line is read when it is asked for.
 */
import { closeSync, createReadStream, openSync, readSync } from 'node:fs';
import { z } from 'zod';
import { DataError, messageOf, show } from '../../core/errors.ts';
import { parseOptions, text } from '../../core/options.ts';
import type { Dataset } from '../dataset.ts';
import { unreadable } from '../files/file-errors.ts';
import type { SampleId } from '../views.ts';
import { withRecipe } from '../workers/recipe.ts';
import { noSuchSample } from './array-dataset.ts';

const optionsSchema = z.strictObject({ id: text('the name of a field').optional() });

/** Where the lines of a file are. */
interface LineIndex {
  readonly file: string;
  /** Where each line that is not blank begins and ends. */
  readonly bounds: Float64Array;
  /** The number of each such line, from 1. */
  readonly numbers: Uint32Array;
  readonly ids: readonly SampleId[] | undefined;
}

/**
 * The lines of a file as samples; blank lines are passed over.
 *
 * @typeParam S what a line holds. Numbers, lists of numbers and words can be collated as they are
 * @param options `id`: the field that names a sample, checked to differ from line to line; default the line's number
 * @throws DataError naming file and line: `file-unreadable`, `json-line`, `duplicate-id`
 *
 * @example
 * ```ts
 * const rows = await jsonLines<{ x: number[]; y: number }>('samples.jsonl');
 * const dataset = mapDataset(rows, ({ x, y }) => ({ x, y: int32(y) }));
 * ```
 */
export async function jsonLines<S = unknown>(
  file: string,
  options: { id?: string | undefined } = {},
): Promise<Dataset<S>> {
  const { id } = parseOptions('jsonLines', optionsSchema, options);
  const { bounds, numbers } = await findLines(file);
  const index: LineIndex = {
    file,
    bounds: Float64Array.from(bounds),
    numbers: Uint32Array.from(numbers),
    ids: undefined,
  };
  if (id === undefined) return openJsonLines<S>(index);
  return openJsonLines<S>({ ...index, ids: uniqueIds(openJsonLines(index), index, id) });
}

/** For workers: the same lines, without looking for them again. */
export function openJsonLines<S>(index: LineIndex): Dataset<S> {
  const { file, bounds, numbers, ids } = index;
  let descriptor: number | undefined;
  const dataset: Dataset<S> = {
    length: numbers.length,
    get(at) {
      if (!(at in numbers)) throw noSuchSample(at, numbers.length);
      const from = bounds[2 * at] as number;
      const bytes = Buffer.alloc((bounds[2 * at + 1] as number) - from);
      try {
        descriptor ??= openSync(file, 'r');
        readSync(descriptor, bytes, 0, bytes.length, from);
      } catch (cause) {
        throw unreadable(file, cause);
      }
      return parseLine(bytes.toString(), file, numbers[at] as number) as S;
    },
    sampleId: (at) => ids?.[at] ?? (numbers[at] as number),
  };
  files.register(dataset, () => descriptor !== undefined && closeSync(descriptor));
  return withRecipe(dataset, import.meta.url, 'openJsonLines', () => [index]);
}

/** Closes a file when its dataset is gone. */
const files = new FinalizationRegistry<() => void>((close) => close());

function parseLine(line: string, file: string, number: number): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new DataError(`${file} line ${number} is not JSON: ${messageOf(cause)}`, { code: 'json-line', cause });
  }
}

async function findLines(file: string): Promise<{ bounds: number[]; numbers: number[] }> {
  const bounds: number[] = [];
  const numbers: number[] = [];
  let [start, position, number, blank] = [0, 0, 1, true];
  const endLine = (end: number): void => {
    if (!blank) {
      bounds.push(start, end);
      numbers.push(number);
    }
    [start, number, blank] = [end + 1, number + 1, true];
  };
  try {
    for await (const piece of createReadStream(file, { highWaterMark: 1 << 20 })) {
      for (const byte of piece as Uint8Array) {
        if (byte === 10) endLine(position);
        else if (byte > 32) blank = false;
        position += 1;
      }
    }
  } catch (cause) {
    throw unreadable(file, cause);
  }
  endLine(position);
  return { bounds, numbers };
}

function uniqueIds(lines: Dataset, { file, numbers }: LineIndex, field: string): SampleId[] {
  const seen = new Map<SampleId, number>();
  for (let at = 0; at < lines.length; at++) {
    const number = numbers[at] as number;
    const id = (lines.get(at) as Record<string, unknown> | null)?.[field];
    if (typeof id !== 'string' && typeof id !== 'number') {
      throw new DataError(`${file} line ${number}`, {
        code: 'json-line',
        expected: `a word or number in the field \`${field}\``,
        got: show(id),
      });
    }
    const before = seen.get(id);
    if (before !== undefined) throw duplicateId(file, 'line', id, [before, number]);
    seen.set(id, number);
  }
  return [...seen.keys()];
}

/** The error for an id that comes twice. */
export function duplicateId(
  file: string,
  unit: 'line' | 'row',
  id: SampleId,
  [first, second]: [number, number],
): DataError {
  return new DataError(`${file} ${unit} ${second}: the id ${show(id)} is there already`, {
    code: 'duplicate-id',
    expected: `an id of its own, since ${unit} ${first} has this one`,
  });
}
