/** Markdown tables for the Text tab. */
import { show, TensorBoardWriterError } from './errors.ts';

/** A cell of a table. */
export type Cell = string | number | boolean;

/**
 * A Markdown table. Bars and line breaks inside cells are escaped.
 *
 * @throws TensorBoardWriterError `invalid-value` for a row with another number of cells than there are columns.
 * @example
 * ```ts
 * markdownTable(['class', 'recall'], [['cat', 0.9], ['dog', 0.8]]);
 * ```
 */
export function markdownTable(columns: readonly string[], rows: readonly (readonly Cell[])[]): string {
  for (const row of rows) {
    if (row.length === columns.length) continue;
    throw new TensorBoardWriterError(
      'invalid-value',
      `Expected ${columns.length} cells in a row, got ${show(row.length)}.`,
    );
  }
  const line = (cells: readonly Cell[]) => `| ${cells.map(escapeCell).join(' | ')} |`;
  return [line(columns), line(columns.map(() => '---')), ...rows.map(line)].join('\n');
}

function escapeCell(cell: Cell): string {
  return String(cell).replaceAll('|', '\\|').replaceAll(/\r?\n/g, '<br>');
}
