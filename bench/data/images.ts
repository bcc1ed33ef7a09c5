/** The images that the data benchmarks read: drawn, as hard to decode as photographs. */
import { writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Random } from 'kelvin';
import sharp from 'sharp';

/** Writes JPEGs of 224x224 pixels and some 24 kB, in a folder per class: smoothed noise. */
export async function drawJpegs(directory: string, count: number): Promise<void> {
  const random = new Random(1);
  for (let i = 0; i < count; i++) {
    const folder = join(directory, `class${i % 2}`);
    await mkdir(folder, { recursive: true });
    const noise = Uint8Array.from({ length: 64 * 64 * 3 }, () => random.integer(256));
    const small = sharp(noise, { raw: { width: 64, height: 64, channels: 3 } });
    await small
      .resize(224, 224)
      .jpeg({ quality: 90 })
      .toFile(join(folder, `${i}.jpg`));
  }
}

/** Writes a pair of idx files of `count` images like MNIST's. */
export function writeIdx(directory: string, count: number): { images: string; labels: string } {
  const files = { images: join(directory, 'images-idx3-ubyte'), labels: join(directory, 'labels-idx1-ubyte') };
  const header = Buffer.alloc(16);
  for (const [at, value] of [0x0803, count, 28, 28].entries()) header.writeUInt32BE(value, 4 * at);
  const pixels = Uint8Array.from({ length: count * 784 }, (_, i) => (i * 37) % 251);
  writeFileSync(files.images, Buffer.concat([header, pixels]));
  header.writeUInt32BE(0x0801, 0);
  writeFileSync(
    files.labels,
    Buffer.concat([header.subarray(0, 8), Uint8Array.from({ length: count }, (_, i) => i % 10)]),
  );
  return files;
}
