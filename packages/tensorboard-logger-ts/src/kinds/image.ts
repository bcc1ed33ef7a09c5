/** Images: a series of PNG files of one size per step. */
import { show, TensorBoardWriterError } from '../errors.ts';
import { DATA_CLASS, type Payload, type RawValue, tensorBody } from '../event.ts';
import { type Pixels, type Png, toPng } from '../png.ts';
import { decodeTensor, stringTensor } from '../tensor.ts';
import { WireReader } from '../wire.ts';

export const IMAGES = 'images';

/** Pixels to be encoded, or the bytes of a PNG file. */
export type Image = Pixels | Uint8Array;

/** TensorBoard keeps one size per value and shows every picture of the value in it: that of the first. */
export function imagePayload(images: readonly Image[]): Payload {
  const pngs = images.map(toPng);
  const first = pngs[0];
  if (first === undefined) {
    throw new TensorBoardWriterError('invalid-value', `Expected at least one image, got ${show(images.length)}.`);
  }
  const strings = [String(first.width), String(first.height), ...pngs.map((png) => png.bytes)];
  const metadata = { plugin: IMAGES, dataClass: DATA_CLASS.blobSequence };
  return { metadata, body: tensorBody(stringTensor(strings, [strings.length])) };
}

export function decodeImages(value: RawValue): { images?: Png[] } {
  if (value.image !== undefined) return { images: [decodeImageProto(value.image)] };
  if (value.tensor === undefined) return {};
  const [width, height, ...pngs] = decodeTensor(value.tensor).strings;
  return { images: pngs.map((bytes) => ({ width: Number(width), height: Number(height), bytes })) };
}

// The older message that PyTorch writes: one encoded picture.
function decodeImageProto(message: Uint8Array): Png {
  const reader = new WireReader(message);
  let [width, height] = [0, 0];
  let bytes: Uint8Array = new Uint8Array();
  while (reader.next()) {
    if (reader.field === 1) height = reader.varint();
    else if (reader.field === 2) width = reader.varint();
    else if (reader.field === 4) bytes = reader.bytes();
  }
  return { width, height, bytes };
}
