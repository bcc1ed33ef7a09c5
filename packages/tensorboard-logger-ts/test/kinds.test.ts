/** The kinds beyond scalars and histograms: what is written is what is read (property tests, seeded), and refusals. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import {
  Canvas,
  drawBoxes,
  encodeWav,
  type GraphNode,
  imageGrid,
  markdownTable,
  type Pixels,
  prCurve,
  SummaryWriter,
  TensorBoardWriterError,
  textWidth,
} from 'tensorboard-logger-ts';
import { expect, test } from 'vitest';
import { allEvents, allValues, tempDir } from './support.ts';

const SEED = { seed: 20261, numRuns: 40 };
const name = fc.string({ unit: 'grapheme', minLength: 1 });

async function written(write: (writer: SummaryWriter) => void) {
  const writer = new SummaryWriter(tempDir());
  write(writer);
  await writer.close();
  return allValues(writer.file);
}

function textOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof TensorBoardWriterError) return `${error.code}: ${error.message}`;
    throw error;
  }
  throw new Error('It did not throw.');
}

const samples = fc.array(fc.tuple(fc.boolean(), fc.double({ min: 0, max: 1, noNaN: true })), { minLength: 1 });

test('precision and recall are what counting each threshold gives', async () => {
  await fc.assert(
    fc.asyncProperty(samples, fc.integer({ min: 2, max: 40 }), async (pairs, thresholds) => {
      const labels = pairs.map(([label]) => label);
      const scores = pairs.map(([, score]) => score);
      const [value] = await written((writer) => writer.addPrCurve('p', labels, scores, 3, { thresholds }));
      const curve = value?.prCurve;
      for (let i = 0; i < thresholds; i++) {
        const positive = (j: number) => Math.floor((scores[j] ?? 0) * (thresholds - 1)) >= i;
        const count = (label: boolean, taken: boolean) =>
          labels.filter((is, j) => is === label && positive(j) === taken).length;
        const [tp, fp, tn, fn] = [count(true, true), count(false, true), count(false, false), count(true, false)];
        expect([curve?.truePositives[i], curve?.falsePositives[i]]).toEqual([tp, fp]);
        expect([curve?.trueNegatives[i], curve?.falseNegatives[i]]).toEqual([tn, fn]);
        expect(curve?.precision[i]).toBeCloseTo(tp / Math.max(1e-7, tp + fp), 6);
        expect(curve?.recall[i]).toBeCloseTo(tp / Math.max(1e-7, tp + fn), 6);
      }
    }),
    SEED,
  );
});

test('weights count samples several times', () => {
  const once = prCurve([true, true, false, false], [0.5, 0.5, 0.2, 0.7], 11);
  expect(prCurve([true, false, false], [0.5, 0.2, 0.7], 11, [2, 1, 1])).toEqual(once);
});

test('sounds keep every sample', async () => {
  const data = fc.array(fc.integer({ min: -32768, max: 32767 }), { minLength: 2 });
  await fc.assert(
    fc.asyncProperty(data, fc.integer({ min: 1, max: 2 }), async (given, channels) => {
      const even = Int16Array.from(given.slice(0, given.length - (given.length % channels)));
      const [value] = await written((writer) => writer.addAudio('a', { sampleRate: 44100, channels, data: even }, 0));
      const wav = Buffer.from(value?.audio?.[0] ?? []);
      expect([wav.readUInt16LE(22), wav.readUInt32LE(24), wav.readUInt32LE(40)]).toEqual([
        channels,
        44100,
        2 * even.length,
      ]);
      expect(Array.from(even, (_, i) => wav.readInt16LE(44 + 2 * i))).toEqual([...even]);
    }),
    SEED,
  );
});

test('a sound is clipped to its range, and NaN is silence', () => {
  const wav = encodeWav({ sampleRate: 8000, data: [2, -2, Number.NaN, Number.POSITIVE_INFINITY] });
  expect([0, 1, 2, 3].map((i) => wav.readInt16LE(44 + 2 * i))).toEqual([32767, -32767, 0, 32767]);
});

test('meshes keep their points, and later steps too', async () => {
  const floats = fc.float({ noNaN: true });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(floats, floats, floats), { minLength: 1, maxLength: 9 }), async (points) => {
      const vertices = points.flat();
      const colors = vertices.map((_, i) => i % 256);
      const faces = [0, 0, points.length - 1];
      const values = await written((writer) => {
        for (const step of [0, 1]) writer.addMesh('m', { vertices, colors, faces }, step);
      });
      const parts = { m_VERTEX: ['vertices', vertices], m_FACE: ['faces', faces], m_COLOR: ['colors', colors] };
      expect(values).toEqual(
        [0, 1].flatMap((step) =>
          Object.entries(parts).map(([tag, [part, of]]) => ({ tag, plugin: 'mesh', step, mesh: { part, values: of } })),
        ),
      );
    }),
    SEED,
  );
});

test('layouts', async () => {
  const margin = fc.record({ value: name, lower: name, upper: name });
  const chart = fc.oneof(fc.array(name), fc.record({ margins: fc.array(margin) }));
  const keys = fc.string({ minLength: 1 }).filter((key) => key !== '__proto__');
  const layout = fc.dictionary(keys, fc.dictionary(keys, chart, { noNullPrototype: true }), { noNullPrototype: true });
  await fc.assert(
    fc.asyncProperty(layout, async (given) => {
      expect((await written((writer) => writer.addCustomScalars(given)))[0]?.layout).toEqual(given);
    }),
    SEED,
  );
});

test('graphs', async () => {
  const node = fc.record({
    op: name,
    attributes: fc.dictionary(
      fc.string({ minLength: 1 }).filter((key) => key !== '__proto__'),
      fc.oneof(
        name,
        fc.boolean(),
        fc.nat(),
        fc
          .float({ noNaN: true })
          .map(Math.abs)
          .filter((x) => !Number.isInteger(x)),
      ),
      { noNullPrototype: true },
    ),
    outputShape: fc.array(fc.option(fc.nat())),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(node), async (given) => {
      const nodes: GraphNode[] = given.map((rest, i) => ({
        name: `n${i}`,
        inputs: i > 0 ? [`n${i - 1}`] : [],
        ...rest,
      }));
      const writer = new SummaryWriter(tempDir());
      writer.addGraph(nodes);
      await writer.close();
      expect((await allEvents(writer.file))[2]?.graph).toEqual(nodes);
    }),
    SEED,
  );
});

test('an embedding is a table, labels, a sprite and a configuration; one of the same name replaces it', async () => {
  const writer = new SummaryWriter(tempDir());
  const images = [0, 1, 2].map((i): Pixels => ({ width: 2, height: 2, channels: 1, data: new Uint8Array(4).fill(i) }));
  await writer.addEmbedding(
    'a/b',
    [
      [1, 2],
      [3, 4],
      [5, 0.1],
    ],
    { labels: ['x', 'y\tz', 3], images, step: 7 },
  );
  await writer.addEmbedding('other', [Float32Array.of(1)], { labels: [{ name: 'p', size: 2 }] });
  await writer.addEmbedding('other', [Float32Array.of(2)], { labels: [{ name: 'p', size: 2 }] });
  await writer.close();
  const text = (path: string) => readFileSync(join(writer.logDir, path), 'utf8');
  expect(text('embeddings/a_b-00007/tensors.tsv')).toBe('1\t2\n3\t4\n5\t0.1\n');
  expect(text('embeddings/a_b-00007/metadata.tsv')).toBe('x\ny z\n3\n');
  expect(existsSync(join(writer.logDir, 'embeddings/a_b-00007/sprite.png'))).toBe(true);
  expect(text('embeddings/other-00000/tensors.tsv')).toBe('2\n');
  expect(text('embeddings/other-00000/metadata.tsv')).toBe('name\tsize\np\t2\n');
  expect(text('projector_config.pbtxt')).toBe(`embeddings {
  tensor_name: "a/b:7"
  tensor_shape: 3
  tensor_shape: 2
  tensor_path: "embeddings/a_b-00007/tensors.tsv"
  metadata_path: "embeddings/a_b-00007/metadata.tsv"
  sprite { image_path: "embeddings/a_b-00007/sprite.png" single_image_dim: 2 single_image_dim: 2 }
}
embeddings {
  tensor_name: "other:0"
  tensor_shape: 1
  tensor_shape: 1
  tensor_path: "embeddings/other-00000/tensors.tsv"
  metadata_path: "embeddings/other-00000/metadata.tsv"
}
`);
});

test('an embedding that the disk does not take is reported once and ends nothing', async () => {
  const errors: string[] = [];
  const writer = new SummaryWriter(tempDir(), { onError: (error) => errors.push(error.code) });
  writeFileSync(join(writer.logDir, 'embeddings'), 'a file where a directory should be');
  await writer.addEmbedding('a', [[1]]);
  await writer.addEmbedding('b', [[1]]);
  await writer.close();
  expect([errors, writer.writeErrors]).toEqual([['write-failed'], 2]);
});

test('tables are Markdown, whatever is in the cells', () => {
  expect(
    markdownTable(
      ['a', 'b|c'],
      [
        [1, 'x\ny'],
        [true, ''],
      ],
    ),
  ).toBe('| a | b\\|c |\n| --- | --- |\n| 1 | x<br>y |\n| true |  |');
});

test('pictures are put into rows, and boxes on pictures', () => {
  const dot = (value: number): Pixels => ({ width: 1, height: 1, channels: 1, data: Uint8Array.of(value) });
  const grid = imageGrid([dot(10), dot(20), dot(30)], { columns: 2, padding: 1, background: [0, 0, 0] });
  expect([grid.width, grid.height]).toEqual([5, 5]);
  const red = Array.from({ length: 25 }, (_, i) => grid.data[3 * i]);
  expect(red.flatMap((value, i) => (value === 0 ? [] : [[i, value]]))).toEqual([
    [6, 10],
    [8, 20],
    [16, 30],
  ]);
  const boxed = drawBoxes(new Canvas(6, 6, [9, 9, 9]), [{ left: 1, top: 1, right: 5, bottom: 5, color: [1, 2, 3] }]);
  expect(Array.from({ length: 6 }, (_, y) => Array.from({ length: 6 }, (_, x) => boxed.data[3 * (6 * y + x)]))).toEqual(
    [
      [9, 9, 9, 9, 9, 9],
      [9, 1, 1, 1, 1, 9],
      [9, 1, 9, 9, 1, 9],
      [9, 1, 9, 9, 1, 9],
      [9, 1, 1, 1, 1, 9],
      [9, 9, 9, 9, 9, 9],
    ],
  );
});

test('letters are drawn point by point, and transparent pixels show what is below', () => {
  const canvas = new Canvas(textWidth('1l'), 5, [0, 0, 0]).text('1l', 0, 0, [1, 1, 1]);
  const rows = Array.from({ length: 5 }, (_, y) =>
    Array.from({ length: 7 }, (_, x) => canvas.data[3 * (7 * y + x)]).join(''),
  );
  expect(rows).toEqual(['0100100', '1100100', '0100100', '0100100', '1110111']);
  const half: Pixels = { width: 1, height: 1, channels: 4, data: Uint8Array.of(200, 100, 0, 51) };
  expect([...new Canvas(1, 1, [100, 100, 100]).image(half, 0, 0).data]).toEqual([120, 100, 80]);
});

test('wrong arguments are refused with a text', async () => {
  await using writer = new SummaryWriter(tempDir());
  expect(textOf(() => writer.addPrCurve('p', [1], [1.5], 0))).toBe(
    'invalid-value: Expected predictions from 0 to 1, got 1.5 at 0.',
  );
  expect(textOf(() => writer.addPrCurve('p', [1], [], 0))).toBe(
    'invalid-value: Expected one prediction (and weight) for each label, got lengths 1, 0.',
  );
  writer.addPrCurve('p', [1], [1], 0, { thresholds: 5 });
  expect(textOf(() => writer.addPrCurve('p', [1], [1], 0))).toBe(
    'tag-kind-mismatch: The tag "p" (pr_curves) cannot change its number of points, thresholds or settings: TensorBoard takes those of its first value.',
  );
  expect(textOf(() => writer.addAudio('a', Uint8Array.of(1, 2), 0))).toBe(
    'invalid-value: Expected samples or the bytes of a WAV file, got 2 bytes that are no WAV file.',
  );
  expect(textOf(() => writer.addAudio('a', { sampleRate: 0, data: [] }, 0))).toBe(
    'invalid-value: Expected a whole number of samples per second, got 0.',
  );
  expect(textOf(() => writer.addMesh('m', { vertices: [1, 2] }, 0))).toBe(
    'invalid-value: Expected three coordinates for each of at least one vertex, got 2 numbers.',
  );
  expect(textOf(() => writer.addMesh('m', { vertices: [1, 2, 3], faces: [0, 0, 1] }, 0))).toBe(
    'invalid-value: Expected three vertex numbers from 0 to 0 for each face, got 3 numbers.',
  );
  expect(textOf(() => writer.addGraph([{ name: 'a', op: 'x', inputs: ['b'] }]))).toBe(
    'invalid-value: The node "a" takes from "b" (string), which is no node.',
  );
  writer.addGraph([{ name: 'a', op: 'x' }]);
  expect(textOf(() => writer.addGraph([{ name: 'a', op: 'x' }]))).toBe(
    `graph-already-written: The run in "${writer.logDir}" has a graph already.`,
  );
  expect(textOf(() => writer.describe('p', { description: 'late' }))).toBe(
    'tag-already-written: The tag "p" has values already, and TensorBoard takes what the first of them says. Describe it before that.',
  );
  expect(textOf(() => writer.addEmbedding('e', [[1], [1, 2]]))).toBe(
    'invalid-value: Expected at least one vector, and all of one length.',
  );
  expect(textOf(() => writer.addEmbedding('e', [[1]], { labels: [] }))).toBe(
    'invalid-value: Expected as many labels as vectors (1), got 0.',
  );
  expect(textOf(() => markdownTable(['a'], [[1, 2]]))).toBe('invalid-value: Expected 1 cells in a row, got 2.');
  expect(textOf(() => writer.addCustomScalars({ a: { b: { margin: [] } as never } }))).toBe(
    'invalid-value: Expected tags or { margins: [{ value, lower, upper }] } as the chart "b", got [object Object] (object).',
  );
});
