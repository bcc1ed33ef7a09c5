/**
 * Reads event files back: events in order, checksums verified, and scalars as TensorBoard would show them.
 */
import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { TensorBoardReaderError } from './errors.ts';
import { decodeEvent, type RawValue, type SessionStatus } from './event.ts';
import { isEventFile } from './file-name.ts';
import { type DecodedPayload, decodePayload, impliedPlugin } from './kinds/decode.ts';
import { decodeGraph, type GraphNode } from './kinds/graph.ts';
import { type ParsedRecord, RecordParser } from './record.ts';

const CHUNK = 256 * 1024;

/** One decoded value; which of the payload fields is set goes by the plugin. */
export interface SummaryValue extends DecodedPayload {
  readonly tag: string;
  /** The plugin's name: 'scalars', 'histograms', 'images', 'text', 'hparams', …, or another program's. */
  readonly plugin: string;
  readonly displayName?: string;
  readonly description?: string;
}

/** One decoded event. */
export interface TensorBoardEvent {
  /** Seconds since 1970. */
  readonly wallTime: number;
  readonly step: number;
  /** Set in the first event of a file. */
  readonly fileVersion?: string;
  readonly sessionLog?: SessionStatus;
  /** The graph of the run, where the event holds it. */
  readonly graph?: readonly GraphNode[];
  readonly values: readonly SummaryValue[];
}

/** One point of a curve. */
export interface ScalarPoint {
  readonly step: number;
  readonly value: number;
  /** Seconds since 1970. */
  readonly wallTime: number;
}

/**
 * The events of a file, or of all event files of a directory (not of its subdirectories) in the order of their names.
 * A record that is not whole at the end of a file is passed over in silence, since a crash leaves one.
 *
 * @throws TensorBoardReaderError `not-found`; `corrupt-record` or `malformed-message` with file and offset.
 * @example
 * ```ts
 * for await (const { step, values } of readEvents('runs/first')) console.log(step, values);
 * ```
 */
export async function* readEvents(fileOrDir: string): AsyncGenerator<TensorBoardEvent, void, undefined> {
  // Only the first value of a tag in a run need say which plugin it belongs to.
  const plugins = new Map<string, string>();
  for (const file of await eventFiles(fileOrDir)) yield* readFileEvents(file, plugins);
}

/**
 * The scalars of a run by tag, in the order in which they were written, after a resume without the steps that were
 * written again: as TensorBoard does, a session start (but the first of the run) drops all earlier values at its
 * step or later.
 *
 * @throws TensorBoardReaderError as {@link readEvents}.
 */
export async function readScalars(fileOrDir: string): Promise<Record<string, ScalarPoint[]>> {
  const curves = new Map<string, ScalarPoint[]>();
  let started = false;
  for await (const { step, wallTime, sessionLog, values } of readEvents(fileOrDir)) {
    if (sessionLog === 'start') {
      if (started)
        for (const [tag, points] of curves)
          curves.set(
            tag,
            points.filter((point) => point.step < step),
          );
      started = true;
    }
    for (const { tag, scalar } of values) {
      if (scalar === undefined) continue;
      const points = curves.get(tag) ?? [];
      points.push({ step, value: scalar, wallTime });
      curves.set(tag, points);
    }
  }
  return Object.fromEntries([...curves].filter(([, points]) => points.length > 0));
}

/** The event files of a directory by name, or the file itself. */
export async function eventFiles(fileOrDir: string): Promise<string[]> {
  try {
    if (!(await stat(fileOrDir)).isDirectory()) return [fileOrDir];
    const entries = await readdir(fileOrDir, { withFileTypes: true });
    const names = entries.filter((entry) => !entry.isDirectory() && isEventFile(entry.name)).map(({ name }) => name);
    return names.sort().map((name) => join(fileOrDir, name));
  } catch (cause) {
    return notFound(fileOrDir, cause);
  }
}

