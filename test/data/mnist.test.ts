/** idx files, MNIST from disk and from mirrors on this machine, and every way in which they may be broken. */
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import { idxImages, type MnistOptions, mnist, readIdx } from 'kelvin';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';

assertFileLeaksNothing();

const OFFICIAL = fileURLToPath(new URL('../../../shared/data/mnist', import.meta.url));
const withoutFiles = !existsSync(OFFICIAL);

let folder = '';
const environment = { ...process.env };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kelvin-mnist-'));
  process.env.XDG_CACHE_HOME = join(folder, 'user-cache');
  delete process.env.KELVIN_DATA_DIR;
});
afterAll(async () => {
  process.env = environment;
  await rm(folder, { recursive: true });
});

/** An idx file of bytes: value i is i. */
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

/** The text of the error, without the directory. */
const errorOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no error',
    (error: Error & { code: string }) =>
      `${error.name} ${error.code}: ${error.message.replaceAll(folder, '').replaceAll('\\', '/')}`,
  );

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
    expect(await errorOf(idxImages({ images, labels: fewer }))).toMatchInlineSnapshot(`"DataError idx-mismatch: /file-950.idx and /file-952.idx do not belong together: expected 3 labels, got shape [2] in /file-952.idx."`);
    expect(await errorOf(idxImages({ images: labels, labels }))).toMatchInlineSnapshot(`"DataError idx-mismatch: /file-951.idx holds no images: expected shape [images, height, width], got [3]."`);
    expect(await errorOf(idxImages({ images, labels, classes: 2 }))).toMatchInlineSnapshot(`
      "DataError label-out-of-range: Label of sample 1 is out of range: expected a whole number from 0 to 1, got 2.
        help: mend the labels, or give the right number of \`classes\`"
    `);
  });
});

describe('mnist', () => {
  test.skipIf(withoutFiles)('reads the official files (skipped where they are not at hand)', async () => {
    const { train, test, source } = await mnist({ dataDir: OFFICIAL, download: false });
    expect([train.length, test.length, source]).toEqual([60_000, 10_000, OFFICIAL]);
    expect([...train.columns.y.data.subarray(0, 5)]).toEqual([5, 0, 4, 1, 9]);
    expect([...test.columns.y.data.subarray(0, 5)]).toEqual([7, 2, 1, 0, 4]);
    const { x } = train.gather([0, 1]);
    expect(x?.shape).toEqual([2, 28, 28, 1]);
    // The mean and deviation that everybody normalizes with.
    let [sum, squares] = [0, 0];
    for (const pixel of train.columns.x.data) {
      sum += pixel;
      squares += pixel * pixel;
    }
    const mean = sum / train.columns.x.data.length;
    expect(mean / 255).toBeCloseTo(0.1307, 4);
    expect(Math.sqrt(squares / train.columns.x.data.length - mean * mean) / 255).toBeCloseTo(0.3081, 4);
  });

  test('without files and network lists where it looked', async () => {
    process.env.KELVIN_DATA_DIR = join(folder, 'env');
    const options = { dataDir: join(folder, 'mine'), mirrors: ['http://127.0.0.1:9/mnist/'] };
    expect([
      await errorOf(mnist({ ...options, download: false })),
      (await errorOf(mnist(options))).replace(/\(.*ECONNREFUSED.*\)|\(bad port\)/, '(refused)'),
    ]).toMatchInlineSnapshot(`
      [
        "DataError data-not-found: MNIST was not found: train-images-idx3-ubyte[.gz], train-labels-idx1-ubyte[.gz], t10k-images-idx3-ubyte[.gz], t10k-labels-idx1-ubyte[.gz]
        looked in
          /mine
          /mine/mnist
          /env
          /env/mnist
          /user-cache/kelvin/mnist
        download
          not allowed (\`download: false\`).
        help: put the four files into one of these directories, name another with \`dataDir\` or KELVIN_DATA_DIR, or use \`drawnDigits()\`",
        "DataError data-not-found: MNIST was not found: train-images-idx3-ubyte[.gz]
        looked in
          /mine
          /mine/mnist
          /env
          /env/mnist
          /user-cache/kelvin/mnist
        download
          http://127.0.0.1:9/mnist/train-images-idx3-ubyte.gz: fetch failed (refused).
        help: put the four files into one of these directories, name another with \`dataDir\` or KELVIN_DATA_DIR, or use \`drawnDigits()\`",
      ]
    `);
    delete process.env.KELVIN_DATA_DIR;
  });

  test('names a local file with a wrong checksum and says what to do', async () => {
    const dataDir = join(folder, 'wrong', 'mnist');
    await mkdir(dataDir, { recursive: true });
    await writeFile(join(dataDir, 'train-labels-idx1-ubyte.gz'), gzipSync('other labels'));
    expect(
      (await errorOf(mnist({ dataDir: join(folder, 'wrong') }))).replace(/got [0-9a-f]{64}/, 'got <hash>'),
    ).toMatchInlineSnapshot(`
      "DataError wrong-checksum: /wrong/mnist/train-labels-idx1-ubyte.gz is not the official MNIST file: expected sha256 3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c, got <hash>.
        help: delete the file so that it is fetched again, or read files of your own with \`idxImages\`"
    `);
  });

  test('refuses wrong options', async () => {
    expect(await errorOf(mnist({ datadir: 'x' } as MnistOptions))).toMatchInlineSnapshot(`
      "ConfigError unknown-option: mnist: unknown option \`datadir\`.
        help: did you mean \`dataDir\`?"
    `);
  });
});

