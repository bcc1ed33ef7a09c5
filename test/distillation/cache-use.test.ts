/** A cached teacher in use: as good as the network bit for bit, never misaligned, small formats within bounds. */
import { join } from 'node:path';
import {
  cacheTeacherLogits,
  convert,
  DataLoader,
  DistillationModule,
  exportStudent,
  type ImageBatch,
  LogitsDistillationLoss,
  losses,
  openLogitCache,
  randomShift,
  randomSplit,
  startEngine,
  type Teacher,
  Trainer,
  tf,
  viewsOf,
} from 'kelvin';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bare } from '../support/boring.ts';
import { freshDirectory } from '../support/files.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { imageNet, images, weightsOf } from './cache-support.ts';

assertFileLeaksNothing();
const directory = freshDirectory();
let teacher: tf.LayersModel;
beforeAll(async () => {
  await startEngine({ engine: 'wasm' });
  teacher = imageNet(7, 12);
});
afterAll(() => teacher.dispose());

const data = images(50);
const loaderOf = (options = {}) => new DataLoader<ImageBatch>(data as never, { batchSize: 16, seed: 3, ...options });
const shifting = { transform: randomShift({ pixels: 1 }) };

/** The weights of a student after some epochs of learning from a teacher. */
async function taught(source: Teacher, options: object = {}, trainer: object = {}): Promise<number[][]> {
  const student = new DistillationModule({
    ...{ encoder: imageNet(1, 6), head: 'none', classes: 4, teacher: source, alpha: 0.7, temperature: 3 },
    learningRate: 0.01,
  });
  await new Trainer({ ...bare, maxEpochs: 3, ...trainer }).fit(student, {
    train: loaderOf({ shuffle: true, ...options }),
  });
  const weights = weightsOf(student.net);
  student.dispose();
  return weights;
}

describe('in place of the network', () => {
  test('a shuffled fit ends with the same weights', async () => {
    const cache = await cacheTeacherLogits(teacher, loaderOf(), { file: join(directory, 'plain.logits') });
    const online = await taught(teacher);
    expect(await taught(cache)).toEqual(online);
    expect(await taught(cache, {}, { compile: false })).toEqual(await taught(teacher, {}, { compile: false }));
    expect(await taught(cache, { batchSize: 7 }, { accumulateGradBatches: 2 })).toEqual(
      await taught(teacher, { batchSize: 7 }, { accumulateGradBatches: 2 }),
    );
    expect(await taught(cache, { seed: 99, workers: 1 })).toEqual(await taught(teacher, { seed: 99 }));
    expect(cache.fingerprint()).toBe(
      (await openLogitCache(join(directory, 'plain.logits'), { teacher })).header.teacher.sha256,
    );
    cache.dispose();
  });

  test('convert takes it, by its URL as well, and a resumed run goes on within an epoch', async () => {
    const file = join(directory, 'resume.logits');
    (await cacheTeacherLogits(() => imageNet(7, 12), loaderOf(shifting), { file, epochs: 2 })).dispose();
    const run = async (teacherModel: Teacher | string, steps: number, ckptPath?: string) => {
      const net = imageNet(1, 6);
      const criterion = new LogitsDistillationLoss({ temperature: 2 });
      const distiller = await convert(net, { teacherModel, criterion, training: { lrSchedule: 'constant' } });
      const trainer = new Trainer({ ...bare, maxEpochs: 2, maxSteps: steps });
      await trainer.fit(distiller, { train: loaderOf({ shuffle: true, ...shifting }), ckptPath });
      const saved = join(directory, 'mid.ckpt');
      if (steps < 8) await trainer.saveCheckpoint(saved);
      exportStudent(distiller);
      const weights = weightsOf(net);
      net.dispose();
      return { weights, saved };
    };
    const online = await run(teacher, 8);
    expect((await run(`file://${file}`, 8)).weights).toEqual(online.weights);
    const { saved } = await run(`file://${file}`, 6);
    expect((await run(`file://${file}`, 8, saved)).weights).toEqual(online.weights);
  });

  test('parts of a data set find their samples; `viewEpochs` shows the same views again', async () => {
    const file = join(directory, 'parts.logits');
    const cache = await cacheTeacherLogits(teacher, loaderOf(shifting), { file, epochs: 2 });
    const [part] = randomSplit(data, [0.5, 0.5], 1);
    const loader = new DataLoader<ImageBatch>(part as never, {
      ...{ batchSize: 8, seed: 3, shuffle: true, viewEpochs: 2, ...shifting },
    });
    const seen: number[] = [];
    for (let epoch = 0; epoch < 4; epoch++) {
      for await (const batch of loader) {
        seen.push(viewsOf(batch)?.epoch as number);
        const online = tf.tidy(() => (teacher.predict(batch.x) as tf.Tensor).dataSync());
        expect([...cache.logitsOf(batch)]).toEqual([...online]);
        tf.dispose(batch as never);
      }
    }
    expect([...new Set(seen)]).toEqual([0, 1]);
    expect(seen).toHaveLength(16);
    cache.dispose();
  });
});