/**
 * The directories at and below `logDir` that hold event files: the runs, as TensorBoard sees them, by the path from
 * `logDir` (`'.'` for itself), sorted.
 *
 * @throws TensorBoardReaderError `not-found`.
 */
export async function listRuns(logDir: string): Promise<string[]> {
  if (!(await stat(logDir).catch((cause: unknown) => notFound(logDir, cause))).isDirectory()) return ['.'];
  const entries = await readdir(logDir, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => !entry.isDirectory() && isEventFile(entry.name));
  return [...new Set(files.map((entry) => relative(logDir, entry.parentPath) || '.'))].sort();
}

function notFound(path: string, cause: unknown): never {
  const text = `Cannot read "${path}": ${cause instanceof Error ? cause.message : String(cause)}.`;
  throw new TensorBoardReaderError('not-found', text, { file: path, cause });
}

async function* readFileEvents(file: string, plugins: Map<string, string>): AsyncGenerator<TensorBoardEvent> {
  const handle = await open(file);
  try {
    const parser = new RecordParser();
    for (let more = true; more; ) {
      const chunk = await readChunk(handle);
      more = chunk.length > 0;
      parser.push(chunk);
      let parsed = parser.next();
      for (; parsed.kind === 'record'; parsed = parser.next())
        yield decodeRecord(parsed.data, plugins, file, parsed.offset);
      if (parsed.kind !== 'corrupt') continue;
      if (await isTornTail(parsed, parser, handle)) return;
      const text = `The event file "${file}" has a corrupt record at byte ${parsed.offset}: the checksum of its ${parsed.part} is wrong.`;
      throw new TensorBoardReaderError('corrupt-record', text, { file, offset: parsed.offset });
    }
  } finally {
    await handle.close();
  }
}

async function readChunk(handle: FileHandle): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(CHUNK);
  const { bytesRead } = await handle.read(buffer, 0, CHUNK);
  return buffer.subarray(0, bytesRead);
}

// A power failure may leave a last record with a wrong checksum, or zeros in the place of what was never written.
async function isTornTail(
  { offset, part, end }: ParsedRecord & { kind: 'corrupt' },
  parser: RecordParser,
  handle: FileHandle,
): Promise<boolean> {
  const { size } = await handle.stat();
  if (part === 'data' && end === size) return true;
  if (parser.rest.some((byte) => byte !== 0)) return false;
  for (let chunk = await readChunk(handle); chunk.length > 0; chunk = await readChunk(handle)) {
    if (chunk.some((byte) => byte !== 0)) return false;
  }
  return offset < size;
}

/** Decodes one record; `plugins` remembers what each tag is. */
export function decodeRecord(
  data: Buffer,
  plugins: Map<string, string>,
  file: string,
  offset: number,
): TensorBoardEvent {
  try {
    const { values, graph, ...event } = decodeEvent(data);
    const withGraph = graph === undefined ? event : { ...event, ...graphOf(graph) };
    return { ...withGraph, values: values.map((value) => decodeSummaryValue(value, plugins)) };
  } catch (cause) {
    if (!(cause instanceof TensorBoardReaderError)) throw cause;
    const text = `The event file "${file}" has a record at byte ${offset} that is no event: ${cause.message}`;
    throw new TensorBoardReaderError('malformed-message', text, { file, offset, cause });
  }
}

// Other programs' graphs may be of another making; they are no reason to lose the rest of the file.
function graphOf(bytes: Buffer): { graph?: GraphNode[] } {
  try {
    return { graph: decodeGraph(bytes) };
  } catch {
    return {};
  }
}

function decodeSummaryValue(value: RawValue, plugins: Map<string, string>): SummaryValue {
  const { tag, displayName, description } = value;
  const about = { ...(displayName && { displayName }), ...(description && { description }) };
  const plugin = plugins.get(tag) ?? value.plugin ?? impliedPlugin(value);
  plugins.set(tag, plugin);
  return { tag, plugin, ...about, ...decodePayload(plugin, value) };
}