describe('mnist from a mirror', () => {
  const requests: string[] = [];
  let server: Server;
  let address = '';

  beforeAll(async () => {
    server = createServer(async (request, response) => {
      requests.push(String(request.url));
      const [, kind, name = ''] = String(request.url).split('/');
      if (kind === 'gone') return response.writeHead(404).end();
      if (kind === 'silent') return undefined;
      if (kind === 'wrong') return response.end('something else');
      if (kind === 'cut') {
        response.writeHead(200, { 'content-length': '1000' }).write('half a file');
        return setImmediate(() => response.destroy());
      }
      return response.end(await readFile(join(OFFICIAL, name)));
    });
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  test('tells why each mirror failed, and leaves no file behind', async () => {
    const cacheDir = join(folder, 'cache-failed');
    const mirrors = ['gone', 'wrong/', 'cut', 'silent'].map((kind) => `${address}/${kind}`);
    const text = await errorOf(mnist({ cacheDir, mirrors, timeout: 0.2 }));
    expect(
      text.replaceAll(address, 'http://mirror').replace(/(terminated|aborted).*/, 'terminated'),
    ).toMatchInlineSnapshot(`
      "DataError data-not-found: MNIST was not found: train-images-idx3-ubyte[.gz]
        looked in
          /cache-failed
        download
          http://mirror/gone/train-images-idx3-ubyte.gz: HTTP status 404 Not Found
          http://mirror/wrong/train-images-idx3-ubyte.gz: wrong checksum: expected sha256 440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609, got f41f3fa625ff120ddca7ef456bf66371ecea23c129f4e4c32367101edb516cf8
          http://mirror/cut/train-images-idx3-ubyte.gz: terminated
          http://mirror/silent/train-images-idx3-ubyte.gz: no answer for 0.2 s.
        help: put the four files into one of these directories, name another with \`dataDir\` or KELVIN_DATA_DIR, or use \`drawnDigits()\`"
    `);
    expect(existsSync(cacheDir)).toBe(false);
  });

  test('calls the fetch that it is given', async () => {
    const asked: string[] = [];
    const fetch = (url: string) => {
      asked.push(url);
      return Promise.reject(new Error('offline'));
    };
    const text = await errorOf(mnist({ cacheDir: join(folder, 'none'), mirrors: ['http://a', 'http://b/'], fetch }));
    expect(asked).toEqual(['http://a', 'http://b'].map((base) => `${base}/train-images-idx3-ubyte.gz`));
    expect(text).toContain('http://b/train-images-idx3-ubyte.gz: offline');
  });

  test.skipIf(withoutFiles)(
    'goes on to the next mirror and fetches what is missing (skipped without the files)',
    async () => {
      const cacheDir = join(folder, 'cache');
      const dataDir = join(folder, 'some');
      await mkdir(dataDir);
      await copyFile(join(OFFICIAL, 'train-images-idx3-ubyte.gz'), join(dataDir, 'train-images-idx3-ubyte.gz'));
      const labels = gunzipSync(await readFile(join(OFFICIAL, 'train-labels-idx1-ubyte.gz')));
      await writeFile(join(dataDir, 'train-labels-idx1-ubyte'), labels);
      requests.length = 0;
      const progress: number[] = [];
      const { train, test, source } = await mnist({
        dataDir,
        cacheDir,
        mirrors: [`${address}/gone/`, `${address}/good/`],
        onProgress: ({ bytes, total }) => progress.push(bytes / total),
      });
      expect([train.length, test.length, source]).toEqual([60_000, 10_000, `${address}/good/`]);
      expect(requests).toEqual([
        '/gone/t10k-images-idx3-ubyte.gz',
        '/good/t10k-images-idx3-ubyte.gz',
        '/good/t10k-labels-idx1-ubyte.gz',
      ]);
      expect(progress.at(-1)).toBe(1);
      expect([...progress].sort((a, b) => a - b)).toEqual(progress);
      expect((await readdir(cacheDir)).sort()).toEqual(['t10k-images-idx3-ubyte.gz', 't10k-labels-idx1-ubyte.gz']);
      requests.length = 0;
      expect((await mnist({ dataDir, cacheDir, mirrors: [] })).test.length).toBe(10_000);
      expect(requests).toEqual([]);
    },
  );
});
