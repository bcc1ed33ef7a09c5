/** The file of a logit cache: whole or absent, gone on with after a kill, refused when damaged, records that keep numbers. */
import { execFile } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { cacheTeacherLogits, DataLoader, openLogitCache, startEngine, type TeacherSource, tf } from 'kelvin';
import { beforeAll, describe, expect, test } from 'vitest';
import { fromHalf, toHalf } from '../../src/distillation/cache/half.ts';
import { RecordCodec } from '../../src/distillation/cache/record.ts';
import { filesIn, freshDirectory } from '../support/files.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { images, shiftedImages, shiftedTeacher } from './cache-support.ts';

assertFileLeaksNothing();
beforeAll(() => startEngine({ engine: 'wasm' }));

/** Says the sums of parts of an image, and fails at the batch that it is told. */
function summing(failAt = -1): TeacherSource & { asked: number } {
  const teacher = {
    name: 'summing',
    asked: 0,
    fingerprint: () => 'sums',
    outputs: (x: tf.Tensor) => {
      if (teacher.asked++ === failAt) throw new Error('the teacher has fallen ill');
      return new Map([['', tf.sum(tf.reshape(x, [-1, 5, 5]), 1)]]);
    },
  };
  return teacher;
}

const loaderOf = (options = {}) => new DataLoader(images(50), { batchSize: 16, ...options });

describe('writing', () => {
  test('a process that is killed leaves nothing under the name, and another goes on to the same bytes', async () => {
    const directory = freshDirectory();
    const [whole, killed] = [join(directory, 'whole.logits'), join(directory, 'killed.logits')];
    const script = fileURLToPath(new URL('./fixtures/write-cache.ts', import.meta.url));
    const child = execFile(process.execPath, ['--import', 'tsx', script, killed, '3']);
    const signal = new Promise((resolve) => child.on('exit', (_, by) => resolve(by)));
    const teacher = shiftedTeacher();
    (await cacheTeacherLogits(teacher, shiftedImages(), { file: whole, epochs: 2 })).dispose();
    expect(await signal).toBe('SIGKILL');
    expect(filesIn(directory)).toEqual(['.killed.logits.unfinished', 'whole.logits']);
    teacher.asked = 0;
    (await cacheTeacherLogits(teacher, shiftedImages(), { file: killed, epochs: 2 })).dispose();
    expect(teacher.asked).toBe(5); // of eight batches three were there
    expect(readFileSync(killed).equals(readFileSync(whole))).toBe(true);
    expect(filesIn(directory)).toEqual(['killed.logits', 'whole.logits']);
    teacher.dispose?.();
  });

  test('wherever an unfinished file ends or is damaged, what is whole of it is kept', async () => {
    const directory = freshDirectory();
    const [file, unfinished] = [join(directory, 't.logits'), join(directory, '.t.logits.unfinished')];
    (await cacheTeacherLogits(summing(), loaderOf(), { file: join(directory, 'whole.logits') })).dispose();
    const whole = readFileSync(join(directory, 'whole.logits'));
    expect(await messageFrom(() => cacheTeacherLogits(summing(3), loaderOf(), { file }))).toMatch(/fallen ill/);
    expect(await messageFrom(() => openLogitCache(file))).toMatch(/logit-cache-not-found/);
    expect(statSync(unfinished).size).toBeLessThan(whole.length);
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(whole.length - 1), async (end, damaged) => {
        const bytes = Buffer.from(whole.subarray(0, end));
        if (damaged < end) bytes[damaged] = (bytes[damaged] as number) ^ 0x40;
        writeFileSync(unfinished, bytes);
        const teacher = summing();
        (await cacheTeacherLogits(teacher, loaderOf(), { file, overwrite: true })).dispose();
        expect(readFileSync(file).equals(whole)).toBe(true);
        writeFileSync(file, '');
      }),
      { numRuns: 25 },
    );
  });

  test('a whole file is opened without asking the teacher; another one is replaced only on demand', async () => {
    const file = join(freshDirectory(), 't.logits');
    await expectNoLeak(async () => (await cacheTeacherLogits(summing(), loaderOf(), { file })).dispose());
    const teacher = summing();
    (await cacheTeacherLogits(teacher, loaderOf({ shuffle: true, seed: 8, batchSize: 3 }), { file })).dispose();
    expect(teacher.asked).toBe(0);
    const half = { file, format: 'fp16' } as const;
    expect(await messageFrom(() => cacheTeacherLogits(teacher, loaderOf(), half))).toMatch(/\[other-format\]/);
    (await cacheTeacherLogits(teacher, loaderOf(), { ...half, overwrite: true })).dispose();
    expect((await openLogitCache(file)).header).toMatchObject({ format: 'fp16', classes: 5, ids: 50, epochs: 1 });
    const many = { file: `${file}.many`, format: { topK: 6 } };
    expect(await messageFrom(() => cacheTeacherLogits(teacher, loaderOf(), many))).toMatch(/at most 5.* got 6/);
    const empty = new DataLoader({ length: 0, get: () => ({}) });
    expect(await messageFrom(() => cacheTeacherLogits(teacher, empty, many))).toMatch(/empty-loader/);
    const unknown = { file, fromat: 'fp16' } as never;
    expect(await messageFrom(() => cacheTeacherLogits(teacher, loaderOf(), unknown))).toMatch(/did you mean `format`/);
  });

  test('samples that cannot be read are left out, and named when they are asked for', async () => {
    const all = images(20);
    const broken = {
      length: 20,
      get: (index: number) => {
        if (index === 7) throw new Error('torn');
        return all.get(index);
      },
    };
    const loader = new DataLoader(broken, { batchSize: 8, onBadSample: 'skip' });
    const cache = await cacheTeacherLogits(summing(), loader, {
      file: join(freshDirectory(), 't.logits'),
    });
    const answers: number[] = [];
    for await (const batch of loader.inOrder()) {
      answers.push(cache.logitsOf(batch).length / 5);
      tf.dispose(batch as never);
    }
    expect(answers).toEqual([7, 8, 4]);
    for await (const batch of new DataLoader(all, { batchSize: 8 })) {
      if (answers.length++ === 3) expect(() => cache.logitsOf(batch)).toThrow(/sample 7 in epoch 0/);
      else cache.logitsOf(batch);
      tf.dispose(batch as never);
    }
    cache.dispose();
  });
});

