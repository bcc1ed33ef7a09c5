/** CSVLogger: metrics as a CSV file, one line per row, hyper-parameters as YAML beside it. */
import { join } from 'node:path';
import { z } from 'zod';
import type { HyperParameters, JsonObject, LoggerLike, Metrics, RowAxis } from '../core/contracts.ts';
import { parseOptions, wholeNumber } from '../core/options.ts';
import { CsvFile, type CsvRow } from './csv-file.ts';
import { DiskGuard, writeHparamsFile } from './disk.ts';
import { RunDirectory, type RunDirectoryOptions, runDirectorySchema } from './run-directory.ts';

/** Options of {@link CSVLogger}. */
export interface CSVLoggerOptions extends RunDirectoryOptions {
  /** Rows are written when so many wait, and at the end of each epoch. Default 100. */
  flushEveryNRows?: number | undefined;
}

const schema = z.strictObject({ ...runDirectorySchema, flushEveryNRows: wholeNumber(1).default(100) });

/** While the disk takes nothing, at most so many rows are kept for a later attempt. */
const MOST_ROWS = 100_000;

/**
 * Logs to `<saveDir>/<name>/version_N/metrics.csv`: sorted columns, `epoch` and `step` among them, a line for each row,
 * numbers in full precision. A row with an x axis of its own has it in a column `sample` or `time` beside the step. A column that joins later is empty in the lines before. An existing file is continued.
 * After a resume it holds no step twice. A disk that takes nothing is reported once and never ends the training.
 *
 * @param saveDir the directory above all experiments
 * @throws ConfigError `unknown-option` or `invalid-option`
 *
 * @example
 * ```ts
 * const trainer = new Trainer({ logger: [new TensorBoardLogger('runs'), new CSVLogger('runs')] });
 * ```
 */
export class CSVLogger implements LoggerLike {
  readonly #flushEvery: number;
  readonly #directory: RunDirectory;
  readonly #disk = new DiskGuard('CSVLogger');
  #file: CsvFile | undefined;
  #waiting: CsvRow[] = [];
  #resume: { readonly rows: number | undefined; readonly step: number } | undefined;
  #hparams: HyperParameters = {};
  #unwritten = false;

  constructor(saveDir: string, options: CSVLoggerOptions = {}) {
    const { flushEveryNRows, ...place } = parseOptions('CSVLogger', schema, options);
    this.#flushEvery = flushEveryNRows;
    this.#directory = new RunDirectory(saveDir, place);
  }

  /** The directory of this run. It is made at the first write. */
  get logDir(): string {
    return this.#directory.path;
  }

  /** The version of this run: a number for `version_N`. */
  get version(): number | string {
    return this.#directory.version;
  }

  logMetrics(metrics: Metrics, step: number, axis?: RowAxis): void {
    const epoch = axis?.epoch === undefined ? {} : { epoch: axis.epoch };
    this.#waiting.push({ ...metrics, ...epoch, ...(axis && { [axis.name]: axis.x }), step });
    if (this.#waiting.length % this.#flushEvery === 0) this.#flush();
  }

  /** Takes hyper-parameters; they are written with the first rows. */
  logHyperparams(hparams: HyperParameters): void {
    this.#hparams = { ...this.#hparams, ...hparams };
    this.#unwritten = Object.keys(this.#hparams).length > 0;
    void this.version; // settled now: loggers that share a directory must see it before one of them makes it
  }

  /** Writes what waits. */
  save(): void {
    this.#flush();
  }

  /** Writes what waits. The logger can be used again and goes on in the same file. */
  finalize(status: 'success' | 'failed' | 'interrupted'): void {
    if (status === 'success' || this.#waiting.length > 0) this.#flush();
    this.#file = undefined;
  }

  /** Writes what waits, so that rows up to here outlive whatever comes. */
  stateDict(): JsonObject {
    this.#flush();
    const rows = this.#disk.attempt(() => this.#open().rows);
    return { ...this.#directory.state(), ...(rows !== undefined && { rows }) };
  }

  /**
   * Goes on in the directory of the saved run. What it logged after the checkpoint is dropped at the first write; of a
   * state that does not tell, rows from `resumeStep` on and those with an x axis of their own.
   */
  loadStateDict(state: JsonObject, resumeStep: number): void {
    this.#flush();
    this.#file = undefined;
    const isSame = this.#directory.restore(state);
    const { rows } = state;
    this.#resume = { rows: isSame && typeof rows === 'number' ? rows : undefined, step: resumeStep };
  }

  #flush(): void {
    if (this.#waiting.length === 0 && !this.#unwritten) return;
    this.#disk.attempt(() => {
      this.#open().append(this.#waiting);
      this.#waiting = [];
      if (this.#unwritten) writeHparamsFile(this.logDir, this.#hparams);
      this.#unwritten = false;
    });
    if (this.#waiting.length > MOST_ROWS) this.#waiting = this.#waiting.slice(-MOST_ROWS);
  }

  #open(): CsvFile {
    const file = this.#file ?? new CsvFile(join(this.logDir, 'metrics.csv'));
    this.#file = file;
    if (this.#resume !== undefined) {
      const { rows, step: resumeStep } = this.#resume;
      file.filter(({ epoch = '', step }, index) =>
        rows === undefined ? epoch !== '' && Number(step) < resumeStep : index < rows,
      );
      this.#resume = undefined;
    }
    return file;
  }
}