describe('what does not fit is refused', () => {
  const firstOf = async (loader: DataLoader<ImageBatch>, use: (batch: ImageBatch) => Promise<string>) => {
    for await (const batch of loader) return use(batch).finally(() => tf.dispose(batch as never));
    return 'there was no batch';
  };

  test('with both hashes', async () => {
    const [plain, moved] = [join(directory, 'a.logits'), join(directory, 'b.logits')];
    const cache = await cacheTeacherLogits(teacher, loaderOf(), { file: plain });
    const augmented = await cacheTeacherLogits(teacher, loaderOf(shifting), { file: moved });
    const other = imageNet(8, 12);
    const message = await messageFrom(() => openLogitCache(plain, { teacher: other }));
    expect(message).toMatch(/DataError \[other-teacher\] .* expected teacher [0-9a-f]{64}.*, got [0-9a-f]{64}/);
    expect(await messageFrom(() => cacheTeacherLogits(other, loaderOf(), { file: plain }))).toBe(message);
    other.dispose();

    const asked = (of: typeof cache, options: object, samples = data) =>
      firstOf(new DataLoader<ImageBatch>(samples as never, { batchSize: 16, seed: 3, ...options }), (batch) =>
        messageFrom(() => of.logitsOf(batch)),
      );
    expect(await asked(cache, shifting)).toMatch(/other-augmentation.* expected augmentation none.* got [0-9a-f]{64}/);
    expect(await asked(augmented, { transform: randomShift({ pixels: 2 }) })).toMatch(
      /other-augmentation.* [0-9a-f]{64}, as in the cache, got [0-9a-f]{64}/,
    );
    expect(await asked(augmented, { ...shifting, seed: 4 })).toMatch(/other-seed.* expected seed 3.* got 4/);
    expect(await asked(cache, {}, images(60))).toBe('nothing was thrown');
    expect(await asked(cache, { shuffle: true }, images(900))).toMatch(/unknown-view.* 50 other samples/);
    expect(await asked(cache, {}, images(50, 6))).toMatch(/other-content.* CRC-32 [0-9a-f]{8}, got [0-9a-f]{8}/);
    const late = loaderOf(shifting);
    late.setEpoch(1);
    expect(await firstOf(late, (batch) => messageFrom(() => augmented.logitsOf(batch)))).toMatch(
      /unknown-view.* sample 0 in epoch 1: expected epochs 0 to 0/,
    );
    cache.dispose();
    augmented.dispose();
  });

  test('also what changes under way', async () => {
    const changing = images(48);
    const loader = new DataLoader<ImageBatch>(changing as never, { batchSize: 16, shuffle: true, seed: 3 });
    const cache = await cacheTeacherLogits(teacher, loader, { file: join(directory, 'e.logits') });
    const walk = async () => {
      for await (const batch of loader) {
        cache.logitsOf(batch);
        tf.dispose(batch as never);
      }
    };
    await walk();
    await walk();
    changing.columns.x.data.fill(0.5);
    let left = 0;
    const refused = async () => {
      for await (const batch of loader) {
        left += 1;
        try {
          cache.logitsOf(batch);
        } finally {
          tf.dispose(batch as never);
        }
      }
    };
    expect(await messageFrom(refused)).toMatch(/other-content/);
    expect(left).toBe(1);
    cache.dispose();
  });

  test('batches that nobody knows the samples of', async () => {
    const cache = await cacheTeacherLogits(teacher, loaderOf(), { file: join(directory, 'c.logits') });
    expect(await messageFrom(() => cache.logitsOf({ x: 1 }))).toMatch(/no-views/);
    const net = imageNet(1, 6);
    const distiller = await convert(net, { teacherModel: cache, criterion: new LogitsDistillationLoss() });
    const train = { a: loaderOf(), b: loaderOf() } as never;
    const message = await messageFrom(() => new Trainer({ ...bare, maxEpochs: 1 }).fit(distiller, { train }));
    expect(message).toMatch(/no-views.*one DataLoader/s);
    const tapped = convert(net, {
      teacherModel: cache,
      criterion: [{ student: 'x', teacher: 'hidden', loss: losses.featureMse }],
    });
    expect(await messageFrom(() => tapped)).toMatch(/unknown-layer/);
    exportStudent(distiller);
    net.dispose();
    const collated = loaderOf({ collate: () => ({ x: tf.zeros([1, 5, 5, 1]), y: tf.zeros([1], 'int32') }) });
    const asked = () => cacheTeacherLogits(teacher, collated, { file: join(directory, 'd.logits') });
    expect(await messageFrom(asked)).toMatch(/no-views/);
    expect(await messageFrom(() => cacheTeacherLogits(teacher, [] as never, { file: 'x' }))).toMatch(/invalid-loader/);
  });
});

