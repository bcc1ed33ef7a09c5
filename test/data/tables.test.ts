/** Image folders, tables of images and JSON lines: what they read, and what they say about data that is wrong. */
import { chmod, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { csvImages, DataLoader, imageFolder, jsonLines, tf } from 'kelvin';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freshDirectory } from '../support/files.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { errorOf as textOf } from './support.ts';

assertFileLeaksNothing();

const folder = freshDirectory();
const at = (...names: string[]) => join(folder, ...names);
const errorOf = (work: Promise<unknown>) => textOf(work, folder);

const draw = (shade: number) =>
  sharp({ create: { width: 4, height: 4, channels: 3, background: { r: shade, g: shade, b: shade } } })
    .png()
    .toBuffer();

beforeAll(async () => {
  for (const dir of ['set/cats/more', 'set/dogs', 'set/.hidden', 'scans', 'empty'])
    await mkdir(at(dir), { recursive: true });
  await writeFile(at('set/cats/a.png'), await draw(10));
  await writeFile(at('set/cats/more/b.PNG'), await draw(20));
  await writeFile(at('set/dogs/c.png'), await draw(30));
  await writeFile(at('set/dogs/notes.txt'), 'no image');
  for (const [name, shade] of [
    ['s1', 1],
    ['s2', 2],
    ['s10', 10],
  ] as const)
    await writeFile(at(`scans/${name}.png`), await draw(shade));
});
afterAll(() => rm(folder, { recursive: true }));

describe('imageFolder', () => {
  test('takes classes from folders and ids from paths', async () => {
    const images = await imageFolder(at('set'), { size: 2, dtype: 'uint8', channels: 1 });
    expect([images.classes, [...images.labels]]).toEqual([
      ['cats', 'dogs'],
      [0, 0, 1],
    ]);
    expect([0, 1, 2].map((i) => images.sampleId(i))).toEqual(['cats/a.png', 'cats/more/b.PNG', 'dogs/c.png']);
    for await (const { x, y } of new DataLoader(images)) {
      expect([x.shape, x.dtype, [...y.dataSync()]]).toEqual([[3, 2, 2, 1], 'int32', [0, 0, 1]]);
      expect([...x.dataSync()].filter((_, i) => i % 4 === 0)).toEqual([10, 20, 30]);
      tf.dispose([x, y]);
    }
  });

  test('follows links to folders', async () => {
    await mkdir(at('linked'));
    await symlink(at('set/cats'), at('linked/lions'), 'dir');
    const images = await imageFolder(at('linked'));
    expect([images.classes, images.sampleId(0)]).toEqual([['lions'], 'lions/a.png']);
  });

  test('says what is wrong with a folder', async () => {
    expect([
      await errorOf(imageFolder(at('absent'))),
      await errorOf(imageFolder(at('empty'))),
      await errorOf(imageFolder(at('set'), { classes: ['cat', 'dogs'] })),
    ]).toMatchInlineSnapshot(`
      [
        "DataError folder-unreadable: The folder /absent cannot be read: ENOENT: no such file or directory, scandir '/absent'.
        help: check the path and the permissions",
        "DataError no-images: /empty holds no images: expected a folder per class with images in it.
        help: images are files that end in .jpg, .jpeg, .png, .webp",
        "DataError unknown-class: /set/cats: the label 'cats' is not in the list of classes: expected one of cat, dogs.
        help: did you mean 'cat'?",
      ]
    `);
  });

  test.skipIf(process.platform === 'win32')('names a folder that may not be read (skipped on Windows)', async () => {
    await mkdir(at('locked/cats'), { recursive: true });
    await chmod(at('locked/cats'), 0o000);
    const isRoot = process.geteuid?.() === 0; // who may read everything, so becomes nobody for a moment
    if (isRoot) await chmod(folder, 0o755);
    if (isRoot) process.seteuid?.(65534);
    try {
      expect(await errorOf(imageFolder(at('locked')))).toMatchInlineSnapshot(`
        "DataError folder-unreadable: The folder /locked/cats cannot be read: EACCES: permission denied, scandir '/locked/cats'.
          help: check the path and the permissions"
      `);
    } finally {
      if (isRoot) process.seteuid?.(0);
      await chmod(at('locked/cats'), 0o755);
    }
  });

  test('names an image that is corrupt', async () => {
    await mkdir(at('bad/one'), { recursive: true });
    await writeFile(at('bad/one/x.jpg'), 'not a jpeg');
    const images = await imageFolder(at('bad'));
    const read = async () => {
      for await (const _ of new DataLoader(images)) expect.unreachable();
    };
    expect(await errorOf(read())).toMatch(
      /^DataError sample-failed: Sample one\/x\.jpg could not be read: \/bad\/one\/x\.jpg cannot be decoded/,
    );
  });
});

