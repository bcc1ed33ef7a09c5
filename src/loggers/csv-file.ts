/**
 * A CSV file whose columns may become more: rows are appended while the columns are known, and the file is rewritten
 * whole when one joins. A line that a crash has torn is dropped when the file is opened again.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { replaceFile } from './disk.ts';

/** A row: values by column. */
export type CsvRow = Readonly<Record<string, number>>;

/** The cells of a line as they stand in the file, by column. */
export type CsvCells = Readonly<Record<string, string>>;

export class CsvFile {
  readonly path: string;
  #columns: readonly string[] = [];
  #rows = 0;
  #opened = false;

  constructor(path: string) {
    this.path = path;
  }

  /** Rows in the file. */
  get rows(): number {
    this.#open();
    return this.#rows;
  }

  /** Appends rows, one line each. Throws what the file system throws; the file is then as it was. */
  append(rows: readonly CsvRow[]): void {
    if (rows.length === 0) return;
    this.#open();
    const known = new Set(this.#columns);
    const joined = new Set(rows.flatMap((row) => Object.keys(row)).filter((column) => !known.has(column)));
    const added = rows.map(cellsOf);
    if (joined.size > 0) this.#write([...this.#columns, ...joined].sort(), [...this.#read(), ...added]);
    else {
      appendFileSync(this.path, added.map((cells) => line(this.#columns, cells)).join(''));
      this.#rows += added.length;
    }
  }

  /** Keeps the rows that `test` accepts and rewrites the file when that are not all. */
  filter(test: (cells: CsvCells, index: number) => boolean): void {
    this.#open();
    const all = this.#read();
    const kept = all.filter(test);
    if (kept.length < all.length) this.#write(this.#columns, kept);
  }

  #open(): void {
    if (this.#opened) return;
    const content = contentOf(this.path);
    const rows = this.#parse(content);
    this.#rows = rows.length;
    if (content !== '' && !content.endsWith('\n')) this.#write(this.#columns, rows);
    this.#opened = true;
  }

  #read(): CsvCells[] {
    return this.#parse(contentOf(this.path));
  }

  #parse(content: string): CsvCells[] {
    const whole = content.slice(0, content.lastIndexOf('\n') + 1);
    const [header = [], ...records] = parseCsv(whole);
    this.#columns = header;
    return records.map((cells) => Object.fromEntries(header.map((column, i) => [column, cells[i] ?? ''])));
  }

  #write(columns: readonly string[], rows: readonly CsvCells[]): void {
    const header = `${columns.map(quote).join(',')}\n`;
    replaceFile(this.path, header + rows.map((cells) => line(columns, cells)).join(''));
    this.#columns = columns;
    this.#rows = rows.length;
  }
}

/** Splits CSV into records of cells (RFC 4180: quotes around cells that hold commas, quotes or line breaks). */
export function parseCsv(content: string): string[][] {
  const records: string[][] = [];
  let record: string[] = [];
  for (const [, quoted, plain, end] of content.matchAll(/(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\n)/g)) {
    record.push(quoted === undefined ? (plain as string) : quoted.replaceAll('""', '"'));
    if (end === ',') continue;
    records.push(record);
    record = [];
  }
  return records;
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

function cellsOf(row: CsvRow): CsvCells {
  return Object.fromEntries(Object.entries(row).map(([column, value]) => [column, String(value)]));
}

function line(columns: readonly string[], cells: CsvCells): string {
  return `${columns.map((column) => quote(cells[column] ?? '')).join(',')}\n`;
}

function quote(cell: string): string {
  return /[",\n\r]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
