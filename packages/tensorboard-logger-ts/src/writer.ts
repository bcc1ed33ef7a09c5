/**
 * SummaryWriter: one event file of one run, with PyTorch's methods in camelCase. Here is what concerns the run as a
 * whole; the methods for tags and steps are in `summaries.ts`, and the disk is the business of the sink.
 */
import { join } from 'node:path';
import { type EmbeddingOptions, embeddingFiles, writeEmbedding } from './embedding.ts';
import { TensorBoardWriterError } from './errors.ts';
import { EventWriter } from './event-writer.ts';
import { flushAtExit, forgetAtExit } from './exit-hook.ts';
import { HparamsLog, type HparamsMetrics, type HparamsOptions } from './hparams-log.ts';
import { encodeGraph, type GraphNode } from './kinds/graph.ts';
import type { Hparams, RunStatus } from './kinds/hparams.ts';
import { checkOptions, checkTag, report, type SummaryWriterOptions } from './options.ts';
import { Summaries } from './summaries.ts';

/** While less than this waits, `drain` does not wait. */
const DRAIN_ABOVE = 2 ** 20;

/**
 * Writes a TensorBoard event file. The `add` methods only fill a buffer; it is written every `flushSecs` seconds, at
 * `maxQueue` events, by `flush`, `close` and at the exit of the process. Wrong arguments throw; a disk that takes
 * nothing never does: see `onError`, `dropped` and `writeErrors`.
 *
 * Steps are whole numbers from 0 to 2^53 - 1, wall times seconds since 1970 (default: now).
 *
 * @example
 * ```ts
 * await using writer = new SummaryWriter('runs/first');
 * for (let step = 0; step < 100; step++) writer.addScalar('loss', 1 / (step + 1), step);
 * ```
 */
export class SummaryWriter extends Summaries {
  /** The directory of the run. */
  readonly logDir: string;
  readonly #options: SummaryWriterOptions;
  readonly #onError: (error: TensorBoardWriterError) => void;
  readonly #events: EventWriter;
  readonly #hparams: HparamsLog;
  readonly #subRuns = new Map<string, SummaryWriter>();
  #graph = false;
  #assets: Promise<void> = Promise.resolve();
  #assetErrors = 0;
  #closing: Promise<void> | undefined;

  /** @throws TensorBoardWriterError `invalid-option`, or `log-dir-not-writable` when the file cannot be made. */
  constructor(logDir: string, options: SummaryWriterOptions = {}) {
    const checked = checkOptions(options);
    const events = new EventWriter(logDir, checked);
    super(events);
    this.logDir = logDir;
    this.#options = options;
    this.#onError = checked.onError;
    this.#events = events;
    this.#hparams = new HparamsLog(this.#events);
    flushAtExit(this);
  }

  /** The path of the event file. */
  get file(): string {
    return this.#events.file;
  }

  /** Events that were given up because the disk did not take them. */
  get dropped(): number {
    return this.#events.sink.dropped;
  }

  /** Writes that failed; those of events are tried again with the next flush. */
  get writeErrors(): number {
    return this.#events.sink.writeErrors + this.#assetErrors;
  }

  /** Bytes of events that wait to be written. */
  get bufferedBytes(): number {
    return this.#events.sink.buffered;
  }

  /**
   * Writes the graph of the run, once; `kerasGraph` makes the nodes from a model.
   *
   * @throws TensorBoardWriterError `graph-already-written`, since a run has one.
   */
  addGraph(nodes: readonly GraphNode[], wallTime?: number): void {
    if (this.#graph) {
      throw new TensorBoardWriterError('graph-already-written', `The run in "${this.logDir}" has a graph already.`);
    }
    this.#events.addGraph(encodeGraph(nodes), wallTime);
    this.#graph = true;
  }

