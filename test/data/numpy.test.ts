/** npy and npz files: every kind of number, by rows or whole, larger than memory, and every way to be broken. */
import { appendFile, mkdir, open, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { zipSync } from 'fflate';
import { type FileArrays, idxImageFiles, npyDataset, npzDataset, readNpy, readNpz } from 'kelvin/data';
import { afterAll, describe, expect, test } from 'vitest';
import { freshDirectory } from '../support/files.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { errorOf as textOf } from './support.ts';

assertFileLeaksNothing();

const folder = freshDirectory();
afterAll(() => rm(folder, { recursive: true }));
const errorOf = (work: Promise<unknown>) => textOf(work, folder);

/** A header as NumPy writes it, by hand. */
function npy(descr: string, shape: readonly number[], body: Uint8Array, fortran = 'False'): Buffer {
  const extents = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const header = `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': (${extents}), }`;
  const padded = `${header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11)}\n`;
  const start = Buffer.from('\x93NUMPY\x01\x00\x00\x00', 'latin1');
  start.writeUInt16LE(padded.length, 8);
  return Buffer.concat([start, Buffer.from(padded, 'latin1'), body]);
}

const bytesIn = (values: ArrayBufferView) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

type Numbers = Uint8Array | Int16Array | Uint16Array | Int32Array | Float32Array | Float64Array;
type Kind = readonly [code: string, from: (values: number[]) => Numbers];

const KINDS: readonly Kind[] = [
  ['u1', (values) => Uint8Array.from(values)],
  ['i2', (values) => Int16Array.from(values)],
  ['u2', (values) => Uint16Array.from(values)],
  ['i4', (values) => Int32Array.from(values)],
  ['f4', (values) => Float32Array.from(values)],
  ['f8', (values) => Float64Array.from(values)],
];

describe('npy', () => {
  test('is read in every kind and byte order, whole and by rows', async () => {
    const cases = fc.record({
      kind: fc.constantFrom(...KINDS),
      big: fc.boolean(),
      rows: fc.integer({ min: 1, max: 6 }),
      columns: fc.integer({ min: 1, max: 5 }),
      picks: fc.array(fc.nat(), { maxLength: 9 }),
      scale: fc.constantFrom(undefined, 0.5),
    });
    const file = join(folder, 'any.npy');
    await fc.assert(
      fc.asyncProperty(cases, async ({ kind: [code, from], big, rows, columns, picks, scale }) => {
        const values = from(Array.from({ length: rows * columns }, (_, i) => (i * 37) % 120));
        const bytes = Buffer.from(bytesIn(values.slice()));
        if (big && values.BYTES_PER_ELEMENT > 1) {
          if (values.BYTES_PER_ELEMENT === 2) bytes.swap16();
          else if (values.BYTES_PER_ELEMENT === 4) bytes.swap32();
          else bytes.swap64();
        }
        await writeFile(file, npy(`${big ? '>' : '<'}${code}`, [rows, columns], bytes));
        expect(await readNpy(file)).toEqual({ data: values, shape: [rows, columns] });
        const dataset = await npyDataset({ x: { from: file, scale } });
        const indices = picks.map((pick) => pick % rows);
        const { x } = dataset.gather(indices);
        const expected = indices.flatMap((row) => [...values.subarray(row * columns, (row + 1) * columns)]);
        expect(x?.shape).toEqual([indices.length, columns]);
        expect([...(x?.data ?? [])]).toEqual(expected.map((value) => value * (scale ?? 1)));
        expect(dataset.get(0).x).toMatchObject({ shape: [columns] });
        dataset.close();
      }),
      { seed: 1, numRuns: 60 },
    );
  });

  test('of 64-bit labels becomes int32, unless a number is too large', async () => {
    const file = join(folder, 'labels.npy');
    await writeFile(file, npy('<i8', [2], bytesIn(BigInt64Array.of(-1n, 7n))));
    expect((await npyDataset({ y: file })).gather([0, 1]).y).toEqual({
      data: Int32Array.of(-1, 7),
      shape: [2],
      dtype: 'int32',
    });
    await writeFile(file, npy('<i8', [2], bytesIn(BigInt64Array.of(1n, 2n ** 40n))));
    expect(await errorOf(readNpy(file))).toMatchInlineSnapshot(`
      "DataError number-too-large: /labels.npy: number 1 is too large: expected whole numbers of 32 bits, got 1099511627776.
        help: save the array as int32 or float32"
    `);
  });

  test('that is broken says how', async () => {
    const file = join(folder, 'broken.npy');
    const errors: string[] = [];
    const body = new Uint8Array(8);
    for (const bytes of [
      Buffer.from('no such format at all'),
      npy('<f4', [3], body),
      npy('<f4', [2], body, 'True'),
      npy('<c8', [1], body),
      npy('<f4', [2], body).subarray(0, 40),
    ]) {
      await writeFile(file, bytes);
      errors.push(await errorOf(npyDataset({ x: file })));
    }
    errors.push(await errorOf(npyDataset({ x: join(folder, 'absent.npy') })));
    expect(errors.map((text) => text.split('\n')[0])).toMatchInlineSnapshot(`
      [
        "DataError npy-format: /broken.npy cannot be used: expected an npy file, which begins with /x93NUMPY.",
        "DataError npy-truncated: /broken.npy is truncated: expected 140 bytes for shape [3], got 136 bytes.",
        "DataError npy-format: /broken.npy cannot be used: expected an array in C order, got one in Fortran order.",
        "DataError npy-format: /broken.npy cannot be used: expected numbers of one of the kinds b1, u1, i1, u2, i2, u4, i4, i8, u8, f4, f8, got {'descr': '<c8', 'fortran_order': False, 'shape': (1,), }.",
        "DataError npy-truncated: /broken.npy is truncated: expected a header of 128 bytes, got 40 bytes.",
        "DataError file-unreadable: /absent.npy cannot be read: ENOENT: no such file or directory, open '/absent.npy'.",
      ]
    `);
  });
});

describe('npz', () => {
  test('gives its arrays by name', async () => {
    const file = join(folder, 'set.npz');
    const images = npy('|u1', [2, 2, 2], Uint8Array.of(0, 51, 102, 153, 204, 255, 0, 51));
    await writeFile(
      file,
      zipSync({ 'images.npy': images, 'labels.npy': npy('<i8', [2], bytesIn(BigInt64Array.of(3n, 4n))) }),
    );
    expect(Object.keys(await readNpz(file))).toEqual(['images', 'labels']);
    const dataset = await npzDataset(file, { x: { from: 'images', scale: 1 / 255 }, y: 'labels' });
    expect(dataset.gather([1])).toMatchObject({
      x: { data: Float32Array.of(0.8, 1, 0, 0.2), shape: [1, 2, 2] },
      y: { data: Int32Array.of(4) },
    });
    expect(await errorOf(npzDataset(file, { x: 'image' }))).toMatchInlineSnapshot(`
      "ConfigError unknown-array: /set.npz has no array \`image\`.
        help: did you mean \`images\`?"
    `);
    await writeFile(file, zipSync({ 'x.npy': images }, { level: 0 }));
    const left = await npzDataset(file, { x: { from: 'x', scale: 1 / 255 } });
    expect([left.length, left.gather([1, 0]).x?.data]).toEqual([2, Float32Array.of(0.8, 1, 0, 0.2, 0, 0.2, 0.4, 0.6)]);
    await writeFile(file, 'PK is not enough');
    expect(await errorOf(readNpz(file))).toContain('DataError corrupt-archive: /set.npz is no zip archive');
  });
});

describe('a file of 4 GB', () => {
  test('is read by rows, in the memory of a batch', async () => {
    await mkdir(join(folder, 'huge'));
    const rows = 4096;
    const row = 1024 * 1024; // bytes; the files are sparse and take no room
    const [images, labels, array] = ['images', 'labels', 'x.npy'].map((name) => join(folder, 'huge', name)) as [
      string,
      string,
      string,
    ];
    const header = Buffer.alloc(16);
    header.writeUInt32BE(0x0803, 0);
    for (const [axis, extent] of [rows, 1024, 1024].entries()) header.writeUInt32BE(extent, 4 + 4 * axis);
    await sparse(images, header, rows * row, [[16 + 4095 * row + 5, 255]]);
    const labelHeader = Buffer.alloc(8);
    labelHeader.writeUInt32BE(0x0801, 0);
    labelHeader.writeUInt32BE(rows, 4);
    await sparse(labels, labelHeader, rows, [[8 + 4095, 9]]);
    const start = npy('|u1', [rows, row], new Uint8Array(0));
    await sparse(array, start, rows * row, [[start.length + 4000 * row + 7, 3]]);

    const before = process.memoryUsage().arrayBuffers;
    const idx = await idxImageFiles({ images, labels });
    const { x, y } = idx.gather([4095, 0]);
    expect([idx.length, x?.shape, x?.data[5], x?.data[row + 5], [...(y?.data ?? [])]]).toEqual([
      rows,
      [2, 1024, 1024, 1],
      1,
      0,
      [9, 0],
    ]);
    const rowsOf = await npyDataset({ x: array });
    expect(rowsOf.gather([4000]).x?.data[7]).toBe(3);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * row);
    idx.close();
    rowsOf.close();
  });

  test('is read by rows out of an npz of 64-bit extents too', async () => {
    await mkdir(join(folder, 'long'), { recursive: true });
    const file = join(folder, 'long', 'x.npz');
    const [rows, row] = [5 * 1024, 1024 * 1024];
    const start = npy('|u1', [rows, row], new Uint8Array(0));
    const size = BigInt(start.length + rows * row);
    const local = Buffer.alloc(30);
    local.writeUInt16LE(5, 26); // the length of the name
    const listed = Buffer.alloc(46 + 5 + 20);
    listed.writeUInt32LE(0x02014b50, 0);
    for (const at of [20, 24]) listed.writeUInt32LE(0xffffffff, at);
    listed.writeUInt16LE(5, 28);
    listed.writeUInt16LE(20, 30);
    listed.write('x.npy', 46);
    for (const [at, value] of [
      [51, 1],
      [53, 16],
    ] as const)
      listed.writeUInt16LE(value, at);
    for (const at of [55, 63]) listed.writeBigUInt64LE(size, at);
    const list = BigInt(35) + size;
    const end = Buffer.alloc(56 + 20 + 22);
    end.writeUInt32LE(0x06064b50, 0);
    for (const [at, value] of [
      [32, 1n],
      [40, BigInt(listed.length)],
      [48, list],
    ] as const)
      end.writeBigUInt64LE(value, at);
    end.writeUInt32LE(0x07064b50, 56);
    end.writeBigUInt64LE(list + BigInt(listed.length), 64);
    end.writeUInt32LE(0x06054b50, 76);
    for (const at of [88, 92]) end.writeUInt32LE(0xffffffff, at);
    await sparse(file, Buffer.concat([local, Buffer.from('x.npy'), start]), rows * row, [
      [35 + start.length + 5000 * row + 7, 3],
    ]);
    await appendFile(file, Buffer.concat([listed, end]));
    const dataset = await npzDataset(file, { x: 'x' });
    const { x } = dataset.gather([5000, 1]);
    expect([dataset.length, x?.data[7], x?.data[row + 7]]).toEqual([rows, 3, 0]);
    (dataset as FileArrays).close();
  });
});

async function sparse(file: string, header: Uint8Array, body: number, bytes: [number, number][]): Promise<void> {
  await writeFile(file, header);
  await truncate(file, header.length + body);
  const handle = await open(file, 'r+');
  for (const [position, value] of bytes) await handle.write(Uint8Array.of(value), 0, 1, position);
  await handle.close();
}
