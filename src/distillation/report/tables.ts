/** The report's figures as tables: aligned for terminals, and in Markdown. */
import { tickText } from '../../core/charts/index.ts';
import { formatTable } from '../../core/table.ts';
import type { DistillationReport, EvaluatedModel } from './report.ts';
import type { Estimate } from './statistics.ts';

interface Column {
  readonly header: string;
  readonly cell: (row: EvaluatedModel, report: DistillationReport) => string;
}

/** A mean; with its interval where it was taken over several seeds. */
export function estimateText({ value, low, high, seeds }: Estimate, write: (value: number) => string): string {
  return seeds.length === 1 ? write(value) : `${write(value)} (${write(low)}–${write(high)})`;
}

export const percent = (share: number): string => `${(100 * share).toFixed(2)}%`;
export const grouped = (value: number): string => Math.round(value).toLocaleString('en-US');
/** Whole counts as they are, means of counts with a decimal. */
const count = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: 1 });

/** Decimal units, as disks and downloads are counted: `1.9 MB`. */
export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB'];
  const power = bytes < 1000 ? 0 : Math.min(3, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

/** A figure, or a question mark where it cannot be told. */
const known = (value: number | undefined, write: (value: number) => string): string =>
  value === undefined || Number.isNaN(value) ? '?' : write(value);

/** What is told of every model. */
export const COLUMNS: readonly Column[] = [
  { header: 'errors', cell: ({ errors }) => estimateText(errors, count) },
  { header: 'accuracy', cell: ({ accuracy }) => estimateText(accuracy, percent) },
  { header: 'parameters', cell: ({ parameters }) => known(parameters, grouped) },
  { header: 'size', cell: ({ bytes }) => known(bytes, bytesText) },
  { header: 'MACs', cell: ({ macs }) => known(macs, tickText) },
  { header: 'smaller', cell: (row, report) => known(report.sizeReduction(row), (times) => `${times.toFixed(1)}x`) },
  { header: 'p50', cell: ({ latencyP50Ms }) => `${latencyP50Ms.toFixed(2)} ms` },
  { header: 'p95', cell: ({ latencyP95Ms }) => `${latencyP95Ms.toFixed(2)} ms` },
  { header: 'samples/s', cell: ({ throughput }) => grouped(throughput) },
  { header: 'faster', cell: (row, report) => `${report.speedUp(row).toFixed(1)}x` },
  { header: 'agrees', cell: ({ agreement }) => estimateText(agreement, percent) },
  { header: 'KL', cell: ({ kl }) => kl.value.toFixed(3) },
  { header: 'ECE', cell: ({ ece }) => percent(ece.value) },
];

/** How a model compares with the reference, in words: what goes behind its name. */
export function comparison(report: DistillationReport, row: EvaluatedModel): string {
  const { reference } = report;
  const points = 100 * (row.accuracy.value - reference.accuracy.value);
  const [larger, faster] = [report.sizeReduction(row), report.speedUp(row)];
  const times = (factor: number, more: string, less: string): string =>
    factor >= 1 ? `${factor.toFixed(1)} times ${more}` : `${(1 / factor).toFixed(1)} times ${less}`;
  const size = Number.isNaN(larger) ? '' : `${times(larger, 'smaller', 'larger')} and `;
  return (
    `is ${size}${times(faster, 'faster', 'slower')} than ${reference.name}, ` +
    `at ${estimateText(row.accuracy, percent)} accuracy (${points >= 0 ? '+' : '−'}${Math.abs(points).toFixed(2)} points).`
  );
}

/** Header and cells of the report's table. */
export function cells(report: DistillationReport): { header: string[]; rows: string[][] } {
  const header = ['model', ...COLUMNS.map((column) => column.header)];
  return { header, rows: report.rows.map((row) => [row.name, ...COLUMNS.map(({ cell }) => cell(row, report))]) };
}

/** Aligned, for terminals. */
export function textTable(report: DistillationReport): string {
  const { header, rows } = cells(report);
  return formatTable(header, rows);
}

/** In Markdown. */
export function markdownTable(report: DistillationReport): string {
  const { header, rows } = cells(report);
  return markdownRows(header, rows);
}

/** Any table in Markdown. */
export function markdownRows(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (row: readonly string[]) => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(header), line(header.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}
