/**
 * Hyper-parameters: an experiment (which parameters and metrics there are), the start of a session with its values,
 * and its end. All is metadata of three fixed tags; the tensors are empty.
 */
import { show, TensorBoardWriterError } from '../errors.ts';
import { DATA_CLASS, type Payload, type RawValue, tensorBody } from '../event.ts';
import { floatTensor } from '../tensor.ts';
import { bytesField, doubleField, message, stringField, varintField, WireReader } from '../wire.ts';

export const HPARAMS = 'hparams';
export const HPARAMS_TAGS = {
  experiment: '_hparams_/experiment',
  sessionStart: '_hparams_/session_start_info',
  sessionEnd: '_hparams_/session_end_info',
} as const;

/** The values of one run. */
export type Hparams = Readonly<Record<string, string | number | boolean>>;

/** How a run ended. */
export type RunStatus = 'success' | 'failure' | 'running';
const STATUS: readonly (RunStatus | 'unknown')[] = ['unknown', 'success', 'failure', 'running'];

/** What a reader finds: one of the three parts. */
export type HparamsData =
  | { readonly part: 'experiment'; readonly names: readonly string[]; readonly metrics: readonly string[] }
  | { readonly part: 'session-start'; readonly hparams: Hparams; readonly groupName: string }
  | { readonly part: 'session-end'; readonly status: RunStatus | 'unknown' };

export function experimentPayload(hparams: Hparams, metrics: readonly string[], wallTime: number): Payload {
  const infos = Object.entries(hparams).map(([name, value]) =>
    bytesField(4, message(stringField(1, name), varintField(4, dataType(value)))),
  );
  const metricInfos = metrics.map((tag) => bytesField(5, bytesField(1, stringField(2, tag))));
  return payload(2, message(doubleField(3, wallTime), ...infos, ...metricInfos));
}

export function sessionStartPayload(hparams: Hparams, groupName: string | undefined, wallTime: number): Payload {
  const entries = Object.entries(hparams).map(([name, value]) =>
    bytesField(1, message(stringField(1, name), bytesField(2, encodeAny(value)))),
  );
  const group = groupName ? stringField(4, groupName) : Buffer.alloc(0);
  return payload(3, message(...entries, group, doubleField(5, wallTime)));
}

export function sessionEndPayload(status: RunStatus, wallTime: number): Payload {
  return payload(4, message(varintField(1, STATUS.indexOf(status)), doubleField(2, wallTime)));
}

/** Refuses values that TensorBoard has no type for. */
export function checkHparams(hparams: Hparams): void {
  for (const [name, value] of Object.entries(hparams)) {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') continue;
    const text = `Expected a string, number or boolean as the hyper-parameter "${name}", got ${show(value)}.`;
    throw new TensorBoardWriterError('invalid-value', text);
  }
}

export function decodeHparams(value: RawValue): { hparams?: HparamsData } {
  const reader = new WireReader(value.content ?? Buffer.alloc(0));
  while (reader.next()) {
    if (reader.field === 2) return { hparams: decodeExperiment(reader.bytes()) };
    if (reader.field === 3) return { hparams: decodeSessionStart(reader.bytes()) };
    if (reader.field === 4) return { hparams: decodeSessionEnd(reader.bytes()) };
  }
  return {};
}

function payload(field: number, part: Buffer): Payload {
  const metadata = { plugin: HPARAMS, dataClass: DATA_CLASS.tensor, content: bytesField(field, part) };
  return { metadata, body: tensorBody(floatTensor([], [0])) };
}

// JSON, in which TensorBoard serves the values, has no NaN and no infinity: they go as text.
function dataType(value: string | number | boolean): number {
  if (typeof value === 'boolean') return 2;
  return typeof value === 'number' && Number.isFinite(value) ? 3 : 1;
}

function encodeAny(value: string | number | boolean): Buffer {
  if (typeof value === 'boolean') return varintField(4, value ? 1 : 0);
  return typeof value === 'number' && Number.isFinite(value) ? doubleField(2, value) : stringField(3, String(value));
}

function decodeExperiment(bytes: Uint8Array): HparamsData {
  const names: string[] = [];
  const metrics: string[] = [];
  const reader = new WireReader(bytes);
  while (reader.next()) {
    if (reader.field === 4) names.push(field(reader.bytes(), 1)?.toString('utf8') ?? '');
    else if (reader.field === 5) {
      const name = field(reader.bytes(), 1);
      metrics.push((name && field(name, 2)?.toString('utf8')) ?? '');
    }
  }
  return { part: 'experiment', names, metrics };
}

function decodeSessionStart(bytes: Uint8Array): HparamsData {
  const entries: [string, string | number | boolean][] = [];
  let groupName = '';
  const reader = new WireReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) {
      const entry = reader.bytes();
      entries.push([field(entry, 1)?.toString('utf8') ?? '', decodeAny(field(entry, 2) ?? Buffer.alloc(0))]);
    } else if (reader.field === 4) groupName = reader.string();
  }
  return { part: 'session-start', hparams: Object.fromEntries(entries), groupName };
}

function decodeSessionEnd(bytes: Uint8Array): HparamsData {
  let status: RunStatus | 'unknown' = 'unknown';
  const reader = new WireReader(bytes);
  while (reader.next()) if (reader.field === 1) status = STATUS[reader.varint()] ?? 'unknown';
  return { part: 'session-end', status };
}

function decodeAny(bytes: Uint8Array): string | number | boolean {
  const reader = new WireReader(bytes);
  while (reader.next()) {
    if (reader.field === 2) return reader.double();
    if (reader.field === 3) return reader.string();
    if (reader.field === 4) return reader.varint() !== 0;
  }
  return '';
}

// The first length-delimited field of that number.
function field(bytes: Uint8Array, number: number): Buffer | undefined {
  const reader = new WireReader(bytes);
  while (reader.next()) if (reader.field === number) return reader.bytes();
  return undefined;
}
