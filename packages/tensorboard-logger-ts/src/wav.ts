/** A small WAV encoder (16 bit PCM) and a check of WAV files that come ready-made. */
import { show, TensorBoardWriterError } from './errors.ts';

const HEADER = 44;

/** Sound: samples from -1 to 1, channels interleaved. */
export interface Sound {
  /** Samples per second and channel. */
  readonly sampleRate: number;
  /** Default: 1. */
  readonly channels?: number | undefined;
  /** Floats from -1 to 1 (what is beyond is clipped; NaN is silence), or 16-bit integers. */
  readonly data: Float32Array | Float64Array | Int16Array | readonly number[];
}

/**
 * Encodes a sound as a WAV file of 16-bit PCM.
 *
 * @throws TensorBoardWriterError `invalid-value` when rate, channels and data do not fit.
 * @example
 * ```ts
 * encodeWav({ sampleRate: 8000, data: Float32Array.from({ length: 8000 }, (_, i) => Math.sin(i * 0.3)) });
 * ```
 */
export function encodeWav({ sampleRate, channels = 1, data }: Sound): Buffer {
  if (!isCount(sampleRate)) throw invalid(`Expected a whole number of samples per second, got ${show(sampleRate)}.`);
  if (!isCount(channels)) throw invalid(`Expected a whole number of channels of at least 1, got ${show(channels)}.`);
  if (!Number.isInteger(data?.length) || data.length % channels !== 0) {
    throw invalid(`Expected as many samples for each of ${channels} channels, got ${show(data?.length)}.`);
  }
  const bytes = Buffer.alloc(HEADER + 2 * data.length);
  writeHeader(bytes, sampleRate, channels);
  for (let i = 0; i < data.length; i++) {
    const sample = data[i] ?? 0;
    bytes.writeInt16LE(data instanceof Int16Array ? sample : toInt16(sample), HEADER + 2 * i);
  }
  return bytes;
}

/** The sound as a WAV file: samples are encoded, a ready-made file is checked and passed on. */
export function toWav(sound: Sound | Uint8Array): Buffer {
  if (!(sound instanceof Uint8Array)) return encodeWav(sound);
  const bytes = Buffer.from(sound.buffer, sound.byteOffset, sound.byteLength);
  if (bytes.length >= HEADER && bytes.toString('latin1', 0, 4) === 'RIFF' && bytes.toString('latin1', 8, 12) === 'WAVE')
    return bytes;
  throw invalid(`Expected samples or the bytes of a WAV file, got ${bytes.length} bytes that are no WAV file.`);
}

function writeHeader(bytes: Buffer, sampleRate: number, channels: number): void {
  bytes.write('RIFF', 0, 'latin1');
  bytes.writeUInt32LE(bytes.length - 8, 4);
  bytes.write('WAVEfmt ', 8, 'latin1');
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20); // PCM
  bytes.writeUInt16LE(channels, 22);
  bytes.writeUInt32LE(sampleRate, 24);
  bytes.writeUInt32LE(2 * channels * sampleRate, 28);
  bytes.writeUInt16LE(2 * channels, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write('data', 36, 'latin1');
  bytes.writeUInt32LE(bytes.length - HEADER, 40);
}

function toInt16(sample: number): number {
  return Number.isNaN(sample) ? 0 : Math.round(32767 * Math.min(1, Math.max(-1, sample)));
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= 2 ** 31;
}

function invalid(text: string): TensorBoardWriterError {
  return new TensorBoardWriterError('invalid-value', text);
}
