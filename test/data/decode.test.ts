/** Decoding: sizes, colours, depths, orientation, and images that cannot or must not be decoded. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type DecodeOptions, decodeImage } from 'kelvin/data';
import sharp from 'sharp';
import { afterAll, describe, expect, test } from 'vitest';
import { freshDirectory } from '../support/files.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { errorOf as textOf } from './support.ts';

assertFileLeaksNothing();

const folder = freshDirectory();
afterAll(() => rm(folder, { recursive: true }));
const errorOf = (work: Promise<unknown>) => textOf(work, folder);

/** An image of plain pixels, row by row. */
const image = (width: number, height: number, pixelOf: (x: number, y: number) => readonly number[]) => {
  const pixels = Array.from({ length: width * height }, (_, i) => pixelOf(i % width, Math.floor(i / width)));
  const channels = (pixels[0] as readonly number[]).length as 1 | 3 | 4;
  return sharp(Uint8Array.from(pixels.flat()), { raw: { width, height, channels } });
};

/** Left half red, right half blue, 8 wide and 4 high. */
const flag = () => image(8, 4, (x) => (x < 4 ? [255, 0, 0] : [0, 0, 255]));
const pixel = (data: ArrayLike<number>, at: number) => [data[3 * at], data[3 * at + 1], data[3 * at + 2]];

describe('formats', () => {
  test('JPEG, PNG and WebP become pixels from 0 to 1', async () => {
    for (const encoded of [
      await flag().jpeg({ quality: 100, chromaSubsampling: '4:4:4' }).toBuffer(),
      await flag().png().toBuffer(),
      await flag().webp({ lossless: true }).toBuffer(),
    ]) {
      const { data, shape, dtype } = await decodeImage(encoded);
      expect([shape, dtype, data.constructor]).toEqual([[4, 8, 3], 'float32', Float32Array]);
      for (const [at, colour] of [
        [0, [1, 0, 0]],
        [7, [0, 0, 1]],
      ] as const) {
        for (const [c, value] of pixel(data, at).entries()) expect(value).toBeCloseTo(colour[c] as number, 1);
      }
    }
  });

  test('PNGs of 16 bits keep them', async () => {
    const values = Uint16Array.of(0, 257, 30_001, 65_535);
    const png = await sharp(values, { raw: { width: 4, height: 1, channels: 1 } })
      .toColourspace('grey16')
      .png()
      .toBuffer();
    const wide = await decodeImage(png, { channels: 1, dtype: 'uint16' });
    expect([...wide.data]).toEqual([...values]);
    const scaled = await decodeImage(png, { channels: 1 });
    expect(scaled.data[2]).toBeCloseTo(30_001 / 65_535, 6);
    const bytes = await decodeImage(png, { channels: 1, dtype: 'uint8' });
    expect([bytes.dtype, bytes.data.constructor, bytes.data[3]]).toEqual(['int32', Uint8Array, 255]);
  });

  test('gray and transparent images take the channels asked for, over black', async () => {
    const gray = await image(2, 1, (x) => [100 * x])
      .png()
      .toBuffer();
    expect((await decodeImage(gray, { dtype: 'uint8' })).data).toEqual(Uint8Array.of(0, 0, 0, 100, 100, 100));
    const glass = await image(2, 1, (x) => [200, 100, 50, 255 * x])
      .png()
      .toBuffer();
    expect((await decodeImage(glass, { dtype: 'uint8' })).data).toEqual(Uint8Array.of(0, 0, 0, 200, 100, 50));
    const { shape } = await decodeImage(await flag().png().toBuffer(), { channels: 1 });
    expect(shape).toEqual([4, 8, 1]);
  });

  test('photographs are turned upright as their EXIF data say', async () => {
    const lying = await flag().withMetadata({ orientation: 6 }).png().toBuffer();
    const { data, shape } = await decodeImage(lying, { dtype: 'uint8' });
    expect(shape).toEqual([8, 4, 3]);
    expect([pixel(data, 0), pixel(data, 31)]).toEqual([
      [255, 0, 0],
      [0, 0, 255],
    ]);
  });
});

