/**
 * TensorBoardLogger: metrics, hyper-parameters and whatever the user adds, as TensorBoard event files. Files are made at
 * the first write; a resumed run goes on in the same directory and hides the steps that it takes again.
 */
import { type GraphNode, type Hparams, SummaryWriter } from 'tensorboard-logger-ts';
import { z } from 'zod';
import type { HyperParameters, Json, JsonObject, LoggerLike, Metrics, ModuleView, RowAxis } from '../core/contracts.ts';
import { flag, numberBetween, parseOptions } from '../core/options.ts';
import { DiskGuard, writeHparamsFile } from './disk.ts';
import { cutEventFiles, eventFileSizes, type FileSizes, SUFFIX } from './event-files.ts';
import { moduleGraph } from './model-graph.ts';
import { RunDirectory, type RunDirectoryOptions, runDirectorySchema } from './run-directory.ts';
import { configText, environmentText } from './run-text.ts';

/** Options of {@link TensorBoardLogger}. */
export interface TensorBoardLoggerOptions extends RunDirectoryOptions {
  /** Show hyper-parameters in TensorBoard's HPARAMS tab. They are in `hparams.yaml` in any case. Default `true`. */
  logHparams?: boolean | undefined;
  /** The metrics shown beside the hyper-parameters. Default: all that the first epoch has logged. */
  hparamMetrics?: readonly string[] | undefined;
  /** Draw the tf.LayersModels among the module's fields in the GRAPHS tab. Default `true`. */
  logGraph?: boolean | undefined;
  /** Show configuration, machine, engine and git commit in the TEXT tab. Default `true`. */
  logRunText?: boolean | undefined;
  /** Rows are on disk at the latest after this many seconds. Default 10. */
  flushSecs?: number | undefined;
}

const schema = z.strictObject({
  ...runDirectorySchema,
  logHparams: flag().default(true),
  hparamMetrics: z.array(z.string(), { error: 'an array of metric names' }).optional(),
  logGraph: flag().default(true),
  logRunText: flag().default(true),
  flushSecs: numberBetween(0, 2_000_000).default(10),
});

const ENDINGS = { success: 'success', failed: 'failure', interrupted: 'running' } as const;

/**
 * Logs to TensorBoard: `<saveDir>/<name>/version_N` holds event files and `hparams.yaml`. View with
 * `tensorboard --logdir <saveDir>`. A disk that takes nothing is reported once and never ends the training.
 *
 * A resumed run goes on in the same directory, and what was logged after the checkpoint is cut off its files: the curves
 * are those of a run that never stopped. A TensorBoard that was open meanwhile shows old points until it is reloaded.
 *
 * @param saveDir the directory above all experiments
 * @throws ConfigError `unknown-option` or `invalid-option`
 *
 * @example
 * ```ts
 * const logger = new TensorBoardLogger('runs', { name: 'mnist' });
 * const trainer = new Trainer({ logger });
 * logger.experiment.addText('notes', 'wider than version_3', 0);
 * ```
 */
export class TensorBoardLogger implements LoggerLike {
  readonly #options: z.output<typeof schema>;
  readonly #directory: RunDirectory;
  readonly #disk = new DiskGuard('TensorBoardLogger');
  readonly #tags = new Set<string>();
  #writer: SummaryWriter | undefined;
  #purgeStep: number | undefined;
  #cut: FileSizes | undefined;
  #hparams: HyperParameters = {};
  #unshown = false;
  #shownIn: SummaryWriter | undefined;
  #unwritten = false;
  #lastStep = 0;
  #graph: readonly GraphNode[] = [];
  #graphWritten = false;
  #textStep: number | undefined = 0;

  constructor(saveDir: string, options: TensorBoardLoggerOptions = {}) {
    this.#options = parseOptions('TensorBoardLogger', schema, options);
    this.#directory = new RunDirectory(saveDir, this.#options);
  }

  /** The directory of this run. It is made at the first write. */
  get logDir(): string {
    return this.#directory.path;
  }

  /** The version of this run: a number for `version_N`. */
  get version(): number | string {
    return this.#directory.version;
  }

  /**
   * The writer, for images, text, histograms and all else that TensorBoard shows. Opens the file.
   *
   * @throws TensorBoardWriterError `log-dir-not-writable`
   */
  get experiment(): SummaryWriter {
    if (this.#writer !== undefined) return this.#writer;
    const [purgeStep, cut] = [this.#purgeStep, this.#cut];
    if (cut !== undefined) this.#disk.attempt(() => cutEventFiles(this.logDir, cut));
    this.#writer = new SummaryWriter(this.logDir, {
      purgeStep,
      flushSecs: this.#options.flushSecs,
      filenameSuffix: SUFFIX,
    });
    this.#purgeStep = undefined;
    this.#cut = undefined;
    this.#writeHparamsFile();
    this.#writeGraph(this.#writer);
    return this.#writer;
  }

  /** Calls `use` with the writer; a disk that takes nothing is reported once and ends nothing. For callbacks that draw. */
  useWriter(use: (writer: SummaryWriter) => void): void {
    const writer = this.#open();
    if (writer !== undefined) use(writer);
  }

