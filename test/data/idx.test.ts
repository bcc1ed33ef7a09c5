/** idx files in every kind of number, and every way in which they may be broken. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { idxImages, readIdx } from 'kelvin';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { errorOf as textOf } from './support.ts';

assertFileLeaksNothing();

let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kelvin-idx-'));
});
afterAll(() => rm(folder, { recursive: true }));

const errorOf = (work: Promise<unknown>) => textOf(work, folder);

/** The bytes of an idx file. */
function idx(kind: number, shape: number[], body: number[]): Uint8Array {
  const extents = shape.flatMap((n) => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255]);
  return Uint8Array.from([0, 0, kind, shape.length, ...extents, ...body]);
}

const upTo = (n: number) => Array.from({ length: n }, (_, i) => i);

let written = 0;
async function file(bytes: Uint8Array): Promise<string> {
  const path = join(folder, `file-${written++}.idx`);
  await writeFile(path, bytes);
  return path;
}

describe('idx files', () => {
  test('are read plain and gzipped, in every kind of number', async () => {
    const images = idx(8, [2, 2, 3], upTo(12));
    for (const bytes of [images, gzipSync(images)]) {
      expect(await readIdx(await file(bytes))).toEqual({ shape: [2, 2, 3], data: Uint8Array.from(upTo(12)) });
    }
    const read = async (kind: number, body: number[]) => (await readIdx(await file(idx(kind, [1], body)))).data;
    expect(await read(9, [255])).toEqual(Int8Array.of(-1));
    expect(await read(11, [255, 254])).toEqual(Int16Array.of(-2));
    expect(await read(12, [0, 0, 1, 0])).toEqual(Int32Array.of(256));
    expect(await read(13, [0x3f, 0xc0, 0, 0])).toEqual(Float32Array.of(1.5));
    expect(await read(14, [0x3f, 0xf8, 0, 0, 0, 0, 0, 0])).toEqual(Float64Array.of(1.5));
  });

  test('that are truncated anywhere, plain or gzipped, are named', async () => {
    const whole = idx(8, [2, 2, 3], upTo(12));
    const packed = gzipSync(whole);
    for (let bytes = 0; bytes < whole.length; bytes++) {
      expect(await errorOf(readIdx(await file(whole.subarray(0, bytes))))).toMatch(
        /^DataError idx-truncated: \/file-\d+\.idx is truncated: expected .+, got \d+ bytes\./,
      );
    }
    for (let bytes = 2; bytes < packed.length; bytes++) {
      expect(await errorOf(readIdx(await file(packed.subarray(0, bytes))))).toMatch(
        /^DataError corrupt-gzip: \/file-\d+\.idx is a damaged gzip file: unexpected end of file\./,
      );
    }
  });

  test('that are broken otherwise are named with what was expected', async () => {
    written = 900;
    const whole = idx(8, [2, 2], upTo(4));
    const flipped = gzipSync(whole);
    flipped[flipped.length - 6] = (flipped[flipped.length - 6] as number) ^ 1;
    expect([
      await errorOf(readIdx(await file(whole.subarray(0, 14)))),
      await errorOf(readIdx(await file(Uint8Array.from([...whole, 0])))),
      await errorOf(readIdx(await file(Buffer.from('<html>not found</html>')))),
      await errorOf(readIdx(await file(idx(7, [1], [0])))),
      await errorOf(readIdx(await file(flipped))),
      (await errorOf(readIdx(join(folder, 'nowhere')))).replace(/ENOENT.*/, 'ENOENT'),
    ]).toMatchInlineSnapshot(`
      [
        "DataError idx-truncated: /file-900.idx is truncated: expected 16 bytes for shape [2, 2], got 14 bytes.
        help: delete the file and fetch it again",
        "DataError idx-trailing: /file-901.idx has bytes behind its end: expected 16 bytes for shape [2, 2], got 17.",
        "DataError idx-magic: /file-902.idx is not an idx file: expected a magic number like 0x00000803 (images) or 0x00000801 (labels), got 0x3c68746d.",
        "DataError idx-magic: /file-903.idx is not an idx file: expected a magic number like 0x00000803 (images) or 0x00000801 (labels), got 0x00000701.",
        "DataError corrupt-gzip: /file-904.idx is a damaged gzip file: incorrect data check.
        help: delete the file and fetch it again",
        "DataError file-unreadable: /nowhere cannot be read: ENOENT",
      ]
    `);
  });

  test('of images and labels have to belong together', async () => {
    written = 950;
    const images = await file(idx(8, [3, 2, 2], upTo(12)));
    const labels = await file(idx(8, [3], [0, 2, 1]));
    const dataset = await idxImages({ images, labels, classes: 3 });
    expect(dataset.gather([1])).toEqual({
      x: { data: Float32Array.from([4, 5, 6, 7], (v) => v / 255), shape: [1, 2, 2, 1], dtype: 'float32' },
      y: { data: Int32Array.of(2), shape: [1], dtype: 'int32' },
    });
    const fewer = await file(idx(8, [2], [0, 1]));
    expect(await errorOf(idxImages({ images, labels: fewer }))).toMatchInlineSnapshot(
      `"DataError idx-mismatch: /file-950.idx and /file-952.idx do not belong together: expected 3 labels, got shape [2] in /file-952.idx."`,
    );
    expect(await errorOf(idxImages({ images: labels, labels }))).toMatchInlineSnapshot(
      `"DataError idx-mismatch: /file-951.idx holds no images: expected shape [images, height, width], got [3]."`,
    );
    expect(await errorOf(idxImages({ images, labels, classes: 2 }))).toMatchInlineSnapshot(`
      "DataError label-out-of-range: Label of sample 1 is out of range: expected a whole number from 0 to 1, got 2.
        help: mend the labels, or give the right number of \`classes\`"
    `);
  });
});
