/** Predictions of a batch as lines of a csv file: one per sample, one column per number. */
import { ConfigError, show } from '../core/errors.ts';
import { isPlainObject } from '../core/tensors.ts';
import * as tf from '../core/tf.ts';

/** Columns and their values, one list per sample. */
export interface PredictionTable {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
}

/**
 * The table of what `predictStep` returned: a tensor or array whose first axis is that of the samples, or an object of
 * those. A column is called after its key, `prediction` without one, with the position for several numbers per sample.
 *
 * @throws ConfigError `invalid-prediction` for anything else
 */
export function predictionTable(outputs: unknown): PredictionTable {
  const parts = isPlainObject(outputs) ? Object.entries(outputs) : [['prediction', outputs] as const];
  const tables = parts.map(([name, value]) => columnsOf(name, value));
  const count = tables[0]?.rows.length ?? 0;
  if (tables.some(({ rows }) => rows.length !== count)) throw invalid('parts with the same number of samples', outputs);
  return {
    columns: tables.flatMap(({ columns }) => columns),
    rows: Array.from({ length: count }, (_, i) => tables.flatMap(({ rows }) => rows[i] as readonly unknown[])),
  };
}

/** A line of a csv file (RFC 4180). */
export function csvLine(cells: readonly unknown[]): string {
  return `${cells.map((cell) => (/[",\r\n]/.test(String(cell)) ? `"${String(cell).replaceAll('"', '""')}"` : String(cell))).join(',')}\n`;
}

function columnsOf(name: string, value: unknown): PredictionTable {
  if (Array.isArray(value)) return { columns: [name], rows: value.map((item) => [item]) };
  if (!(value instanceof tf.Tensor) || value.rank === 0)
    throw invalid('a tensor with an axis of samples, or an array', value);
  const [count = 0] = value.shape;
  const width = value.size / Math.max(count, 1);
  const data = value.dataSync();
  return {
    columns: value.rank === 1 ? [name] : Array.from({ length: width }, (_, i) => `${name}_${i}`),
    rows: Array.from({ length: count }, (_, i) => [...data.slice(i * width, (i + 1) * width)]),
  };
}

function invalid(expected: string, got: unknown): ConfigError {
  return new ConfigError('PredictionWriter: what `predictStep` returned', {
    code: 'invalid-prediction',
    expected: `${expected}, or an object of those`,
    got: show(got),
    help: 'write it yourself, with `writeBatch`',
  });
}