  /** Writes each metric as a scalar, at its x value: the step, or that of an axis of its own. */
  logMetrics(metrics: Metrics, step: number, axis?: RowAxis): void {
    const x = axis?.x ?? step;
    const writer = this.#open();
    if (writer === undefined) return;
    this.#lastStep = Math.max(this.#lastStep, x);
    for (const tag in metrics) {
      writer.addScalar(tag, metrics[tag] as number, x);
      this.#tags.add(tag);
    }
  }

  /**
   * Takes hyper-parameters, nested ones too. They are written with the first row, and shown in TensorBoard from the first
   * `save` on, with the metrics known by then; TensorBoard cannot change what it shows later.
   */
  logHyperparams(hparams: HyperParameters, metrics: Metrics = {}): void {
    this.#hparams = { ...this.#hparams, ...hparams };
    const some = Object.keys(this.#hparams).length > 0;
    this.#unwritten = some;
    this.#unshown = some && this.#options.logHparams;
    void this.version; // settled now: loggers that share a directory must see it before one of them makes it
    if (this.#writer !== undefined) this.#writeHparamsFile();
    if (Object.keys(metrics).length > 0) this.logMetrics(metrics, this.#lastStep);
  }

  /** Takes the networks of the module that is trained; they are drawn with the first row of the run. */
  logGraph(module: ModuleView): void {
    if (!this.#options.logGraph || this.#graphWritten) return;
    this.#graph = this.#disk.attempt(() => moduleGraph(module)) ?? [];
    if (this.#writer !== undefined) this.#writeGraph(this.#writer);
  }

  /** Brings what is buffered to disk. */
  async save(): Promise<void> {
    if (this.#writer === undefined && !this.#unwritten) return;
    const writer = this.#open();
    if (writer === undefined) return;
    this.#showHparams(writer);
    this.#writeRunText(writer);
    await writer.flush();
  }

  /**
   * Closes the file and notes how the run ended. An interrupted run is left open in TensorBoard, since it may be resumed.
   * The logger can be used again: the next row goes to a new file in the same directory.
   */
  async finalize(status: 'success' | 'failed' | 'interrupted'): Promise<void> {
    if (this.#writer !== undefined || status === 'success') await this.save();
    const writer = this.#writer;
    this.#writer = undefined;
    await writer?.close(ENDINGS[status]);
  }

  /** Writes what is buffered, so that rows up to here outlive whatever comes. */
  stateDict(): JsonObject {
    this.#writer?.flushSync();
    const files = this.#cut ?? this.#disk.attempt(() => eventFileSizes(this.logDir));
    return { ...this.#directory.state(), lastStep: this.#lastStep, ...(files && { files }) };
  }

  /**
   * Goes on in the directory of the saved run. At the first write its files are cut back to what they held then; of a
   * state without that knowledge, everything from `resumeStep` on is hidden.
   */
  loadStateDict(state: JsonObject, resumeStep: number): void {
    this.#writer?.flushSync();
    void this.#writer?.close('running');
    this.#writer = undefined;
    const { files, lastStep } = state;
    const isSame = this.#directory.restore(state);
    const known = isSame && typeof files === 'object' && typeof lastStep === 'number';
    this.#cut = known ? (files as FileSizes) : undefined;
    this.#lastStep = known ? lastStep : 0;
    // A TensorBoard that runs has read what is cut off: it is told to forget what no kept row can be hidden by.
    this.#purgeStep = known ? Math.max(resumeStep, lastStep + 1) : resumeStep;
    this.#graphWritten = true; // by the run that is resumed
    this.#textStep = resumeStep;
  }

  #open(): SummaryWriter | undefined {
    return this.#writer ?? this.#disk.attempt(() => this.experiment);
  }

  #writeHparamsFile(): void {
    if (!this.#unwritten) return;
    this.#unwritten = false;
    this.#disk.attempt(() => writeHparamsFile(this.logDir, this.#hparams));
  }

  #writeGraph(writer: SummaryWriter): void {
    if (this.#graphWritten || this.#graph.length === 0) return;
    this.#graphWritten = true;
    writer.addGraph(this.#graph);
  }

  // At the start and after each resume, when engine and hyper-parameters are known.
  #writeRunText(writer: SummaryWriter): void {
    const step = this.#textStep;
    if (step === undefined || !this.#options.logRunText) return;
    this.#textStep = undefined;
    if (Object.keys(this.#hparams).length > 0) writer.addText('run/config', configText(this.#hparams), step);
    writer.addText('run/environment', environmentText(), step);
  }

  #showHparams(writer: SummaryWriter): void {
    if (!this.#unshown || this.#shownIn === writer) return;
    this.#unshown = false;
    this.#shownIn = writer;
    const metrics = this.#options.hparamMetrics ?? [...this.#tags].filter((tag) => tag !== 'epoch');
    writer.addHparams(flatten(this.#hparams), metrics);
  }
}

/** Nested parameters as `model/hidden`; lists and null as JSON, since TensorBoard knows only scalars and text. */
function flatten(hparams: HyperParameters, path = ''): Hparams {
  const flat: Record<string, string | number | boolean> = {};
  for (const [key, value] of Object.entries(hparams)) {
    const name = path === '' ? key : `${path}/${key}`;
    if (value === undefined) continue;
    if (isRecord(value)) Object.assign(flat, flatten(value, name));
    else flat[name] = typeof value === 'object' ? JSON.stringify(value) : value;
  }
  return flat;
}

function isRecord(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
