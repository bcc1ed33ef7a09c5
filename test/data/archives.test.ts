/** Archives: CIFAR from its tar.gz, unpacking whole or not at all, and entries that lead out of the archive. */
import { createWriteStream, existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { zipSync } from 'fflate';
import { cifar10, cifar100, unpackArchive } from 'kelvin/data';
import { type Header, pack } from 'tar-stream';
import { afterAll, describe, expect, test } from 'vitest';
import { filesIn, freshDirectory } from '../support/files.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { errorOf as textOf } from './support.ts';

assertFileLeaksNothing();

const folder = freshDirectory();
afterAll(() => rm(folder, { recursive: true }));
const errorOf = (work: Promise<unknown>) => textOf(work, folder);

async function tarGz(
  name: string,
  entries: readonly [(Partial<Header> & { name: string }) | string, Uint8Array | string][],
): Promise<string> {
  const file = join(folder, name);
  const tar = pack();
  for (const [header, content] of entries) {
    tar.entry(typeof header === 'string' ? { name: header } : header, Buffer.from(content));
  }
  tar.finalize();
  await pipeline(tar, createGzip(), createWriteStream(file));
  return file;
}

/** One record: labels, then planes of red, green and blue, each of one value but for its first pixel. */
const record = (labels: number[], red: number) =>
  Uint8Array.from([
    ...labels,
    ...[red, red + 1, red + 2].flatMap((value) => [255 - value, ...new Array(1023).fill(value)]),
  ]);

/** An archive of one file that says to be of ten bytes. */
function smaller(archive: Uint8Array): Buffer {
  const bytes = Buffer.from(archive);
  bytes.writeUInt32LE(10, bytes.lastIndexOf(Buffer.from('PK\x01\x02', 'latin1')) + 24);
  return bytes;
}

describe('CIFAR', () => {
  test('becomes images of 32x32 pixels, the planes interleaved', async () => {
    const archive = await tarGz('cifar.tar.gz', [
      ['cifar-10-batches-bin/batches.meta.txt', 'plane\ncar\nbird\n\n'],
      ['cifar-10-batches-bin/data_batch_2.bin', record([1], 50)],
      ['cifar-10-batches-bin/data_batch_1.bin', Buffer.concat([record([2], 10), record([0], 20)])],
      ['cifar-10-batches-bin/test_batch.bin', record([2], 30)],
    ]);
    const { train, test, classNames } = await cifar10({ archive });
    expect([train.length, test.length, classNames]).toEqual([3, 1, ['plane', 'car', 'bird']]);
    expect([...train.columns.y.data, ...test.columns.y.data]).toEqual([2, 0, 1, 2]);
    expect([...train.columns.x.data.subarray(0, 6)]).toEqual([245, 244, 243, 10, 11, 12]);
    expect(test.gather([0]).x).toMatchObject({ shape: [1, 32, 32, 3], dtype: 'float32' });
  });

  test('with 100 classes takes the fine labels', async () => {
    const archive = await tarGz('cifar100.tar.gz', [
      ['cifar-100-binary/coarse_label_names.txt', 'a\n'],
      ['cifar-100-binary/fine_label_names.txt', 'apple\nbear\n'],
      ['cifar-100-binary/train.bin', record([0, 1], 1)],
      ['cifar-100-binary/test.bin', record([0, 0], 1)],
    ]);
    const { train, classNames } = await cifar100({ archive });
    expect([[...train.columns.y.data], classNames]).toEqual([[1], ['apple', 'bear']]);
  });

  test('that is something else says so', async () => {
    const other = await tarGz('other.tar.gz', [['readme.txt', 'hello']]);
    const short = await tarGz('short.tar.gz', [
      ['batches.meta.txt', 'a\n'],
      ['data_batch_1.bin', 'short'],
      ['test_batch.bin', ''],
    ]);
    expect([
      await errorOf(cifar10({ archive: other })),
      await errorOf(cifar10({ archive: short })),
      await errorOf(cifar10({ archive: join(folder, 'absent') })),
      await errorOf(cifar10({ dataDir: folder, cacheDir: join(folder, 'cache'), download: false })),
    ]).toMatchInlineSnapshot(`
      [
        "DataError cifar-format: /other.tar.gz is not the binary version of CIFAR: expected the files of cifar-10-binary.tar.gz, got others.",
        "DataError cifar-format: /short.tar.gz is not the binary version of CIFAR: expected data_batch_1.bin to hold records of 3073 bytes, got 5 bytes.",
        "DataError file-unreadable: /absent cannot be read: ENOENT: no such file or directory, open '/absent'.",
        "DataError data-not-found: cifar-10-binary.tar.gz was not found
        looked in
          
          /cifar
          /cache
        download
          not allowed (\`download: false\`).
        help: put the archive into one of these directories, or name another with \`dataDir\` or KELVIN_DATA_DIR",
      ]
    `);
  });
});

describe('unpackArchive', () => {
  test('unpacks tar.gz and zip, once', async () => {
    const tar = await tarGz('good.tar.gz', [
      [{ name: 'a', type: 'directory' }, ''],
      ['a/b.txt', 'tar'],
    ]);
    const zip = join(folder, 'good.zip');
    await writeFile(zip, zipSync({ 'a/b.txt': Buffer.from('zip') }));
    for (const [archive, kind] of [
      [tar, 'tar'],
      [zip, 'zip'],
    ] as const) {
      const target = join(folder, `from-${kind}`);
      await unpackArchive(archive, target);
      expect(await readFile(join(target, 'a/b.txt'), 'utf8')).toBe(kind);
      await rm(join(target, 'a'), { recursive: true });
      await unpackArchive(archive, target);
      expect(filesIn(target)).toEqual([]);
    }
  });

  test('refuses paths that lead out, links, and damage, and leaves nothing behind', async () => {
    const before = filesIn(folder);
    const bad = [
      await tarGz('up.tar.gz', [
        ['fine.txt', 'x'],
        ['../evil.txt', 'x'],
      ]),
      await tarGz('deep.tar.gz', [['a/../../evil.txt', 'x']]),
      await tarGz('root.tar.gz', [['/etc/evil.txt', 'x']]),
      await tarGz('link.tar.gz', [[{ name: 'a', type: 'symlink', linkname: '/etc' }, '']]),
      ...['up.zip', 'link.zip', 'bomb.zip', 'flipped.zip'].map((name) => join(folder, name)),
      join(folder, 'torn.tar.gz'),
    ];
    await writeFile(join(folder, 'up.zip'), zipSync({ '../evil.txt': Buffer.from('x') }));
    const link = { os: 3, attrs: 0o120777 << 16 } as const;
    await writeFile(join(folder, 'link.zip'), zipSync({ a: [Buffer.from('/etc'), link] }));
    await writeFile(join(folder, 'bomb.zip'), smaller(zipSync({ a: new Uint8Array(100_000) })));
    const flipped = Buffer.from(zipSync({ a: Buffer.from('something') }, { level: 0 }));
    flipped[35] = (flipped[35] as number) ^ 1;
    await writeFile(join(folder, 'flipped.zip'), flipped);
    const whole = await readFile(bad[0] as string);
    await writeFile(join(folder, 'torn.tar.gz'), whole.subarray(0, whole.length / 2));
    const errors: string[] = [];
    for (const archive of bad) errors.push(await errorOf(unpackArchive(archive, join(folder, 'target'))));
    expect(errors.map((error) => error.split('\n')[0])).toMatchInlineSnapshot(`
      [
        "DataError unsafe-archive: /up.tar.gz is not unpacked: its entry "../evil.txt": expected a plain file below the archive, got a path that leads out of the archive.",
        "DataError unsafe-archive: /deep.tar.gz is not unpacked: its entry "a/../../evil.txt": expected a plain file below the archive, got a path that leads out of the archive.",
        "DataError unsafe-archive: /root.tar.gz is not unpacked: its entry "/etc/evil.txt": expected a plain file below the archive, got a path that leads out of the archive.",
        "DataError unsafe-archive: /link.tar.gz is not unpacked: its entry "a": expected a plain file below the archive, got a symlink.",
        "DataError unsafe-archive: /up.zip is not unpacked: its entry "../evil.txt": expected a plain file below the archive, got a path that leads out of the archive.",
        "DataError unsafe-archive: /link.zip is not unpacked: its entry "a": expected a plain file below the archive, got a symlink.",
        "DataError corrupt-archive: /bomb.zip is a damaged archive: a is larger than it says.",
        "DataError corrupt-archive: /flipped.zip is a damaged archive: a is damaged.",
        "DataError corrupt-archive: /torn.tar.gz is a damaged archive: unexpected end of file.",
      ]
    `);
    const archives = bad.map((path) => path.slice(folder.length + 1));
    expect(filesIn(folder)).toEqual([...before, ...archives].sort());
    expect(existsSync(join(folder, '..', 'evil.txt'))).toBe(false);
  });
});
