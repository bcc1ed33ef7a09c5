/** Downloads: torn ones are taken up again, wrong ones thrown away, and the final name is whole or absent. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { download } from '../../src/data/files/download.ts';
import { filesIn, freshDirectory } from '../support/files.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { errorOf } from './support.ts';

assertFileLeaksNothing();

const content = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 31 + (i >> 8)) % 256));
const sha256 = createHash('sha256').update(content).digest('hex');
const PART = `set.bin.${sha256.slice(0, 12)}.part`;

/** Each request is answered by the next of these. */
type Answer = { from?: number; to?: number; status?: number; body?: Buffer; tear?: boolean };
let answers: Answer[] = [];
let ranges: (string | undefined)[] = [];
let server: Server;
let base = '';
const folder = freshDirectory();
let target = '';
let number = 0;

beforeAll(async () => {
  server = createServer((request, response) => {
    ranges.push(request.headers.range);
    const {
      from = 0,
      to = content.length,
      status = 200,
      body = content.subarray(from, to),
      tear,
    } = answers.shift() ?? {};
    const range = status === 206 ? { 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` } : {};
    response.writeHead(status, { 'content-length': tear ? content.length - from : body.length, ...range });
    if (!tear) response.end(body);
    else response.write(body, () => setImmediate(() => response.destroy()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(async () => {
  [answers, ranges] = [[], []];
  await mkdir(join(folder, String(++number)));
  target = join(folder, String(number), 'set.bin');
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true });
});

const fetchIt = (mirrors = [base], onBytes = (_: number) => {}) =>
  download({ name: 'set.bin', mirrors, sha256, target, fetch, timeout: 5000, onBytes });
const here = () => filesIn(join(target, '..'));

describe('download', () => {
  test('goes on where a torn transfer stopped', async () => {
    answers = [{ to: 120_000, tear: true }];
    expect(await fetchIt()).toMatchObject({ ok: false });
    expect(here()).toEqual([PART]);
    const { length } = await readFile(join(target, '..', PART));
    expect(length).toBeGreaterThan(0);
    answers = [{ status: 206, from: length }];
    const seen: number[] = [];
    expect(await fetchIt([base], (bytes) => seen.push(bytes))).toEqual({ ok: true, mirror: base });
    expect(ranges).toEqual([undefined, `bytes=${length}-`]);
    expect((seen[0] as number) > length && seen.at(-1)).toBe(content.length);
    expect([here(), (await readFile(target)).equals(content)]).toEqual([['set.bin'], true]);
  });

  test('begins anew where the server does not know ranges, or the earlier bytes were wrong', async () => {
    await writeFile(join(target, '..', PART), content.subarray(0, 1000));
    answers = [{}];
    expect(await fetchIt()).toMatchObject({ ok: true });
    await rm(target);
    await writeFile(join(target, '..', PART), Buffer.alloc(1000, 7));
    answers = [{ status: 206, from: 1000 }, {}];
    expect(await fetchIt()).toMatchObject({ ok: true });
    expect([ranges, here()]).toEqual([['bytes=1000-', 'bytes=1000-', undefined], ['set.bin']]);
    await rm(target);
    await writeFile(join(target, '..', PART), content);
    answers = [{ status: 416 }];
    expect(await fetchIt()).toMatchObject({ ok: true });
  });

  test('throws wrong content away and asks the next mirror', async () => {
    answers = [{ body: Buffer.from('something else') }, {}];
    expect(await fetchIt([`${base}/a`, `${base}/b`])).toEqual({ ok: true, mirror: `${base}/b` });
    expect(here()).toEqual(['set.bin']);
    await rm(target);
    answers = [{ body: Buffer.from('something else') }];
    const result = await fetchIt();
    expect(result.ok ? '' : result.failures[0]).toContain(`wrong checksum: expected sha256 ${sha256}`);
    expect(here()).toEqual([]);
  });

  test('does not touch the part that another process is writing', async () => {
    await writeFile(join(target, '..', PART), content.subarray(0, 10));
    await writeFile(join(target, '..', `${PART}.lock`), '');
    expect(await fetchIt()).toMatchObject({ ok: true });
    expect([ranges, here()]).toEqual([[undefined], ['set.bin', PART, `${PART}.lock`]]);
    // Unless that process is long gone.
    await rm(target);
    await utimes(join(target, '..', PART), 1, 1);
    ranges = [];
    answers = [{ status: 206, from: 10 }];
    expect(await fetchIt()).toMatchObject({ ok: true });
    expect([ranges, here()]).toEqual([['bytes=10-'], ['set.bin']]);
  });

  test.skipIf(!existsSync('/dev/full'))('on a full disk says so (skipped where there is no /dev/full)', async () => {
    await symlink('/dev/full', join(target, '..', PART));
    const text = await errorOf(fetchIt(), join(target, '..'));
    expect(text.replace(PART, '<part>')).toMatchInlineSnapshot(`
      "DataError cache-unwritable: /<part> cannot be written: ENOSPC: no space left on device, write.
        help: make room on the disk, or name another directory"
    `);
    expect(here()).not.toContain('set.bin');
  });
});
