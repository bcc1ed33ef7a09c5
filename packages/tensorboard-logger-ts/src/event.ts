/**
 * The Event and Summary messages around the payloads: what a record of an event file holds.
 * Fields are written in the order of their numbers, so that the bytes equal those of TensorBoard's own writer.
 */
import { bytesField, doubleField, message, stringField, varintField, WireReader } from './wire.ts';

/** How TensorBoard stores a time series. */
export const DATA_CLASS = { scalar: 1, tensor: 2, blobSequence: 3 } as const;

/** Which plugin shows a tag; stored with the first value of the tag. */
export interface Metadata {
  readonly plugin: string;
  readonly dataClass: number;
  readonly content?: Uint8Array | undefined;
}

/** What TensorBoard shows about a tag, beside its values. */
export interface TagDescription {
  /** Shown in the place of the tag. */
  readonly displayName?: string | undefined;
  /** Markdown, behind the (i) of a chart. */
  readonly description?: string | undefined;
}

/** A payload and what it is: what each file in `kinds/` encodes to. */
export interface Payload {
  readonly metadata: Metadata;
  /** The field of the summary value that holds the data: see `tensorBody`. */
  readonly body: Buffer;
}

/** Session states as they stand in a file. */
export type SessionStatus = 'start' | 'stop' | 'checkpoint' | 'unknown';
const SESSION_STATUS: readonly SessionStatus[] = ['unknown', 'start', 'stop', 'checkpoint'];

/** One event as it stands on disk, values not yet decoded. */
export interface RawEvent {
  wallTime: number;
  step: number;
  fileVersion?: string;
  sessionLog?: SessionStatus;
  graph?: Buffer;
  readonly values: RawValue[];
}

/** One summary value, payload not yet decoded. Old writers use simpleValue, histo and image; new ones use tensor. */
export interface RawValue {
  tag: string;
  plugin?: string;
  displayName?: string;
  description?: string;
  content?: Buffer;
  simpleValue?: number;
  histo?: Buffer;
  image?: Buffer;
  audio?: Buffer;
  tensor?: Buffer;
}

export function encodeFileVersion(wallTime: number): Buffer {
  return message(doubleField(1, wallTime), stringField(3, 'brain.Event:2'));
}

export function encodeSessionStart(wallTime: number, step: number): Buffer {
  return message(timeAndStep(wallTime, step), bytesField(7, varintField(1, 1)));
}

export function encodeEvent(wallTime: number, step: number, values: readonly Uint8Array[]): Buffer {
  return message(timeAndStep(wallTime, step), bytesField(5, message(...values.map((value) => bytesField(1, value)))));
}

/** The field in which every kind but scalars keeps its data. */
export function tensorBody(tensor: Uint8Array): Buffer {
  return bytesField(8, tensor);
}

export function encodeGraphEvent(wallTime: number, graph: Uint8Array): Buffer {
  return message(doubleField(1, wallTime), bytesField(4, graph));
}

export function encodeValue(tag: string, body: Uint8Array, metadata?: Metadata, about: TagDescription = {}): Buffer {
  const described = metadata === undefined ? Buffer.alloc(0) : bytesField(9, encodeMetadata(metadata, about));
  return message(stringField(1, tag), body, described);
}

function encodeMetadata({ plugin, dataClass, content }: Metadata, about: TagDescription): Buffer {
  const extra = content === undefined ? Buffer.alloc(0) : bytesField(2, content);
  return message(
    bytesField(1, message(stringField(1, plugin), extra)),
    about.displayName ? stringField(2, about.displayName) : Buffer.alloc(0),
    about.description ? stringField(3, about.description) : Buffer.alloc(0),
    varintField(4, dataClass),
  );
}

function timeAndStep(wallTime: number, step: number): Buffer {
  return message(doubleField(1, wallTime), step === 0 ? Buffer.alloc(0) : varintField(2, step));
}

export function decodeEvent(bytes: Uint8Array): RawEvent {
  const event: RawEvent = { wallTime: 0, step: 0, values: [] };
  const reader = new WireReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) event.wallTime = reader.double();
    else if (reader.field === 2) event.step = reader.varint();
    else if (reader.field === 3) event.fileVersion = reader.string();
    else if (reader.field === 4) event.graph = reader.bytes();
    else if (reader.field === 5) decodeSummary(reader.bytes(), event.values);
    else if (reader.field === 7) event.sessionLog = decodeSessionLog(reader.bytes());
  }
  return event;
}

function decodeSummary(bytes: Uint8Array, values: RawValue[]): void {
  const reader = new WireReader(bytes);
  while (reader.next()) if (reader.field === 1) values.push(decodeValue(reader.bytes()));
}

function decodeValue(bytes: Uint8Array): RawValue {
  const value: RawValue = { tag: '' };
  const reader = new WireReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) value.tag = reader.string();
    else if (reader.field === 2) value.simpleValue = reader.float();
    else if (reader.field === 4) value.image = reader.bytes();
    else if (reader.field === 5) value.histo = reader.bytes();
    else if (reader.field === 6) value.audio = reader.bytes();
    else if (reader.field === 8) value.tensor = reader.bytes();
    else if (reader.field === 9) decodeMetadata(reader.bytes(), value);
  }
  return value;
}

function decodeMetadata(bytes: Uint8Array, value: RawValue): void {
  const reader = new WireReader(bytes);
  while (reader.next()) {
    if (reader.field === 2) value.displayName = reader.string();
    else if (reader.field === 3) value.description = reader.string();
    if (reader.field !== 1) continue;
    const plugin = new WireReader(reader.bytes());
    while (plugin.next()) {
      if (plugin.field === 1) value.plugin = plugin.string();
      else if (plugin.field === 2) value.content = plugin.bytes();
    }
  }
}

function decodeSessionLog(bytes: Uint8Array): SessionStatus {
  let status: SessionStatus = 'unknown';
  const reader = new WireReader(bytes);
  while (reader.next()) if (reader.field === 1) status = SESSION_STATUS[reader.varint()] ?? 'unknown';
  return status;
}