  /**
   * Writes vectors for the Projector tab, with labels and small pictures. They are files beside the event file.
   * Resolves when they are written; a disk that does not take them is reported to `onError`, as for events.
   */
  addEmbedding(tag: string, vectors: readonly ArrayLike<number>[], options: EmbeddingOptions = {}): Promise<void> {
    checkTag(tag);
    this.#events.check(options.step ?? 0, undefined);
    const files = embeddingFiles(tag, vectors, options);
    this.#assets = this.#assets
      .then(() => writeEmbedding(this.logDir, files))
      .catch((e: unknown) => this.#notWritten(e));
    return this.#assets;
  }

  /**
   * Writes the hyper-parameters of this run, once, and names the metrics to be shown beside them: tags that are
   * written elsewhere, or a record of values that are written here as scalars. `close` adds how the run ended.
   *
   * @throws TensorBoardWriterError `hparams-already-written` when called again with other values, since TensorBoard
   * would go on showing the first.
   */
  addHparams(hparams: Hparams, metrics: HparamsMetrics = [], options: HparamsOptions = {}): void {
    this.#hparams.add(hparams, metrics, options);
  }

  /**
   * The writer of a run below this one, made at the first call, with the same options; `close` closes it, too.
   * TensorBoard draws the same tag of several runs into one chart: `writer.subRun('train')`, `writer.subRun('val')`.
   */
  subRun(name: string): SummaryWriter {
    checkTag(name);
    this.#events.check(0, undefined);
    const made = this.#subRuns.get(name) ?? new SummaryWriter(join(this.logDir, name), this.#options);
    this.#subRuns.set(name, made);
    return made;
  }

  /** Writes what is buffered. Resolves when it is with the operating system; never rejects. */
  async flush(): Promise<void> {
    await (this.#closing ??
      Promise.all([this.#events.sink.flush(), this.#assets, ...this.#each((run) => run.flush())]));
  }

  /** The same, before it returns: for signal handlers and other last moments. */
  flushSync(): void {
    if (!this.#events.closed) this.#events.sink.flushSync();
  }

  /** Back-pressure, for whoever writes faster than the disk: waits until less than a megabyte is buffered. */
  async drain(): Promise<void> {
    if (this.bufferedBytes >= DRAIN_ABOVE) await this.flush();
  }

  /**
   * Writes what is buffered and how the run ended (shown if it has hyper-parameters), and closes the file.
   * `'running'` says nothing about the end: TensorBoard keeps the first end of a run that it reads, so a run that is
   * to be resumed in the same directory is better left open.
   */
  close(status: RunStatus = 'success'): Promise<void> {
    this.#closing ??= this.#close(status);
    return this.#closing;
  }

  /** The same, before it returns. Embeddings that are being written are not waited for. */
  closeSync(status: RunStatus = 'success'): void {
    if (this.#closing !== undefined) return;
    this.#end(status);
    this.#closing = this.#assets;
    for (const run of this.#subRuns.values()) run.closeSync(status);
    this.#events.sink.closeSync();
    forgetAtExit(this);
  }

  /** `using` closes the writer, as a success. */
  [Symbol.dispose](): void {
    this.closeSync();
  }

  /** `await using` closes the writer, as a success. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(status: RunStatus): Promise<void> {
    this.#end(status);
    await Promise.all([this.#events.sink.flush(), this.#assets, ...this.#each((run) => run.close(status))]);
    await this.#events.sink.close();
    forgetAtExit(this);
  }

  #end(status: RunStatus): void {
    this.#hparams.end(status);
    this.#events.closed = true;
  }

  #each<T>(ask: (run: SummaryWriter) => T): T[] {
    return [...this.#subRuns.values()].map(ask);
  }

  #notWritten(cause: unknown): void {
    if (this.#assetErrors++ > 0) return;
    const text = `Cannot write an embedding below "${this.logDir}": ${cause instanceof Error ? cause.message : String(cause)}.`;
    report(this.#onError, new TensorBoardWriterError('write-failed', `${text} The program goes on.`, cause));
  }
}
