/**
 * One event file: heads it, checks tags, steps and times, frames values as events and hands them to the sink. What the
 * values are is the business of `kinds/`; the public face is SummaryWriter.
 */
import { TensorBoardWriterError } from './errors.ts';
import {
  encodeEvent,
  encodeFileVersion,
  encodeGraphEvent,
  encodeSessionStart,
  encodeValue,
  type Payload,
  type TagDescription,
} from './event.ts';
import { createEventFile } from './file-name.ts';
import {
  checkScalar,
  SCALAR_ROOM,
  SCALARS,
  type ScalarFormat,
  scalarPayload,
  scalarTemplate,
  writeScalarEvent,
} from './kinds/scalar.ts';
import { type CheckedOptions, checkStep, checkTag, checkWallTime, report } from './options.ts';
import { FileSink } from './sink.ts';

/** A session start at this step purges nothing, but makes the next one purge (see `#writeHead`). */
const NO_PURGE = Number.MAX_SAFE_INTEGER;

/** What the writer knows of a tag it has written: its kind, and for scalars the bytes that do not change. */
interface KnownTag {
  readonly plugin: string;
  readonly content: Buffer;
  readonly template: Buffer | undefined;
}

/** A file of events. */
export class EventWriter {
  readonly file: string;
  readonly sink: FileSink;
  readonly #format: ScalarFormat;
  readonly #tags = new Map<string, KnownTag>();
  readonly #described = new Map<string, TagDescription>();
  /** Set by the owner: nothing more is taken. */
  closed = false;

  constructor(logDir: string, options: CheckedOptions) {
    const { filenameSuffix, purgeStep, hostname, scalarFormat, onError, ...when } = options;
    const { file, fd } = createEventFile(logDir, hostname, filenameSuffix);
    this.file = file;
    this.sink = new FileSink(file, fd, { ...when, onError: (error) => report(onError, error) });
    this.#format = scalarFormat;
    this.#writeHead(purgeStep);
  }

  /** What is to be written with the first value of a tag. */
  describe(tag: string, about: TagDescription): void {
    checkTag(tag);
    if (this.#tags.has(tag)) {
      const text = `The tag "${tag}" has values already, and TensorBoard takes what the first of them says.`;
      throw new TensorBoardWriterError('tag-already-written', `${text} Describe it before that.`);
    }
    this.#described.set(tag, about);
  }

  /** The one kind that is written often: after the first of a tag it only fills in bytes. */
  addScalar(tag: string, value: number, step: number, wallTime: number | undefined): void {
    checkScalar(value);
    const template = this.#tags.get(tag)?.template;
    if (template === undefined) {
      this.add(tag, scalarPayload(value, this.#format), step, wallTime);
      return;
    }
    const now = this.check(step, wallTime);
    const buffer = this.sink.accept();
    if (buffer === undefined) return;
    const start = buffer.begin(SCALAR_ROOM + template.length);
    buffer.end(writeScalarEvent(buffer.bytes, start, template, wallTime ?? now / 1000, step, value));
    this.sink.added(now);
  }

  /** The general way of one value: checks, metadata with the first value of a tag, one event. */
  add(tag: string, { metadata, body }: Payload, step: number, wallTime: number | undefined): void {
    checkTag(tag);
    const now = this.check(step, wallTime);
    const known = this.#tags.get(tag);
    if (known !== undefined && known.plugin !== metadata.plugin) {
      const text = `The tag "${tag}" holds ${known.plugin}; it cannot take ${metadata.plugin} too.`;
      throw new TensorBoardWriterError('tag-kind-mismatch', `${text} Use another tag.`);
    }
    const content = Buffer.from(metadata.content ?? []);
    if (known !== undefined && !known.content.equals(content)) {
      const text = `The tag "${tag}" (${known.plugin}) cannot change its number of points, thresholds or settings:`;
      throw new TensorBoardWriterError('tag-kind-mismatch', `${text} TensorBoard takes those of its first value.`);
    }
    const buffer = this.sink.accept();
    if (buffer === undefined) return;
    const value = encodeValue(tag, body, known === undefined ? metadata : undefined, this.#described.get(tag));
    buffer.append(encodeEvent(wallTime ?? now / 1000, step, [value]));
    if (known === undefined) {
      const template = metadata.plugin === SCALARS ? scalarTemplate(tag, this.#format) : undefined;
      this.#tags.set(tag, { plugin: metadata.plugin, content, template });
    }
    this.sink.added(now);
  }

  /** Adds the graph of the run, which has neither tag nor step. */
  addGraph(graph: Uint8Array, wallTime: number | undefined): void {
    const now = this.check(0, wallTime);
    this.sink.accept()?.append(encodeGraphEvent(wallTime ?? now / 1000, graph));
    this.sink.added(now);
  }

  /** Returns the time in milliseconds. */
  check(step: number, wallTime: number | undefined): number {
    checkStep(step);
    if (wallTime !== undefined) checkWallTime(wallTime);
    if (this.closed) {
      throw new TensorBoardWriterError('writer-closed', `The writer of "${this.file}" is closed already.`);
    }
    return Date.now();
  }

  // TensorBoard's Python loader only remembers the first session start of a run, and at each later one drops the
  // steps from its own on. So each file has one that drops nothing, and a resumed one a second that does.
  #writeHead(purgeStep: number | undefined): void {
    const now = Date.now() / 1000;
    const buffer = this.sink.accept();
    buffer?.append(encodeFileVersion(now));
    buffer?.append(encodeSessionStart(now, NO_PURGE));
    if (purgeStep !== undefined) buffer?.append(encodeSessionStart(now, purgeStep));
    this.sink.flushSync();
  }
}
