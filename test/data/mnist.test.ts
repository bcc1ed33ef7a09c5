/** MNIST from disk and from mirrors on this machine, and every way in which they may be broken. */
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import { type MnistOptions, mnist } from 'kelvin';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { errorOf as textOf } from './support.ts';

assertFileLeaksNothing();

const OFFICIAL = fileURLToPath(new URL('../../../shared/data/mnist', import.meta.url));
const withoutFiles = !existsSync(OFFICIAL);

let folder = '';
const { XDG_CACHE_HOME, KELVIN_DATA_DIR } = process.env;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kelvin-mnist-'));
  process.env.XDG_CACHE_HOME = join(folder, 'user-cache');
  delete process.env.KELVIN_DATA_DIR;
});
afterAll(async () => {
  restore('XDG_CACHE_HOME', XDG_CACHE_HOME);
  restore('KELVIN_DATA_DIR', KELVIN_DATA_DIR);
  await rm(folder, { recursive: true });
});

const errorOf = (work: Promise<unknown>) => textOf(work, folder);

function restore(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}

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

  test('tells why each mirror failed, and leaves no file under its final name', async () => {
    const cacheDir = join(folder, 'cache-failed');
    const mirrors = ['gone', 'wrong/', 'cut', 'silent'].map((kind) => `${address}/${kind}`);
    const text = await errorOf(mnist({ cacheDir, mirrors, timeout: 2 }));
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
          http://mirror/silent/train-images-idx3-ubyte.gz: no answer for 2 s.
        help: put the four files into one of these directories, name another with \`dataDir\` or KELVIN_DATA_DIR, or use \`drawnDigits()\`"
    `);
    expect((await readdir(cacheDir)).filter((name) => !name.endsWith('.part'))).toEqual([]);
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
