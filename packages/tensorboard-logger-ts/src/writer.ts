/**
 * SummaryWriter: one event file of one run, with PyTorch's methods in camelCase. It encodes and hands over; the
 * payloads are made in `kinds/`, the disk is the business of the sink.
 */
import { TensorBoardWriterError } from './errors.ts';
import { encodeEvent, encodeFileVersion, encodeSessionStart, encodeValue, type Payload } from './event.ts';
import { flushAtExit, forgetAtExit } from './exit-hook.ts';
import { createEventFile } from './file-name.ts';
import { histogramBins, histogramPayload, type Numbers } from './kinds/histogram.ts';
import * as hp from './kinds/hparams.ts';
import { type Image, imagePayload } from './kinds/image.ts';
import { checkScalar, SCALAR_ROOM, SCALARS, scalarPayload, scalarTemplate, writeScalarEvent } from './kinds/scalar.ts';
import { textPayload } from './kinds/text.ts';
import { checkOptions, checkStep, checkTag, checkWallTime, report, type SummaryWriterOptions } from './options.ts';
import { FileSink } from './sink.ts';

/** A session start at this step purges nothing, but makes the next one purge (see `#writeHead`). */
const NO_PURGE = Number.MAX_SAFE_INTEGER;

/** What the writer knows of a tag it has written: its kind, and for scalars the bytes that do not change. */
interface KnownTag {
  readonly plugin: string;
  readonly template: Buffer | undefined;
}

/** Options of {@link SummaryWriter.addHparams}. */
export interface HparamsOptions {
  /** Runs of one group are shown as one row. Default: each run is its own. */
  readonly groupName?: string | undefined;
  /** The step at which metric values are written. Default: 0. */
  readonly step?: number | undefined;
}

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
export class SummaryWriter {
  /** The directory of the run. */
  readonly logDir: string;
  /** The path of the event file. */
  readonly file: string;
  readonly #sink: FileSink;
  readonly #tags = new Map<string, KnownTag>();
  #hparams: string | undefined;
  #closing: Promise<void> | undefined;

  /** @throws TensorBoardWriterError `invalid-option`, or `log-dir-not-writable` when the file cannot be made. */
  constructor(logDir: string, options: SummaryWriterOptions = {}) {
    const { filenameSuffix, purgeStep, hostname, onError, ...when } = checkOptions(options);
    const { file, fd } = createEventFile(logDir, hostname, filenameSuffix);
    this.logDir = logDir;
    this.file = file;
    this.#sink = new FileSink(file, fd, { ...when, onError: (error) => report(onError, error) });
    this.#writeHead(purgeStep);
    flushAtExit(this);
  }

  /** Events that were given up because the disk did not take them. */
  get dropped(): number {
    return this.#sink.dropped;
  }

  /** Writes that failed; each is tried again with the next flush. */
  get writeErrors(): number {
    return this.#sink.writeErrors;
  }

  /** Writes one number (float32; NaN and infinities too). */
  addScalar(tag: string, value: number, step: number, wallTime?: number): void {
    const known = this.#tags.get(tag);
    if (known?.template === undefined) {
      checkScalar(value);
      this.#add(tag, scalarPayload(value), step, wallTime);
      return;
    }
    checkScalar(value);
    const now = this.#check(step, wallTime);
    const buffer = this.#sink.accept();
    if (buffer === undefined) return;
    const start = buffer.begin(SCALAR_ROOM + known.template.length);
    buffer.end(writeScalarEvent(buffer.bytes, start, known.template, wallTime ?? now / 1000, step, value));
    this.#sink.added(now);
  }

  /** Writes several numbers at one step, as the tags `mainTag/key`. */
  addScalars(mainTag: string, values: Readonly<Record<string, number>>, step: number, wallTime?: number): void {
    for (const [key, value] of Object.entries(values)) this.addScalar(`${mainTag}/${key}`, value, step, wallTime);
  }

  /**
   * Writes the distribution of `values` in `bins` (default 30) bins of equal width; see `histogramBins`.
   *
   * @returns how many values were left out because they are NaN or infinite.
   */
  addHistogram(
    tag: string,
    values: Numbers,
    step: number,
    { bins = 30, wallTime }: { readonly bins?: number | undefined; readonly wallTime?: number | undefined } = {},
  ): number {
    const counted = histogramBins(values, bins);
    this.#add(tag, histogramPayload(counted.bins), step, wallTime);
    return counted.ignored;
  }

  /** Writes one picture: pixels (rows from the top, channels interleaved, 0–255) or the bytes of a PNG file. */
  addImage(tag: string, image: Image, step: number, wallTime?: number): void {
    this.#add(tag, imagePayload([image]), step, wallTime);
  }

  /** Writes pictures of one size that TensorBoard shows side by side. */
  addImages(tag: string, images: readonly Image[], step: number, wallTime?: number): void {
    this.#add(tag, imagePayload(images), step, wallTime);
  }

