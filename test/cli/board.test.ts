/** The page of `kelvin board`: its data, its news, and what a browser shows. */
import { existsSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { SummaryWriter } from 'tensorboard-logger-ts';
import { expect, onTestFinished, test } from 'vitest';
import { type Board, serveBoard } from '../../src/cli/board/server.ts';
import { freshDirectory } from '../loggers/support.ts';
import { kelvin } from './support.ts';

const browserPath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const hasBrowser = existsSync(browserPath);

async function boardOn(directory: string): Promise<Board> {
  const board = await serveBoard(directory, { port: 0, pollSecs: 0.01 });
  onTestFinished(() => board.close());
  return board;
}

function writeLoss(writer: SummaryWriter, from: number, to: number, scale = 1): void {
  for (let step = from; step < to; step++) writer.addScalar('loss', scale / (step + 1), step, 1000 + 60 * step);
  writer.flushSync();
}

/** Asks until the answer is as expected: runs are read in the background. */
async function dataOf(board: Board, ready: (runs: Record<string, Record<string, unknown[]>>) => boolean) {
  for (;;) {
    const data = (await (await fetch(`${board.url}data`)).json()) as {
      runs: Record<string, Record<string, unknown[]>>;
      problems: Record<string, string>;
    };
    if (ready(data.runs) || Object.keys(data.problems).length > 0) return data;
  }
}

test('serves all runs below the directory, also one that comes later, and what JSON lacks as null', async () => {
  const directory = join(freshDirectory(), 'runs');
  const board = await boardOn(directory);
  const writer = new SummaryWriter(join(directory, 'a/version_0'));
  onTestFinished(() => writer.close());
  writer.addScalar('loss', Number.NaN, 0, 5);
  writer.addScalar('loss', 0.5, 1, 6);
  writer.flushSync();
  const { runs } = await dataOf(board, (all) => all['a/version_0']?.loss?.length === 2);
  expect(runs).toEqual({
    'a/version_0': {
      loss: [
        [0, null, 5],
        [1, 0.5, 6],
      ],
    },
  });
});

test('a resumed run shows no step twice', async () => {
  const directory = freshDirectory();
  const first = new SummaryWriter(directory);
  writeLoss(first, 0, 6);
  await first.close();
  const board = await boardOn(directory);
  await dataOf(board, (all) => all['.']?.loss?.length === 6);
  const second = new SummaryWriter(directory, { purgeStep: 4 });
  writeLoss(second, 4, 8, 10);
  await second.close();
  const { runs } = await dataOf(board, (all) => all['.']?.loss?.length === 8);
  expect(runs['.']?.loss?.map((point) => (point as number[])[0])).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});

test('news are sent as they come, with the place where they belong', async () => {
  const directory = freshDirectory();
  const writer = new SummaryWriter(directory);
  onTestFinished(() => writer.close());
  writeLoss(writer, 0, 2);
  const board = await boardOn(directory);
  await dataOf(board, (all) => all['.']?.loss?.length === 2);
  const stream = (await fetch(`${board.url}events`)).body as ReadableStream<Uint8Array>;
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let text = (await reader.read()).value ?? '';
  writeLoss(writer, 2, 3);
  while (!text.includes('"from":2')) text += (await reader.read()).value ?? '';
  const change = text.split('\n').find((line) => line.includes('"from":2')) ?? '';
  expect(JSON.parse(change.slice('data: '.length))).toMatchObject({
    run: '.',
    reset: false,
    curves: { loss: { from: 2, points: [[2, Math.fround(1 / 3), 1120]] } },
  });
  await reader.cancel();
});

test('a damaged run is named and the others are shown', async () => {
  const directory = freshDirectory();
  const writer = new SummaryWriter(join(directory, 'good'));
  writeLoss(writer, 0, 2);
  await writer.close();
  const bad = new SummaryWriter(join(directory, 'bad'));
  await bad.close();
  writeFileSync(bad.file, 'this is no event file, and it is long enough to be told from a torn one');
  const board = await boardOn(directory);
  const { problems } = await dataOf(board, () => false);
  expect(problems.bad).toContain('has a corrupt record at byte 0');
  await dataOf(board, (all) => all.good?.loss?.length === 2);
});

test('only this machine may ask, and only for what there is', async () => {
  const board = await boardOn(freshDirectory());
  expect((await fetch(`${board.url}other`)).status).toBe(404);
  const status = await new Promise((resolve) => {
    get(board.url, { headers: { host: 'elsewhere.example' } }, (response) => resolve(response.resume().statusCode));
  });
  expect(status).toBe(403);
  await expect(serveBoard('runs', { port: Number(new URL(board.url).port) })).rejects.toThrow(
    /kelvin board: port \d+: expected a port that is free, got one that another program has\.\n {2}help: choose another/,
  );
});

test('the directory may be given without --dir, and once only', async () => {
  const board = await boardOn(freshDirectory());
  const { port } = new URL(board.url);
  const taken = await kelvin('board', 'runs/mnist', '--builtin', '--port', port);
  expect([taken.code, taken.err.split('\n')[0]]).toEqual([
    1,
    `error: kelvin board: port ${port}: expected a port that is free, got one that another program has.`,
  ]);
  expect((await kelvin('board', 'one', 'two')).code).toBe(2);
});

test('the help says how to use it', async () => {
  const { code, out } = await kelvin('board', '--help');
  expect(code).toBe(0);
  expect(out).toContain('Usage: kelvin board [options] [dir]');
});

const reason = hasBrowser ? '' : ` (skipped: no Chromium at ${browserPath})`;
test.skipIf(!hasBrowser)(
  `a browser overlays runs, smooths, scales, filters and draws new points${reason}`,
  async () => {
    const directory = freshDirectory();
    const writers = ['one', '<b>two</b>'].map((name) => new SummaryWriter(join(directory, name)));
    onTestFinished(async () => void (await Promise.all(writers.map((writer) => writer.close()))));
    for (const writer of writers) writeLoss(writer, 0, 20);
    writers[0]?.addScalar('accuracy', 0.5, 0);
    writers[0]?.flushSync();
    const board = await boardOn(directory);
    const flags = [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
    ];
    const browser = await chromium.launch({ executablePath: browserPath, args: flags });
    onTestFinished(() => browser.close());
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(error.message));
    await page.goto(board.url);
    const loss = page.locator('figure[data-tag="loss"] canvas');
    const shows = (lines: number, points: number) =>
      page.locator(`figure[data-tag="loss"] canvas[data-lines="${lines}"][data-points="${points}"]`).waitFor();
    await shows(2, 40);
    expect(await page.locator('figcaption').allTextContents()).toEqual(['accuracy', 'loss']);
    expect(await page.locator('#runs label').allTextContents()).toEqual(['<b>two</b>', 'one']);

    writers[0] && writeLoss(writers[0], 20, 25);
    await shows(2, 45);
    const range = async () => ((await loss.getAttribute('data-range')) ?? '').split(' ').map(Number);
    const [least, greatest] = await range();
    expect([least, greatest]).toEqual([expect.closeTo(0.04 - 0.048, 6), expect.closeTo(1 + 0.048, 6)]);
    await page.getByLabel('Log scale').check();
    expect((await range())[1]).toBeCloseTo(0 - 0.05 * Math.log10(0.04), 5);
    const before = await loss.screenshot();
    await page.locator('#smoothing').fill('0');
    expect((await loss.screenshot()).equals(before)).toBe(false);
    await page.locator('#runs input').first().uncheck();
    await shows(1, 25);
    await page.locator('#filter').fill('^acc');
    expect(await page.locator('figcaption').allTextContents()).toEqual(['accuracy']);
    expect(errors).toEqual([]);
  },
);
