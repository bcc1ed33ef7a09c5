/** What is written is what is read, for every kind (property tests, seeded). */
import { inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { encodePng, type Pixels, readScalars, SummaryWriter } from 'tensorboard-logger-ts';
import { expect, test } from 'vitest';
import { allEvents, allValues, tempDir } from './support.ts';

const SEED = { seed: 20260, numRuns: 60 };
const step = fc.maxSafeNat();
const tag = fc.string({ unit: 'grapheme', minLength: 1 });
const wallTime = fc.double({ min: 1, max: 4e9, noNaN: true });
const double = fc.double();

/** Writes with a new writer and reads the values back. */
async function written(write: (writer: SummaryWriter) => void) {
  const writer = new SummaryWriter(tempDir());
  write(writer);
  await writer.close();
  return allValues(writer.file);
}

test('scalars: tag, step, wall time and the nearest float32, NaN and infinities too', async () => {
  const points = fc.array(fc.tuple(tag, double, step, wallTime), { maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(points, async (expected) => {
      const writer = new SummaryWriter(tempDir());
      for (const [name, value, at, time] of expected) writer.addScalar(name, value, at, time);
      await writer.close();
      const got = (await allEvents(writer.file)).slice(2);
      expect(got).toEqual(
        expected.map(([name, value, at, time]) => ({
          step: at,
          wallTime: time,
          values: [{ tag: name, plugin: 'scalars', scalar: Math.fround(value) }],
        })),
      );
    }),
    SEED,
  );
});

test('histograms keep their edges and count every finite value once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(double), fc.integer({ min: 1, max: 40 }), step, async (values, bins, at) => {
      let ignored = -1;
      const [value] = await written((writer) => {
        ignored = writer.addHistogram('h', Float64Array.from(values), at, { bins });
      });
      const finite = values.filter(Number.isFinite);
      const histogram = value?.histogram ?? [];
      expect(value).toMatchObject({ tag: 'h', plugin: 'histograms', step: at });
      expect(histogram).toHaveLength(bins);
      expect(histogram.reduce((sum, bin) => sum + bin.count, 0)).toBe(finite.length);
      expect(ignored).toBe(values.length - finite.length);
      if (finite.length === 0) return;
      expect(histogram[0]?.left).toBe(Math.min(...finite));
      expect(histogram.at(-1)?.right).toBe(Math.max(...finite));
      for (const [i, bin] of histogram.entries()) expect(bin.left).toBe(i === 0 ? bin.left : histogram[i - 1]?.right);
    }),
    SEED,
  );
});

test('texts', async () => {
  const texts = fc.oneof(fc.string({ unit: 'grapheme' }), fc.array(fc.string({ unit: 'grapheme' })));
  await fc.assert(
    fc.asyncProperty(texts, step, async (text, at) => {
      const expected = typeof text === 'string' ? [text] : text;
      expect(await written((writer) => writer.addText('t', text, at))).toEqual([
        { tag: 't', plugin: 'text', step: at, texts: expected },
      ]);
    }),
    SEED,
  );
});

const pixels: fc.Arbitrary<Pixels> = fc
  .tuple(
    fc.integer({ min: 1, max: 9 }),
    fc.integer({ min: 1, max: 9 }),
    fc.constantFrom(1 as const, 3 as const, 4 as const),
  )
  .chain(([width, height, channels]) => {
    const size = width * height * channels;
    const data = fc.uint8Array({ minLength: size, maxLength: size });
    return data.map((bytes) => ({ width, height, channels, data: bytes }));
  });

test('images keep every pixel', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(pixels, { minLength: 1, maxLength: 3 }), step, async (images, at) => {
      const [value] = await written((writer) => writer.addImages('i', images, at));
      expect(value).toMatchObject({ tag: 'i', plugin: 'images', step: at });
      expect(value?.images?.map(({ bytes }) => unpackPng(bytes))).toEqual(
        images.map(({ channels, data, ...size }) => ({ ...size, colorType: { 1: 0, 3: 2, 4: 6 }[channels], data })),
      );
      expect(value?.images?.[0]).toMatchObject({ width: images[0]?.width, height: images[0]?.height });
    }),
    SEED,
  );
});

test('pixels given as PNG are passed on as they are', async () => {
  const png = encodePng({ width: 2, height: 1, channels: 1, data: Uint8Array.of(0, 255) });
  const [value] = await written((writer) => writer.addImage('i', new Uint8Array(png), 3));
  expect(value?.images).toEqual([{ width: 2, height: 1, bytes: png }]);
});

test('hyper-parameters, their metrics and the end of the session', async () => {
  const value = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
  );
  const hparams = fc.dictionary(fc.string({ minLength: 1 }), value, { noNullPrototype: true });
  const status = fc.constantFrom('success' as const, 'failure' as const, 'running' as const);
  await fc.assert(
    fc.asyncProperty(hparams, fc.array(tag), fc.string(), status, async (given, metrics, groupName, end) => {
      const writer = new SummaryWriter(tempDir());
      writer.addHparams(given, metrics, { groupName });
      await writer.close(end);
      expect((await allValues(writer.file)).map(({ hparams: part }) => part)).toEqual([
        { part: 'experiment', names: Object.keys(given), metrics },
        { part: 'session-start', hparams: given, groupName },
        // A run that goes on has no end yet.
        ...(end === 'running' ? [] : [{ part: 'session-end', status: end }]),
      ]);
    }),
    SEED,
  );
});

test('metric values of hyper-parameters are scalars, and numbers that JSON lacks become text', async () => {
  const writer = new SummaryWriter(tempDir());
  writer.addHparams({ clip: Number.POSITIVE_INFINITY }, { accuracy: 0.5 }, { step: 7 });
  writer.addHparams({ clip: Number.POSITIVE_INFINITY }, { accuracy: 0.75 }, { step: 8 });
  await writer.close();
  const values = await allValues(writer.file);
  expect(values.map(({ tag: name }) => name)).toEqual([
    '_hparams_/experiment',
    '_hparams_/session_start_info',
    'accuracy',
    'accuracy',
    '_hparams_/session_end_info',
  ]);
  expect(values[1]?.hparams).toEqual({ part: 'session-start', hparams: { clip: 'Infinity' }, groupName: '' });
  const curve = (await readScalars(writer.file)).accuracy;
  expect(curve?.map((point) => [point.step, point.value])).toEqual([
    [7, 0.5],
    [8, 0.75],
  ]);
});

test('addScalars writes one tag per key', async () => {
  const values = await written((writer) => writer.addScalars('loss', { train: 1, val: 2 }, 5));
  expect(values).toEqual([
    { tag: 'loss/train', plugin: 'scalars', step: 5, scalar: 1 },
    { tag: 'loss/val', plugin: 'scalars', step: 5, scalar: 2 },
  ]);
});

/** A PNG decoder for what the encoder makes: one IDAT chunk, no filters. */
function unpackPng(png: Uint8Array) {
  const bytes = Buffer.from(png);
  const [width, height] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
  const rows = inflateSync(bytes.subarray(41, 41 + bytes.readUInt32BE(33)));
  const stride = rows.length / height;
  const data = new Uint8Array((stride - 1) * height);
  for (let y = 0; y < height; y++) data.set(rows.subarray(y * stride + 1, (y + 1) * stride), y * (stride - 1));
  return { width, height, colorType: bytes[25], data };
}