  /** Writes Markdown; a list of texts becomes the rows of a table. */
  addText(tag: string, markdown: string | readonly string[], step: number, wallTime?: number): void {
    this.#add(tag, textPayload(markdown), step, wallTime);
  }

  /**
   * Writes the hyper-parameters of this run, once, and names the metrics to be shown beside them: tags that are
   * written elsewhere, or a record of values that are written here as scalars. `close` adds how the run ended.
   *
   * @throws TensorBoardWriterError `hparams-already-written` when called again with other values, since TensorBoard
   * would go on showing the first.
   */
  addHparams(
    hparams: hp.Hparams,
    metrics: readonly string[] | Readonly<Record<string, number>> = [],
    { groupName, step = 0 }: HparamsOptions = {},
  ): void {
    hp.checkHparams(hparams);
    const now = this.#check(step, undefined) / 1000;
    const names = Array.isArray(metrics) ? (metrics as readonly string[]) : Object.keys(metrics);
    const content = JSON.stringify([
      Object.entries(hparams).map(([key, value]) => [key, String(value)]),
      names,
      groupName,
    ]);
    if (this.#hparams !== undefined && this.#hparams !== content) {
      const text = `The hyper-parameters of "${this.file}" are written already, and TensorBoard shows the first of a run.`;
      throw new TensorBoardWriterError('hparams-already-written', `${text} Use another log directory for another run.`);
    }
    if (this.#hparams === undefined) {
      this.#add(hp.HPARAMS_TAGS.experiment, hp.experimentPayload(hparams, names, now), 0, now);
      this.#add(hp.HPARAMS_TAGS.sessionStart, hp.sessionStartPayload(hparams, groupName, now), 0, now);
      this.#hparams = content;
    }
    if (Array.isArray(metrics)) return;
    for (const [tag, value] of Object.entries(metrics as Record<string, number>)) this.addScalar(tag, value, step);
  }

  /** Writes what is buffered. Resolves when it is with the operating system; never rejects. */
  async flush(): Promise<void> {
    await (this.#closing ?? this.#sink.flush());
  }

  /** The same, before it returns: for signal handlers and other last moments. */
  flushSync(): void {
    if (this.#closing === undefined) this.#sink.flushSync();
  }

  /**
   * Writes what is buffered and how the run ended (shown if it has hyper-parameters), and closes the file.
   * `'running'` says nothing about the end: TensorBoard keeps the first end of a run that it reads, so a run that is
   * to be resumed in the same directory is better left open.
   */
  close(status: hp.RunStatus = 'success'): Promise<void> {
    this.#closing ??= this.#close(status);
    return this.#closing;
  }

  /** `await using` closes the writer, as a success. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(status: hp.RunStatus): Promise<void> {
    const now = Date.now() / 1000;
    if (this.#hparams !== undefined && status !== 'running')
      this.#add(hp.HPARAMS_TAGS.sessionEnd, hp.sessionEndPayload(status, now), 0, now);
    await this.#sink.close();
    forgetAtExit(this);
  }

  // TensorBoard's Python loader only remembers the first session start of a run, and at each later one drops the
  // steps from its own on. So each file has one that drops nothing, and a resumed one a second that does.
  #writeHead(purgeStep: number | undefined): void {
    const now = Date.now() / 1000;
    const buffer = this.#sink.accept();
    buffer?.append(encodeFileVersion(now));
    buffer?.append(encodeSessionStart(now, NO_PURGE));
    if (purgeStep !== undefined) buffer?.append(encodeSessionStart(now, purgeStep));
    this.#sink.flushSync();
  }

  // The general way of one value: checks, metadata with the first value of a tag, one event.
  #add(tag: string, { metadata, body }: Payload, step: number, wallTime: number | undefined): void {
    checkTag(tag);
    const now = this.#check(step, wallTime);
    const known = this.#tags.get(tag);
    if (known !== undefined && known.plugin !== metadata.plugin) {
      const text = `The tag "${tag}" holds ${known.plugin}; it cannot take ${metadata.plugin} too.`;
      throw new TensorBoardWriterError('tag-kind-mismatch', `${text} Use another tag.`);
    }
    const buffer = this.#sink.accept();
    if (buffer === undefined) return;
    const value = encodeValue(tag, body, known === undefined ? metadata : undefined);
    buffer.append(encodeEvent(wallTime ?? now / 1000, step, [value]));
    if (known === undefined) {
      const template = metadata.plugin === SCALARS ? scalarTemplate(tag) : undefined;
      this.#tags.set(tag, { plugin: metadata.plugin, template });
    }
    this.#sink.added(now);
  }

  // Returns the time in milliseconds.
  #check(step: number, wallTime: number | undefined): number {
    checkStep(step);
    if (wallTime !== undefined) checkWallTime(wallTime);
    if (this.#closing !== undefined) {
      throw new TensorBoardWriterError('writer-closed', `The writer of "${this.file}" is closed already.`);
    }
    return Date.now();
  }
}
