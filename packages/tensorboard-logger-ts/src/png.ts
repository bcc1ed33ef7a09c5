/** A small PNG encoder (8 bits; grey, RGB, RGBA) and a check of PNG files that come ready-made. */
import { crc32, deflateSync } from 'node:zlib';
import { show, TensorBoardWriterError } from './errors.ts';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const COLOR_TYPE = { 1: 0, 3: 2, 4: 6 } as const;

/** Pixels, row by row from the top, channels interleaved, 0–255: grey (1), RGB (3) or RGBA (4). */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3 | 4;
  /** `height * width * channels` bytes. */
  readonly data: Uint8Array | Uint8ClampedArray;
}

/** A PNG file and its size in pixels. */
export interface Png {
  readonly width: number;
  readonly height: number;
  readonly bytes: Uint8Array;
}

/**
 * Encodes pixels as a PNG file.
 *
 * @throws TensorBoardWriterError `invalid-value` when the sizes do not fit the data.
 */
export function encodePng(pixels: Pixels): Buffer {
  checkPixels(pixels);
  const { width, height, channels, data } = pixels;
  const stride = width * channels;
  // Each row is led by its filter type; 0 (none) compresses training pictures well enough.
  const rows = Buffer.alloc((stride + 1) * height);
  for (let y = 0; y < height; y++) rows.set(data.subarray(y * stride, (y + 1) * stride), y * (stride + 1) + 1);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8;
  header[9] = COLOR_TYPE[channels];
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** The picture as PNG: pixels are encoded, a ready-made PNG file is checked and passed on. */
export function toPng(image: Pixels | Uint8Array): Png {
  if (!(image instanceof Uint8Array)) return { width: image.width, height: image.height, bytes: encodePng(image) };
  const bytes = Buffer.from(image.buffer, image.byteOffset, image.byteLength);
  if (bytes.length < 33 || !bytes.subarray(0, 8).equals(SIGNATURE) || bytes.toString('latin1', 12, 16) !== 'IHDR') {
    const wanted = 'Expected pixels ({ width, height, channels, data }) or the bytes of a PNG file';
    throw new TensorBoardWriterError('invalid-value', `${wanted}, got ${bytes.length} bytes that are no PNG file.`);
  }
  return { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20), bytes };
}

function chunk(type: string, data: Uint8Array): Buffer {
  const out = Buffer.alloc(12 + data.length);
  out.writeUInt32BE(data.length, 0);
  out.write(type, 4, 'latin1');
  out.set(data, 8);
  out.writeUInt32BE(crc32(out.subarray(4, 8 + data.length)), 8 + data.length);
  return out;
}

function checkPixels({ width, height, channels, data }: Pixels): void {
  if (!isSize(width) || !isSize(height)) {
    throw invalid(`Expected a width and height of at least 1 pixel, got ${show(width)} and ${show(height)}.`);
  }
  if (!(channels in COLOR_TYPE)) throw invalid(`Expected 1, 3 or 4 channels, got ${show(channels)}.`);
  const expected = width * height * channels;
  if (!(data instanceof Uint8Array || data instanceof Uint8ClampedArray) || data.length !== expected) {
    const wanted = `${expected} bytes (${height} x ${width} x ${channels}) in a Uint8Array`;
    throw invalid(`Expected ${wanted}, got ${data?.length ?? 0} elements of ${data?.constructor?.name ?? 'nothing'}.`);
  }
}

function isSize(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value < 2 ** 31;
}

function invalid(text: string): TensorBoardWriterError {
  return new TensorBoardWriterError('invalid-value', text);
}
