/** A file of another runtime as a teacher: it is asked before each batch, wherever a batch is looked at. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  checkTeacher,
  convert,
  evaluateDistillation,
  exportStudent,
  LogitsDistillationLoss,
  type OnnxRuntime,
  onnxTeacher,
  startEngine,
  Trainer,
  tf,
} from 'kelvin';
import { beforeAll, expect, test } from 'vitest';
import { bare } from '../support/boring.ts';
import { freshDirectory } from '../support/files.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { type Batch, batches, network, weightsOf } from './support.ts';

assertFileLeaksNothing();
beforeAll(() => startEngine({ engine: 'wasm' }));

/** A runtime whose files are all this model, in the form in which onnxruntime-node is used. It notes what it was given. */
function runtimeOf(model: tf.LayersModel, given: (readonly number[])[] = []): () => Promise<OnnxRuntime> {
  class Tensor {
    readonly data: Float32Array;
    readonly dims: readonly number[];
    constructor(_type: string, data: Float32Array, dims: readonly number[]) {
      [this.data, this.dims] = [data, dims];
    }
  }
  const run = async ({ x }: Record<string, Tensor>) => {
    const { data, dims } = x as Tensor;
    given.push(dims);
    const logits = tf.tidy(() => {
      const answer = model.apply(tf.tensor(data, [...dims])) as tf.Tensor;
      return { data: answer.dataSync().slice(), dims: answer.shape };
    });
    return { logits };
  };
  const create = async () => ({ inputNames: ['x'], outputNames: ['logits'], run });
  return async () => ({ Tensor, InferenceSession: { create } }) as unknown as OnnxRuntime;
}

function modelFile(): string {
  const file = join(freshDirectory(), 'net.onnx');
  writeFileSync(file, Buffer.alloc(1234));
  return file;
}

test('a student learns from it as from the network itself', async () => {
  const teacher = network(7);
  const given: (readonly number[])[] = [];
  const taughtBy = async (options: Partial<Parameters<typeof convert>[1]>) => {
    const [student, data] = [network(1), batches(2)];
    const criterion = new LogitsDistillationLoss();
    const distiller = await convert(student, { teacherModel: teacher, criterion, ...options });
    await expectNoLeak(() => new Trainer({ ...bare, maxEpochs: 2 }).fit(distiller, data).then(() => {}));
    const weights = weightsOf(student);
    exportStudent(distiller);
    student.dispose();
    tf.dispose(data as never);
    return weights;
  };
  const own = await taughtBy({});
  const byFile = await taughtBy({
    teacherModel: 'file:///models/net.onnx',
    onnxRuntime: runtimeOf(teacher, given),
  });
  expect(byFile).toEqual(own);
  expect(given).toEqual(Array(4).fill([6, 4]));
  teacher.dispose();
});

test('images are turned to channels first where it wants them so', async () => {
  const model = tf.sequential({ layers: [tf.layers.flatten({ inputShape: [2, 3, 1] })] });
  const source = await onnxTeacher(modelFile(), { layout: 'nchw', runtime: runtimeOf(model) });
  const x = tf.tensor4d([1, 2, 3, 4, 5, 6], [1, 3, 1, 2]);
  await expectNoLeak(async () => {
    await source.prepare?.({ x }, 0);
    const answer = tf.tidy(() => source.outputs(x, [''], { batch: { x }, temperature: 1 }).get('')?.dataSync());
    expect([...(answer ?? [])]).toEqual([1, 3, 5, 2, 4, 6]);
  });
  source.dispose?.();
  x.dispose();
});

test('it is asked by checkTeacher and evaluateDistillation, and compared with networks', async () => {
  const [teacher, student] = [network(7), network(1)];
  const file = modelFile();
  const source = await onnxTeacher(file, { runtime: runtimeOf(teacher) });
  const distiller = await convert(student, { teacherModel: source, criterion: new LogitsDistillationLoss() });
  const byNetwork = await convert(student, { teacherModel: teacher, criterion: new LogitsDistillationLoss() });
  const judged = (taught: typeof distiller) =>
    expectNoLeak(() => checkTeacher(taught, batches() as never).catch((error: Error) => error.message));
  expect(await judged(distiller)).toEqual(await judged(byNetwork));

  const timing = { runs: 2, warmUp: 0 };
  const models = { onnx: source, teacher, student };
  const report = await expectNoLeak(() => evaluateDistillation(models, batches() as never, timing));
  expect(report.rows.map(({ agreement }) => agreement.value)).toEqual([1, 1, expect.any(Number)]);
  expect(report.rows[0]).toMatchObject({ bytes: 1234, parameters: undefined, macs: undefined });
  expect(report.rows[0]?.errors.value).toBe(report.rows[1]?.errors.value);
  expect(report.sizeReduction(report.rows[1] as never)).toBe(1234 / (4 * 43));
  expect(report.toTable()).toMatch(/^onnx .* \? /m);
  expect(report.toHTML()).toContain('<b>student</b> is ');
  exportStudent(distiller);
  teacher.dispose();
  student.dispose();
});

test('answers to another batch are never given', async () => {
  const teacher = network(7);
  const source = await onnxTeacher(modelFile(), { runtime: runtimeOf(teacher) });
  const [first, second] = batches(2) as [Batch, Batch];
  const ask = (x: tf.Tensor, batch: unknown) => () =>
    tf.tidy(() => void source.outputs(x, [''], { batch, temperature: 1 }));
  expect(await messageFrom(ask(first.x, first))).toMatch(/teacher-not-prepared.*has not been asked of a batch/);
  await source.prepare?.(first, 0);
  expect(await messageFrom(ask(first.x, first))).toBe('nothing was thrown');
  expect(await messageFrom(ask(first.x, { x: first.x })), 'a loop of the user').toBe('nothing was thrown');
  expect(await messageFrom(ask(second.x, second))).toMatch(/teacher-not-prepared.*has not been asked of this batch/);
  source.dispose?.();
  tf.dispose([first, second] as never);
  teacher.dispose();
});