describe('smaller formats', () => {
  const softmax = (z: readonly number[], temperature: number): number[] => {
    const e = z.map((v) => Math.exp(v / temperature));
    const sum = e.reduce((a, b) => a + b, 0);
    return e.map((v) => v / sum);
  };

  test('fp16 is within half a unit in the 11th bit, topK keeps the share of each class or of the rest', async () => {
    const loader = loaderOf({ batchSize: 50 });
    const read = async (format: 'fp32' | 'fp16' | { topK: number }, temperature = 1) => {
      const file = join(directory, `${JSON.stringify(format).replace(/\W/g, '')}.logits`);
      const cache = await cacheTeacherLogits(teacher, loader, { file, format, temperature });
      let logits = new Float32Array();
      for await (const batch of loaderOf({ batchSize: 50 })) {
        logits = cache.logitsOf(batch) as typeof logits;
        tf.dispose(batch as never);
      }
      cache.dispose();
      return Array.from({ length: 50 }, (_, row) => [...logits.subarray(4 * row, 4 * row + 4)]);
    };
    const [exact, half, top] = [await read('fp32'), await read('fp16'), await read({ topK: 2 }, 3)];
    for (const [row, z] of exact.entries()) {
      for (const [i, value] of z.entries()) {
        expect(Math.abs((half[row]?.[i] as number) - value)).toBeLessThanOrEqual(Math.abs(value) * 2 ** -11 + 2 ** -25);
      }
      const [p, q] = [softmax(z, 3), softmax(top[row] as number[], 3)];
      const order = [0, 1, 2, 3].sort((a, b) => (z[b] as number) - (z[a] as number));
      for (const i of order.slice(0, 2)) expect(q[i]).toBeCloseTo(p[i] as number, 6);
      const rest = order.slice(2).reduce((sum, i) => sum + (p[i] as number), 0) / 2;
      for (const i of order.slice(2)) expect(q[i]).toBeCloseTo(rest, 6);
    }
    // The loss that a student sees is that of the formula with these probabilities, times T squared.
    const student = exact.map((z) => z.map((v, i) => v * 0.5 + i));
    const loss = tf.tidy(
      () => losses.klDivergence(tf.tensor2d(student), tf.tensor2d(top), { temperature: 3 }).dataSync()[0],
    );
    const expected = top.map((z, row) => {
      const [p, q] = [softmax(z, 3), softmax(student[row] as number[], 3)];
      return 9 * p.reduce((sum, value, i) => sum + value * Math.log(value / (q[i] as number)), 0);
    });
    expect(loss).toBeCloseTo(expected.reduce((a, b) => a + b, 0) / 50, 4);
  });
});
