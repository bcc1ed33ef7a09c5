/** The head of a logit cache: whose logits of which views it holds, in a form that is verified when it is read. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { SampleId } from '../../data/views.ts';
import { corrupt, fromTheFuture, notACache } from './errors.ts';
import type { RecordShape } from './record.ts';

/** What a logit cache says of itself. */
export interface LogitCacheHeader extends RecordShape {
  readonly teacher: {
    readonly name: string;
    /** The sha256 of its weights, where the teacher has one. */
    readonly sha256: string | null;
  };
  /** What was done to the samples: `DataLoader.augmentation`. */
  readonly augmentation: string;
  /** The loader's seed; null where nothing depends on it, for lack of augmentation. */
  readonly seed: number | null;
  /** Views per sample: epochs 0, 1, … of the augmentation. */
  readonly epochs: number;
  /** The column of the batch that the teacher saw. */
  readonly input: string;
  /** The samples in the order of their records; a number n stands for 0 to n - 1. */
  readonly ids: number | readonly SampleId[];
}

const count = z.int().min(1);
const schema = z.strictObject({
  teacher: z.strictObject({ name: z.string(), sha256: z.string().nullable() }),
  augmentation: z.string(),
  seed: z.int().nullable(),
  epochs: count,
  input: z.string(),
  classes: count,
  format: z.union([z.literal('fp32'), z.literal('fp16'), z.strictObject({ topK: count })]),
  temperature: z.number().positive(),
  ids: z.union([z.int().min(0), z.array(z.union([z.string(), z.number()]))]),
});

const MAGIC = Buffer.from('KLVNLGTS', 'latin1');
/** Version of the layout. */
export const VERSION = 1;
/** Magic, version, length of the JSON, sha256 of the JSON. */
export const FIXED = 48;
const ALIGNED = 64;

/** The bytes before the first record. The same header gives the same bytes. */
export function encodeHeader(header: LogitCacheHeader): Buffer {
  const json = Buffer.from(JSON.stringify(schema.parse(header)));
  const bytes = Buffer.alloc(recordsFrom(json.length), ' ');
  MAGIC.copy(bytes);
  bytes.writeUInt32LE(VERSION, 8);
  bytes.writeUInt32LE(json.length, 12);
  createHash('sha256').update(json).digest().copy(bytes, 16);
  json.copy(bytes, FIXED);
  return bytes;
}

/** Where the records of a file begin. */
const recordsFrom = (jsonLength: number): number => Math.ceil((FIXED + jsonLength) / ALIGNED) * ALIGNED;

/** How long the JSON is, by the first {@link FIXED} bytes. @throws DataError for what is no logit cache */
export function jsonLengthOf(file: string, fixed: Buffer): number {
  if (fixed.length < FIXED || !fixed.subarray(0, MAGIC.length).equals(MAGIC)) throw notACache(file);
  const version = fixed.readUInt32LE(8);
  if (version !== VERSION) throw fromTheFuture(file, VERSION, version);
  return fixed.readUInt32LE(12);
}

/** Reads a header. @throws DataError `logit-cache-corrupt` */
export function parseHeader(file: string, fixed: Buffer, json: Buffer): { header: LogitCacheHeader; start: number } {
  if (json.length !== jsonLengthOf(file, fixed)) throw corrupt(file, 'it ends within its header');
  if (!createHash('sha256').update(json).digest().equals(fixed.subarray(16, FIXED))) {
    throw corrupt(file, 'its header does not match its checksum');
  }
  const parsed = schema.safeParse(JSON.parse(json.toString('utf8')));
  if (!parsed.success) throw corrupt(file, 'its header lacks something');
  return { header: parsed.data, start: recordsFrom(json.length) };
}

/** How many samples a cache knows. */
export const samplesOf = ({ ids }: LogitCacheHeader): number => (typeof ids === 'number' ? ids : ids.length);

/** The ids as a header has them. */
export function idsOf(ids: readonly SampleId[]): LogitCacheHeader['ids'] {
  return ids.every((id, index) => id === index) ? ids.length : ids;
}
