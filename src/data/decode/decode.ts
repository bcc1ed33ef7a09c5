/**
 * From the bytes of a JPEG, PNG or WebP file to pixels of one size, as a host tensor. Photographs are turned upright as
 * their EXIF data say, and images of absurd extent are refused before any memory is spent on them.
 */
import type { Sharp as SharpImage } from 'sharp';
import { z } from 'zod';
import { DataError, messageOf } from '../../core/errors.ts';
import { oneOf, parseOptions, wholeNumber } from '../../core/options.ts';
import { contentOf } from '../files/whole-file.ts';
import { type HostTensor, type ScaledTensor, scaled } from '../host.ts';
import { loadSharp } from './sharp.ts';

/** How images are brought to one size and form. */
export interface DecodeOptions {
  /** Height and width of the result, one number for squares. Without it images keep their own size. */
  readonly size?: number | readonly [height: number, width: number] | undefined;
  /**
   * `'crop'` (default) scales until the image covers the size and cuts out the centre; `'letterbox'` scales until it fits
   * and fills the rest with black; `'stretch'` ignores its proportions.
   */
  readonly fit?: 'crop' | 'letterbox' | 'stretch' | undefined;
  /**
   * With `'crop'`: the image is scaled to this many times the size before the centre is cut out. Default 1; ImageNet's
   * custom, 256 then 224, is 256 / 224.
   */
  readonly margin?: number | undefined;
  /** 3 for RGB (default), 1 for grayscale. Transparency is laid over black. */
  readonly channels?: 1 | 3 | undefined;
  /** `'float32'` (default): 0 to 1; `'uint8'`: 0 to 255; `'uint16'`: 0 to 65535, for 16-bit PNGs. */
  readonly dtype?: 'float32' | 'uint8' | 'uint16' | undefined;
  /** Images of more pixels are refused. Default 100 million. */
  readonly limitPixels?: number | undefined;
}

/** The options of {@link DecodeOptions}, for the schemas of those who take them. */
export const decodeShape = {
  size: z
    .union([wholeNumber(1), z.tuple([wholeNumber(1), wholeNumber(1)])], {
      error: 'a whole number of at least 1, or [height, width]',
    })
    .readonly()
    .optional(),
  fit: oneOf('crop', 'letterbox', 'stretch').optional(),
  margin: z.number({ error: 'a number of at least 1' }).min(1, { error: 'a number of at least 1' }).optional(),
  channels: z.union([z.literal(1), z.literal(3)], { error: '1 or 3' }).optional(),
  dtype: oneOf('float32', 'uint8', 'uint16').optional(),
  limitPixels: wholeNumber(1).optional(),
};

const optionsSchema = z.strictObject(decodeShape);
const LIMIT_PIXELS = 100_000_000;

/**
 * Decodes one image.
 *
 * @param source the encoded bytes, or the path of a file
 * @param options see {@link DecodeOptions}
 * @param name what errors call the image. Default: the path
 * @returns pixels of shape [height, width, channels]
 * @throws DataError `image-unreadable` (missing, cut off, of another format), `image-too-large`; ConfigError
 *   `missing-sharp`, `invalid-option`
 *
 * @example
 * ```ts
 * const { data, shape } = await decodeImage('cat.jpg', { size: 224, margin: 256 / 224 }); // shape [224, 224, 3]
 * ```
 */
export async function decodeImage(
  source: Uint8Array | string,
  options: DecodeOptions = {},
  name: string = typeof source === 'string' ? source : 'The image',
): Promise<HostTensor> {
  return scaled(
    await decodeUnscaled(parseOptions('decodeImage', optionsSchema, options) as DecodeOptions, source, name),
  );
}

/** The same with options that were checked before. Floating-point pixels are left to be scaled. */
export async function decodeUnscaled(
  options: DecodeOptions,
  source: Uint8Array | string,
  name: string,
): Promise<HostTensor | ScaledTensor> {
  const sharp = await loadSharp();
  const { limitPixels = LIMIT_PIXELS, channels = 3, dtype = 'float32' } = options;
  try {
    const bytes = typeof source === 'string' ? await contentOf(source) : source;
    const image = sharp(bytes, { limitInputPixels: limitPixels, failOn: 'truncated' });
    const wide = dtype !== 'uint8' && isWidePng(bytes);
    const ready = inColours(fitted(image.autoOrient(), options), channels, wide);
    const { data, info } = await ready.raw({ depth: wide ? 'ushort' : 'uchar' }).toBuffer({ resolveWithObject: true });
    const shape = [info.height, info.width, channels];
    const values = valuesIn(data, wide);
    if (dtype === 'float32') return { data: values, shape, dtype, scale: wide ? 1 / 65535 : 1 / 255 };
    const spread = dtype === 'uint16' && !wide;
    return { data: spread ? Uint16Array.from(values, (v) => v * 257) : values, shape, dtype: 'int32' };
  } catch (cause) {
    throw asDataError(name, limitPixels, cause);
  }
}

/** Of the formats that are read only PNG has 16 bits; asking sharp would open the image twice. */
const isWidePng = (bytes: Uint8Array): boolean => bytes[0] === 0x89 && bytes[1] === 0x50 && bytes[24] === 16;

function fitted(image: SharpImage, { size, fit = 'crop', margin = 1 }: DecodeOptions): SharpImage {
  if (size === undefined) return image;
  const [height, width] = typeof size === 'number' ? [size, size] : size;
  if (fit === 'stretch') return image.resize({ width, height, fit: 'fill' });
  if (fit === 'letterbox') return image.resize({ width, height, fit: 'contain', background: '#000' });
  if (margin === 1) return image.resize({ width, height, fit: 'cover' });
  const outer = { width: Math.round(width * margin), height: Math.round(height * margin) };
  const left = Math.floor((outer.width - width) / 2);
  const top = Math.floor((outer.height - height) / 2);
  return image.resize({ ...outer, fit: 'cover' }).extract({ left, top, width, height });
}

function inColours(image: SharpImage, channels: 1 | 3, wide: boolean): SharpImage {
  const opaque = image.flatten({ background: '#000' });
  if (channels === 3) return opaque.toColourspace(wide ? 'rgb16' : 'srgb');
  return opaque.toColourspace(wide ? 'grey16' : 'b-w').extractChannel(0);
}

function valuesIn(bytes: Buffer, wide: boolean): Uint8Array | Uint16Array {
  if (!wide) return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const own = bytes.byteOffset % 2 === 0 ? bytes : Uint8Array.prototype.slice.call(bytes);
  return new Uint16Array(own.buffer, own.byteOffset, own.byteLength / 2);
}

function asDataError(name: string, limitPixels: number, cause: unknown): DataError {
  const reason = messageOf(cause);
  if (/exceeds pixel limit/i.test(reason)) {
    return new DataError(`${name} has too many pixels to be decoded`, {
      code: 'image-too-large',
      expected: `at most ${limitPixels} pixels`,
      help: 'if you trust the file, raise `limitPixels`',
      cause,
    });
  }
  return new DataError(`${name} cannot be decoded: ${reason}`, { code: 'image-unreadable', cause });
}