describe('sizes', () => {
  const at = async (options: DecodeOptions) => {
    const { data, shape } = await decodeImage(await flag().png().toBuffer(), { dtype: 'uint8', ...options });
    return { shape, first: pixel(data, 0), last: pixel(data, data.length / 3 - 1), data };
  };

  test('crop cuts out the centre, letterbox adds black, stretch ignores proportions', async () => {
    const crop = await at({ size: 4 });
    expect([crop.shape, crop.first, crop.last]).toEqual([
      [4, 4, 3],
      [255, 0, 0],
      [0, 0, 255],
    ]);
    const letterbox = await at({ size: 8, fit: 'letterbox' });
    expect([letterbox.shape, letterbox.first, letterbox.last]).toEqual([
      [8, 8, 3],
      [0, 0, 0],
      [0, 0, 0],
    ]);
    expect(pixel(letterbox.data, 3 * 8)).toEqual([255, 0, 0]);
    const stretch = await at({ size: [6, 2], fit: 'stretch' });
    expect(stretch.shape).toEqual([6, 2, 3]);
    expect(stretch.first[0]).toBeGreaterThan(200);
  });

  test('a margin scales further before the centre is cut out', async () => {
    const ring = await image(16, 16, (x, y) => [x < 2 || y < 2 || x > 13 || y > 13 ? 255 : 0])
      .png()
      .toBuffer();
    const whole = await decodeImage(ring, { size: 8, dtype: 'uint8' });
    const inner = await decodeImage(ring, { size: 8, margin: 2, dtype: 'uint8' });
    expect(Math.max(...whole.data)).toBeGreaterThan(200);
    expect(Math.max(...inner.data)).toBe(0);
  });
});

describe('faults', () => {
  test('name the file and the reason', async () => {
    const png = await image(64, 64, (x, y) => [(x * y) % 256, (x * 7) % 256, (y * 13) % 256])
      .png()
      .toBuffer();
    const cut = join(folder, 'cut.png');
    await writeFile(cut, png.subarray(0, png.length / 2));
    const text = join(folder, 'text.jpg');
    await writeFile(text, 'no picture');
    const errors = [];
    for (const file of [cut, text, join(folder, 'absent.webp')])
      errors.push((await errorOf(decodeImage(file))).split('\n')[0]);
    expect(errors.map((error) => error?.replace(/(cannot be decoded: ).*/, '$1…'))).toEqual([
      'DataError image-unreadable: /cut.png cannot be decoded: …',
      'DataError image-unreadable: /text.jpg cannot be decoded: …',
      'DataError image-unreadable: /absent.webp cannot be decoded: …',
    ]);
  });

  test('a decompression bomb is refused before it is unpacked', async () => {
    const file = join(folder, 'bomb.png');
    await writeFile(
      file,
      await sharp({ create: { width: 400, height: 300, channels: 3, background: '#000' } })
        .png()
        .toBuffer(),
    );
    expect(await errorOf(decodeImage(file, { limitPixels: 100_000 }))).toMatchInlineSnapshot(`
      "DataError image-too-large: /bomb.png has too many pixels to be decoded: expected at most 100000 pixels.
        help: if you trust the file, raise \`limitPixels\`"
    `);
    expect((await decodeImage(file, { limitPixels: 120_000 })).shape).toEqual([300, 400, 3]);
  });

  test('options are checked', async () => {
    expect(await errorOf(decodeImage(new Uint8Array(0), { fit: 'cover' } as never))).toMatchInlineSnapshot(
      `"ConfigError invalid-option: decodeImage: option \`fit\`: expected 'crop' or 'letterbox' or 'stretch', got 'cover' (string)."`,
    );
    expect(await errorOf(decodeImage(new Uint8Array(0), { size: [1] } as never))).toContain('[height, width]');
  });
});