describe('csvImages', () => {
  const table = async (content: string) => {
    await writeFile(at('train.csv'), content);
    return { csv: at('train.csv'), images: at('scans') };
  };

  test('joins rows and images, with or without endings', async () => {
    const paths = await table('\ufeffid_code,diagnosis\r\ns10,4\r\n"s1.png", 0\r\n\r\ns2,10\r\n');
    const images = await csvImages({ ...paths, label: 'diagnosis', dtype: 'uint8', channels: 1 });
    expect([images.classes, [...images.labels]]).toEqual([
      ['0', '4', '10'],
      [1, 0, 2],
    ]);
    expect([0, 1, 2].map((i) => images.sampleId(i))).toEqual(['s10', 's1.png', 's2']);
    expect((await images.get(0)).x.data[0]).toBe(10);
    const numbers = await csvImages({ ...paths, label: 'diagnosis', target: 'number' });
    expect([numbers.classes, numbers.labels]).toEqual([[], Float32Array.of(4, 0, 10)]);
    expect(Object.keys(await (await csvImages(paths)).get(0))).toEqual(['x']);
  });

  test('leaves out rows without image only when told to, and says which', async () => {
    const paths = await table('id,label\ns1,0\ns3,1\ns2,1\n');
    expect(await errorOf(csvImages({ ...paths, label: 'label' }))).toMatchInlineSnapshot(`
      "DataError missing-image: /train.csv row 3: there is no image 's3' in /scans.
        help: mend the table or the folder, or leave such rows out with missing: 'skip'"
    `);
    const { length, missing } = await csvImages({ ...paths, label: 'label', missing: 'skip' });
    expect([length, missing.map((text) => text.replace(folder, ''))]).toEqual([2, ['/train.csv row 3: s3']]);
  });

  test('names file and row of what is wrong', async () => {
    const errors = [
      await errorOf(csvImages({ ...(await table('id_code,diagnosis\ns1,0\n')), label: 'diagnoses' })),
      await errorOf(csvImages({ ...(await table('id_code,label\ns1,0\ns2,1\ns1,1\n')) })),
      await errorOf(
        csvImages({ ...(await table('id,grade\ns1,mild\ns2,servere\n')), label: 'grade', classes: ['mild', 'severe'] }),
      ),
      await errorOf(csvImages({ ...(await table('id,age\ns1,old\n')), label: 'age', target: 'number' })),
      await errorOf(csvImages({ ...(await table('id,age\ns1,3,4\n')) })),
      await errorOf(csvImages({ ...(await table('id,age\n')) })),
      await errorOf(csvImages({ csv: at('no.csv'), images: at('scans') })),
      await errorOf(csvImages({ csv: at('train.csv'), images: at('nowhere') })),
      await errorOf(csvImages({ csv: 'a', images: 'b', lable: 'c' } as never)),
    ];
    expect(errors).toMatchInlineSnapshot(`
      [
        "DataError unknown-column: /train.csv row 1: there is no column 'diagnoses': expected one of 'id_code', 'diagnosis'.
        help: did you mean 'diagnosis'?",
        "DataError duplicate-id: /train.csv row 4: the id 's1' (string) is there already: expected an id of its own, since row 2 has this one.",
        "DataError unknown-class: /train.csv row 3: the label 'servere' is not in the list of classes: expected one of mild, severe.
        help: did you mean 'severe'?",
        "DataError label-not-a-number: /train.csv row 2: the label: expected a number, got 'old'.",
        "DataError csv-format: /train.csv is not a table: Invalid Record Length: columns length is 2, got 3 on line 2.",
        "DataError no-images: /train.csv holds no images: expected at least one row with an image that is there.
        help: images are files that end in .jpg, .jpeg, .png, .webp",
        "DataError file-unreadable: /no.csv cannot be read: ENOENT: no such file or directory, open '/no.csv'.",
        "DataError folder-unreadable: The folder /nowhere cannot be read: ENOENT: no such file or directory, scandir '/nowhere'.
        help: check the path and the permissions",
        "ConfigError unknown-option: csvImages: unknown option \`lable\`.
        help: did you mean \`label\`?",
      ]
    `);
  });
});

describe('jsonLines', () => {
  test('gives the lines that are not blank, wherever they begin', async () => {
    const text = '{"id":"ä","x":[1,2]}\n\n  \r\n{"id":"b","x":[3,4]}\r\n{"id":"c","x":[5,6]}';
    await writeFile(at('rows.jsonl'), text);
    const rows = await jsonLines<{ id: string; x: number[] }>(at('rows.jsonl'), { id: 'id' });
    expect([rows.length, rows.get(2), rows.get(0)]).toEqual([3, { id: 'c', x: [5, 6] }, { id: 'ä', x: [1, 2] }]);
    expect([0, 1, 2].map((i) => rows.sampleId?.(i))).toEqual(['ä', 'b', 'c']);
    expect((await jsonLines(at('rows.jsonl'))).sampleId?.(1)).toBe(4);
    expect(() => rows.get(3)).toThrow('No such sample');
  });

  test('names the line of what is wrong', async () => {
    await writeFile(at('bad.jsonl'), '{"id":1}\n{"id":2\n');
    await writeFile(at('twice.jsonl'), '{"id":1}\n{"id":2}\n{"id":1}\n');
    const errors = [
      await errorOf(jsonLines(at('bad.jsonl'), { id: 'id' })),
      await errorOf(jsonLines(at('twice.jsonl'), { id: 'id' })),
      await errorOf(jsonLines(at('twice.jsonl'), { id: 'name' })),
      await errorOf(jsonLines(at('none.jsonl'))),
    ];
    expect(errors.map((error) => error.replace(/is not JSON: .*/, 'is not JSON: …'))).toMatchInlineSnapshot(`
      [
        "DataError json-line: /bad.jsonl line 2 is not JSON: …",
        "DataError duplicate-id: /twice.jsonl line 3: the id 1 (number) is there already: expected an id of its own, since line 1 has this one.",
        "DataError json-line: /twice.jsonl line 1: expected a word or number in the field \`name\`, got undefined.",
        "DataError file-unreadable: /none.jsonl cannot be read: ENOENT: no such file or directory, open '/none.jsonl'.",
      ]
    `);
  });
});
