/** Plain text tables for terminals and logs: columns aligned, a rule below the header. */

/** How a column is aligned. */
export type Alignment = 'left' | 'right';

/**
 * Formats rows as a table: the header, a rule, the rows; columns as wide as their widest cell, two spaces between them.
 *
 * @param align one alignment per column; by default the first is aligned left and the others, which mostly hold numbers,
 *   right
 * @returns lines without a line break at the end; no line ends in spaces
 *
 * @example
 * ```ts
 * formatTable(['model', 'errors'], [['teacher', '67'], ['student', '74']]);
 * // model    errors
 * // ───────────────
 * // teacher      67
 * // student      74
 * ```
 */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  align: readonly Alignment[] = header.map((_, column) => (column === 0 ? 'left' : 'right')),
): string {
  const lines = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  const [first, ...others] = lines.map((line) => alignedLine(line, widths, align)) as [string, ...string[]];
  const rule = '─'.repeat(widths.reduce((sum, width) => sum + width, 2 * (widths.length - 1)));
  return [first, rule, ...others].join('\n');
}

function alignedLine(cells: readonly string[], widths: readonly number[], align: readonly Alignment[]): string {
  const padded = widths.map((width, column) => {
    const cell = cells[column] ?? '';
    return align[column] === 'right' ? cell.padStart(width) : cell.padEnd(width);
  });
  return padded.join('  ').trimEnd();
}
