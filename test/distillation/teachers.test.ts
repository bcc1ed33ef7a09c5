/** Every way to name a teacher, several teachers as one, and the checks of who teaches whom. */
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  checkTeacher,
  convert,
  ensembleTeacher,
  ImageClassificationModel,
  LogitsDistillationLoss,
  loadTeacher,
  StaticLossBalancer,
  startEngine,
  type TeacherGraphModel,
  type TeacherSource,
  Trainer,
  tf,
} from 'kelvin';
import { beforeAll, expect, test } from 'vitest';
import { bare } from '../support/boring.ts';
import { freshDirectory } from '../support/files.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { batches, network } from './support.ts';

assertFileLeaksNothing();
beforeAll(() => startEngine({ engine: 'wasm' }));

const X = [
  [1, 0, -1, 2],
  [0.5, 0.25, 3, -1],
];
const context = { batch: undefined, temperature: 1 };
const ask = (source: TeacherSource, taps = ['']): number[] =>
  tf.tidy(() => [
    ...(source.outputs(tf.tensor2d(X), taps, context).get(taps.at(-1) as string) as tf.Tensor).dataSync(),
  ]);
const outputOf = (model: tf.LayersModel): number[] =>
  tf.tidy(() => [...(model.apply(tf.tensor2d(X)) as tf.Tensor).dataSync()]);

/** Writes a model as tfjs-node's file handler would. */
async function saved(model: tf.LayersModel, format = 'layers-model'): Promise<string> {
  const directory = freshDirectory();
  await model.save(
    tf.io.withSaveHandler(async ({ modelTopology, weightSpecs, weightData }) => {
      const weightsManifest = [{ paths: ['a.bin', 'b.bin'], weights: weightSpecs }];
      writeFileSync(join(directory, 'model.json'), JSON.stringify({ format, modelTopology, weightsManifest }));
      const bytes = Buffer.from(weightData as ArrayBuffer);
      writeFileSync(join(directory, 'a.bin'), bytes.subarray(0, 40));
      writeFileSync(join(directory, 'b.bin'), bytes.subarray(40));
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' as const } };
    }),
  );
  return pathToFileURL(join(directory, 'model.json')).href;
}

test('an instance is left to its owner; what is made or loaded is freed', async () => {
  const model = network(7);
  const url = await saved(model);
  const expected = outputOf(model);
  const specs = {
    instance: model,
    factory: () => network(7),
    asynchronous: async () => network(7),
    withArguments: [network, 7] as const,
    file: url,
  };
  for (const [name, spec] of Object.entries(specs)) {
    await expectNoLeak(async () => {
      const source = await loadTeacher(spec);
      expect(ask(source), name).toEqual(expected);
      expect(ask(source, ['', 'hidden']), name).toHaveLength(10);
      expect(source.fingerprint?.(), name).toMatch(/^[0-9a-f]{64}$/);
      source.dispose?.();
    });
  }
  expect(outputOf(model)).toEqual(expected);
  const other = network(8);
  const prints = await Promise.all(
    [specs.factory, network(7), other].map(async (each) => {
      const source = await loadTeacher(each);
      const print = source.fingerprint?.();
      source.dispose?.();
      if (each instanceof tf.LayersModel && each !== other) each.dispose();
      return print;
    }),
  );
  expect(prints[0]).toBe(prints[1]);
  expect(prints[2]).not.toBe(prints[0]);
  model.dispose();
  other.dispose();
});

test('a graph model answers by node names', async () => {
  const model = network(7);
  const url = await saved(model, 'graph-model');
  const graph: TeacherGraphModel = {
    inputs: [{ name: 'images', shape: [-1, 4] }],
    outputs: [{ name: 'logits', shape: [-1, 3] }],
    execute: (inputs, names) =>
      (names as string[]).map((name) =>
        name === 'logits' ? (model.apply(inputs.images as tf.Tensor) as tf.Tensor) : tf.scalar(5),
      ),
    dispose: () => model.dispose(),
  };
  const source = await loadTeacher(url, { loadGraphModel: async () => graph });
  expect(source.classes).toBe(3);
  await expectNoLeak(() => {
    expect(ask(source)).toEqual(outputOf(model));
    expect(ask(source, ['', 'node'])).toEqual([5]);
  });
  source.dispose?.();
});

