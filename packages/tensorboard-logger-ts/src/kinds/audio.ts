/** Audio: a series of WAV files per step. */
import { show, TensorBoardWriterError } from '../errors.ts';
import { DATA_CLASS, type Payload, type RawValue, tensorBody } from '../event.ts';
import { decodeTensor, stringTensor } from '../tensor.ts';
import { type Sound, toWav } from '../wav.ts';
import { varintField, WireReader } from '../wire.ts';

export const AUDIO = 'audio';
const WAV = 11;

/** Samples to be encoded, or the bytes of a WAV file. */
export type Audio = Sound | Uint8Array;

export function audioPayload(sounds: readonly Audio[]): Payload {
  if (sounds.length === 0) {
    throw new TensorBoardWriterError('invalid-value', `Expected at least one sound, got ${show(sounds.length)}.`);
  }
  const metadata = { plugin: AUDIO, dataClass: DATA_CLASS.blobSequence, content: varintField(2, WAV) };
  return { metadata, body: tensorBody(stringTensor(sounds.map(toWav), [sounds.length])) };
}

/** WAV files; the older message that PyTorch writes holds one. */
export function decodeAudio(value: RawValue): { audio?: Uint8Array[] } {
  if (value.audio !== undefined) {
    const reader = new WireReader(value.audio);
    while (reader.next()) if (reader.field === 4) return { audio: [reader.bytes()] };
    return { audio: [] };
  }
  if (value.tensor === undefined) return {};
  const { shape, strings } = decodeTensor(value.tensor);
  // TensorFlow writes a second column of labels.
  const columns = shape.slice(1).reduce((product, size) => product * size, 1);
  return { audio: strings.filter((_, i) => i % columns === 0) };
}
