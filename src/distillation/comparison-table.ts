/** The comparison of models as a table for people. */
import { formatTable } from '../core/table.ts';
import type { ModelComparison } from './evaluation.ts';

/**
 * A plain text table of {@link compareModels}'s rows: errors, accuracy, size, latency of one sample (median and 95th
 * percentile) and samples per second in batches.
 *
 * @example
 * ```ts
 * console.log(comparisonTable(await compareModels({ teacher, student }, test)));
 * ```
 */
export function comparisonTable(rows: readonly ModelComparison[]): string {
  const header = ['model', 'errors', 'accuracy', 'parameters', 'size', 'p50', 'p95', 'images/s', 'smaller', 'agrees'];
  return formatTable(
    header,
    rows.map((row) => [
      row.name,
      row.errors.toLocaleString('en-US'),
      percent(row.accuracy),
      row.parameters.toLocaleString('en-US'),
      bytesText(row.bytes),
      `${row.latencyP50Ms.toFixed(2)} ms`,
      `${row.latencyP95Ms.toFixed(2)} ms`,
      Math.round(row.throughput).toLocaleString('en-US'),
      `${row.sizeReduction.toFixed(1)}x`,
      percent(row.agreement),
    ]),
  );
}

const percent = (share: number): string => `${(100 * share).toFixed(2)}%`;

/** Decimal units, as disks and downloads are counted: `1.9 MB`. */
function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB'];
  const power = bytes < 1000 ? 0 : Math.min(3, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}
