/** Wrong arguments: each is refused with a text that says what was expected. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  encodePng,
  histogramBins,
  SummaryWriter,
  type SummaryWriterOptions,
  TensorBoardWriterError,
} from 'tensorboard-logger-ts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { allValues, tempDir } from './support.ts';

let writer: SummaryWriter;

beforeEach(() => {
  writer = new SummaryWriter(tempDir());
});

afterEach(() => writer.close());

/** The typed error that `call` throws, as [code, text]. */
function errorOf(call: () => unknown): [string, string] {
  try {
    call();
  } catch (error) {
    if (error instanceof TensorBoardWriterError) return [error.code, error.message];
    throw error;
  }
  throw new Error('It did not throw.');
}

test.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])('the step %s is refused', (step) => {
  const expected = ['invalid-step', `Expected a whole number from 0 to 2^53 - 1 as the step, got ${step}.`];
  expect(errorOf(() => writer.addScalar('a', 1, step))).toEqual(expected);
  writer.addScalar('a', 1, 0);
  expect(errorOf(() => writer.addScalar('a', 1, step))).toEqual(expected);
  expect(errorOf(() => writer.addText('t', 'x', step))).toEqual(expected);
});

test('tags must be texts that are not empty', () => {
  expect(errorOf(() => writer.addScalar('', 1, 0))).toEqual([
    'invalid-tag',
    'Expected a text that is not empty as the tag, got "" (string).',
  ]);
});

test('a scalar must be a number', () => {
  const text = '0.5' as unknown as number;
  const expected = ['invalid-value', 'Expected a number as the scalar, got "0.5" (string).'];
  expect(errorOf(() => writer.addScalar('a', text, 0))).toEqual(expected);
  writer.addScalar('a', 1, 0);
  expect(errorOf(() => writer.addScalar('a', text, 1))).toEqual(expected);
});

test('a wall time must be finite', () => {
  expect(errorOf(() => writer.addScalar('a', 1, 0, Number.NaN))).toEqual([
    'invalid-wall-time',
    'Expected seconds since 1970 as the wall time, got NaN.',
  ]);
});

test('a tag keeps its kind', () => {
  writer.addScalar('a', 1, 0);
  expect(errorOf(() => writer.addHistogram('a', [1], 1))).toEqual([
    'tag-kind-mismatch',
    'The tag "a" holds scalars; it cannot take histograms too. Use another tag.',
  ]);
  writer.addText('t', 'x', 0);
  expect(errorOf(() => writer.addScalar('t', 1, 1))).toEqual([
    'tag-kind-mismatch',
    'The tag "t" holds text; it cannot take scalars too. Use another tag.',
  ]);
});

describe('values', () => {
  const one = { width: 1, height: 1, channels: 3, data: Uint8Array.of(1, 2, 3) } as const;

  test.each<[string, () => unknown, string]>([
    ['no bins', () => histogramBins([1], 0), 'Expected a whole number of at least 1 as the number of bins, got 0.'],
    ['no array', () => histogramBins(5 as never), 'Expected an array of numbers, got 5.'],
    ['no images', () => writer.addImages('i', [], 0), 'Expected at least one image, got 0.'],
    ['no size', () => encodePng({ ...one, width: 0 }), 'Expected a width and height of at least 1 pixel, got 0 and 1.'],
    ['two channels', () => encodePng({ ...one, channels: 2 as never }), 'Expected 1, 3 or 4 channels, got 2.'],
    [
      'too few pixels',
      () => encodePng({ ...one, height: 2 }),
      'Expected 6 bytes (2 x 1 x 3) in a Uint8Array, got 3 elements of Uint8Array.',
    ],
    [
      'no bytes',
      () => encodePng({ ...one, data: [1, 2, 3] as never }),
      'Expected 3 bytes (1 x 1 x 3) in a Uint8Array, got 3 elements of Array.',
    ],
    [
      'no PNG',
      () => writer.addImage('i', Uint8Array.of(1, 2), 0),
      'Expected pixels ({ width, height, channels, data }) or the bytes of a PNG file, got 2 bytes that are no PNG file.',
    ],
    ['no text', () => writer.addText('t', 3 as never, 0), 'Expected a text or a list of texts, got 3.'],
    [
      'a nested hyper-parameter',
      () => writer.addHparams({ lr: [1] as never }),
      'Expected a string, number or boolean as the hyper-parameter "lr", got 1 (object).',
    ],
  ])('%s', (_, call, text) => {
    expect(errorOf(call)).toEqual(['invalid-value', text]);
  });
});

test('hyper-parameters are written once', async () => {
  writer.addHparams({ lr: 1 });
  writer.addHparams({ lr: 1 });
  expect(errorOf(() => writer.addHparams({ lr: 2 }))).toEqual([
    'hparams-already-written',
    `The hyper-parameters of "${writer.file}" are written already, and TensorBoard shows the first of a run. Use another log directory for another run.`,
  ]);
  await writer.close();
  expect(await allValues(writer.file)).toHaveLength(3);
});

test('a closed writer takes nothing, and closing twice is harmless', async () => {
  await writer.close();
  await writer.close();
  await writer.flush();
  writer.flushSync();
  expect(errorOf(() => writer.addScalar('a', 1, 0))).toEqual([
    'writer-closed',
    `The writer of "${writer.file}" is closed already.`,
  ]);
});

test.each<[SummaryWriterOptions, string]>([
  [
    { flushSecs: -1 },
    'Expected a number of seconds from 0 to 2000000 as the option "flushSecs" of SummaryWriter, got -1.',
  ],
  [{ maxQueue: 0 }, 'Expected a whole number of at least 1 as the option "maxQueue" of SummaryWriter, got 0.'],
  [{ purgeStep: -3 }, 'Expected a whole number from 0 to 2^53 - 1 as the option "purgeStep" of SummaryWriter, got -3.'],
  [
    { filenameSuffix: '/x' },
    'Expected a text without slashes as the option "filenameSuffix" of SummaryWriter, got "/x" (string).',
  ],
  [
    { hostname: 'a/b' },
    'Expected a text without slashes as the option "hostname" of SummaryWriter, got "a/b" (string).',
  ],
  [{ onError: 1 as never }, 'Expected a function as the option "onError" of SummaryWriter, got 1.'],
  [
    { flushSeconds: 1 } as SummaryWriterOptions,
    'SummaryWriter has no option "flushSeconds"; there are filenameSuffix, flushSecs, maxQueue, purgeStep, hostname, scalarFormat, onError.',
  ],
])('the options %j are refused', (options, text) => {
  expect(errorOf(() => new SummaryWriter(tempDir(), options))).toEqual(['invalid-option', text]);
});

test('a log directory that cannot be made is an error of the constructor', () => {
  const file = join(tempDir(), 'file');
  writeFileSync(file, '');
  const [code, text] = errorOf(() => new SummaryWriter(join(file, 'runs')));
  expect(code).toBe('log-dir-not-writable');
  expect(text).toContain(`Cannot make an event file in the log directory "${join(file, 'runs')}": ENOTDIR`);
});