describe('reading', () => {
  test('a damaged or shortened file is refused by name, whatever byte it is', async () => {
    const file = join(freshDirectory(), 't.logits');
    const cache = await cacheTeacherLogits(summing(), loaderOf(), { file });
    cache.dispose();
    const whole = readFileSync(file);
    const readAll = async (): Promise<void> => {
      const damaged = await openLogitCache(file, { memory: 0.001 });
      for await (const batch of loaderOf({ shuffle: true })) {
        try {
          damaged.logitsOf(batch);
        } finally {
          tf.dispose(batch as never);
        }
      }
      damaged.dispose();
    };
    await readAll();
    const start = whole.length - 50 * new RecordCodec(cache.header).size;
    const meaningful = 48 + whole.readUInt32LE(12);
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const bytes = Buffer.from(whole);
        bytes[at] = (bytes[at] as number) ^ change;
        writeFileSync(file, bytes);
        const message = await messageFrom(readAll);
        if (at >= meaningful && at < start)
          expect(message).toBe('nothing was thrown'); // filling between the two
        else expect(message).toMatch(/^DataError \[(logit-cache-(corrupt|version|truncated)|not-a-logit-cache)\]/);
        if (message !== 'nothing was thrown') expect(message).toContain(file);
      }),
      { numRuns: 40 },
    );
    for (const length of [0, 7, 47, 60, start, start + 1, whole.length - 1]) {
      writeFileSync(file, whole.subarray(0, length));
      expect(await messageFrom(() => openLogitCache(file))).toMatch(/DataError \[.*t\.logits/s);
    }
  });
});

describe('records', () => {
  test('halves are the nearest there are', () => {
    const nearest = (value: number): number => {
      // Every half-precision number is a multiple of this step; an oracle that knows no bits.
      const step = 2 ** (Math.max(-14, Math.floor(Math.log2(Math.abs(value) || 1e-9))) - 10);
      const down = Math.floor(value / step);
      const rest = value / step - down;
      return (rest > 0.5 || (rest === 0.5 && down % 2 !== 0) ? down + 1 : down) * step;
    };
    const float = fc.float({ min: -65504, max: 65504, noNaN: true });
    const anywhere = fc.oneof(
      float,
      fc.float({ min: -1, max: 1, noNaN: true }),
      fc.float({ max: Math.fround(1e-5), min: 0, noNaN: true }),
    );
    fc.assert(
      fc.property(anywhere, (value) => {
        expect(fromHalf(toHalf(value)) + 0).toBe(nearest(value) + 0);
      }),
    );
    fc.assert(
      fc.property(fc.nat(0xffff), (half) => {
        const value = fromHalf(half);
        if (!Number.isNaN(value)) expect(toHalf(value)).toBe(half);
      }),
    );
  });

  test('what is written is read, in its own place only', () => {
    const logit = fc.float({ min: -100, max: 100, noNaN: true });
    const anyRecord = fc.tuple(fc.array(logit, { minLength: 3, maxLength: 40 }), fc.nat(1e9), fc.nat(0xffff_ffff));
    fc.assert(
      fc.property(anyRecord, fc.constantFrom('fp32', 'topK'), ([values, slot, checksum], kind) => {
        const logits = Float32Array.from(values);
        const classes = logits.length;
        const format = kind === 'fp32' ? kind : { topK: classes };
        const codec = new RecordCodec({ classes, format, temperature: 1 });
        const record = Buffer.alloc(codec.size);
        codec.write(record, slot, logits, checksum);
        const read = new Float32Array(classes + 1);
        const view = new DataView(record.buffer, record.byteOffset, record.length);
        codec.read(view, 0, read, 1);
        expect(read.subarray(1)).toEqual(logits);
        expect([codec.checksum(view, 0), codec.isMissing(view, 0)]).toEqual([checksum, false]);
        expect([codec.isSound(record, slot), codec.isSound(record, slot + 1)]).toEqual([true, false]);
      }),
    );
    const half = new RecordCodec({ classes: 2, format: 'fp16', temperature: 1 });
    const write = (...values: number[]) => half.write(Buffer.alloc(half.size), 0, Float32Array.from(values), 0);
    expect(() => write(1, 70000)).toThrow(/65504/);
    expect(() => write(1, Number.NaN)).toThrow(/finite/);
  });
});