test('several teachers: means of probabilities at the temperature, or of logits', async () => {
  const fixed = (...logits: number[]): TeacherSource => ({
    name: 'fixed',
    outputs: () => new Map([['', tf.tensor2d([logits])]]),
  });
  const [a, b] = [
    [1, 2, 4],
    [0, 5, -1],
  ] as const;
  const T = 3;
  const at = { ...context, temperature: T };
  const answer = (source: TeacherSource) =>
    tf.tidy(() => [...(source.outputs(tf.zeros([1]), [''], at).get('') as tf.Tensor).dataSync()]);
  const soften = (row: readonly number[]) => {
    const powers = row.map((z) => Math.exp(z / T));
    return powers.map((p) => p / powers.reduce((x, y) => x + y));
  };
  const logits = answer(ensembleTeacher([fixed(...a), fixed(...b)], { average: 'logits', weights: [3, 1] }));
  for (const [c, z] of a.entries()) expect(logits[c]).toBeCloseTo(0.75 * z + 0.25 * (b[c] as number), 5);
  const mixed = soften(answer(ensembleTeacher([fixed(...a), fixed(...b)])));
  const mean = soften(a).map((p, c) => (p + (soften(b)[c] as number)) / 2);
  for (const [c, p] of mean.entries()) expect(mixed[c]).toBeCloseTo(p, 5);
  expect(await messageFrom(() => ensembleTeacher([]))).toContain('at least one teacher');
});

test('what cannot teach says why', async () => {
  const empty = pathToFileURL(join(freshDirectory(), 'none.json')).href;
  const model = network(7);
  const broken = await saved(model);
  const path = new URL(broken);
  writeFileSync(path, readFileSync(path, 'utf8').replace('modelTopology', 'topology'));
  const text = async (spec: unknown) =>
    (await messageFrom(() => loadTeacher(spec as never))).replaceAll(/\S*\/(?=\w+\.(json|onnx))/g, '');
  expect([
    await text(3),
    await text('https://example.org/model.json'),
    await text([1, 2]),
    await text(empty),
    await text(broken),
  ]).toMatchInlineSnapshot(`
    [
      "ConfigError [invalid-teacher] The teacher: expected a model, a module with \`forward\`, a function that makes one, [function, ...arguments] or a file:// URL, got 3 (number).",
      "ConfigError [invalid-teacher] The teacher: expected a model, a module with \`forward\`, a function that makes one, [function, ...arguments] or a file:// URL, got model.json' (string).",
      "ConfigError [invalid-teacher] The teacher: expected a model, a module with \`forward\`, a function that makes one, [function, ...arguments] or a file:// URL, got [1,2] (array).",
      "DataError [model-file] none.json cannot be read: got ENOENT: no such file or directory, open none.json'.",
      "DataError [model-file] model.json is no tfjs model: expected JSON with \`modelTopology\` and \`weightsManifest\`, got the keys format, topology, weightsManifest.",
    ]
  `);
  expect(await text('file:///models/net.onnx')).toContain('npm install onnxruntime-node');
  model.dispose();
});

test('a teacher that knows less than its student is found out', async () => {
  const good = new ImageClassificationModel({ encoder: network(1), head: 'none', classes: 3 });
  const bad: TeacherSource = { name: 'bad', outputs: (x) => new Map([['', tf.zeros([x.shape[0] as number, 3])]]) };
  const labelled = () =>
    tf.tidy(() => {
      const x = tf.randomNormal([30, 4], 0, 1, 'float32', 3);
      return [{ x, y: tf.argMax(good.forward(x), 1) }];
    });
  const criterion = new LogitsDistillationLoss();
  const distiller = await convert(good, { teacherModel: bad, criterion });
  expect(await messageFrom(() => checkTeacher(distiller, labelled()))).toContain('[teacher-worse]');
  expect(distiller.training).toBe(true);
  const turned = await convert(network(2), { teacherModel: good, criterion });
  expect(await checkTeacher(turned, labelled())).toMatchObject({ teacher: 1 });
  turned.student.dispose();
  good.dispose();
});

test('a teacher trained with label smoothing is warned of, and one that changes while it teaches is an error', async () => {
  const warned = once(process, 'warning');
  const teacher = new ImageClassificationModel({ encoder: network(7), head: 'none', classes: 3, labelSmoothing: 0.1 });
  const student = network(1);
  const distiller = await convert(student, {
    teacherModel: teacher,
    criterion: new LogitsDistillationLoss(),
    lossBalancer: new StaticLossBalancer(),
  });
  const data = batches(1);
  const change = {
    onTrainBatchEnd: () => tf.tidy(() => (teacher.parameters()[0] as tf.Variable).assign(tf.zeros([4, 5]))),
  };
  const fit = () => new Trainer({ ...bare, maxEpochs: 1, callbacks: change as never }).fit(distiller, data);
  expect(await messageFrom(fit)).toContain('[teacher-changed]');
  expect(await warned).toMatchObject([{ code: 'teacher-with-label-smoothing' }]);
  for (const each of [teacher, student]) each.dispose();
  tf.dispose(data as never);
});
