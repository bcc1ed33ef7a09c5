/** Asks a teacher once for its logits of every view that a loader gives, and writes them to a file. */
import { existsSync } from 'node:fs';
import { z } from 'zod';
import { ConfigError, show } from '../../core/errors.ts';
import { flag, oneOf, parseOptions, positiveNumber, text, wholeNumber } from '../../core/options.ts';
import { disposeTensors } from '../../core/tensors.ts';
import { DataLoader } from '../../data/data-loader.ts';
import { sampleIdOf } from '../../data/dataset.ts';
import { loadTeacher, type TeacherSpec } from '../teachers/load-teacher.ts';
import type { TeacherSource } from '../teachers/source.ts';
import { type Answer, ask } from './ask-teacher.ts';
import { CacheWriter } from './cache-writer.ts';
import { type Description, descriptionOf, differenceOf } from './description.ts';
import { type LogitCache, openLogitCache } from './logit-cache.ts';
import type { LogitFormat } from './record.ts';

/** Options of {@link cacheTeacherLogits}. */
export interface CacheTeacherLogitsOptions {
  /** Where the cache goes. By habit its name ends in `.logits`, by which `convert` knows it. */
  file: string;
  /**
   * `'fp32'` (default): as the teacher says it. `'fp16'`: half as large, to 11 bits. `{ topK: n }`: the n largest logits;
   * all other classes get one logit, such that their probabilities add up to what they were at `temperature`.
   */
  format?: LogitFormat | undefined;
  /** Views per sample with augmentation, as of epochs 0, 1, … (FKD). Without augmentation there is but one. Default 1. */
  epochs?: number | undefined;
  /** The temperature at which `topK` keeps the share of the others, and at which an ensemble averages. Default 1. */
  temperature?: number | undefined;
  /** The column of the batch that the teacher sees. Default `'x'`. */
  input?: string | undefined;
  /** Replace a file that is of something else, instead of an error. Default false. */
  overwrite?: boolean | undefined;
  /** Called after each batch with the views that are done, and how many there are. */
  onProgress?: ((done: number, total: number) => void) | undefined;
}

const schema = z.strictObject({
  file: text(),
  format: z
    .union([oneOf('fp32', 'fp16'), z.strictObject({ topK: wholeNumber(1) })], {
      error: "'fp32', 'fp16' or { topK: n }",
    })
    .default('fp32'),
  epochs: wholeNumber(1).default(1),
  temperature: positiveNumber().default(1),
  input: text().default('x'),
  overwrite: flag().default(false),
  onProgress: z.custom<(done: number, total: number) => void>((v) => typeof v === 'function', 'a function').optional(),
});

/**
 * Writes a teacher's logits of every sample of a loader's data set, so that a student can be taught without the teacher at
 * hand. The loader's order does not matter; its augmentation does, and is replayed (Shen and Xing, "A Fast Knowledge
 * Distillation Framework for Visual Recognition", 2022). A run that was killed is gone on with by calling it again; a
 * whole file of the same teacher and views is opened as it is.
 *
 * @param teacher any teacher: a network, a factory, a file, an ensemble
 * @param loader the DataLoader that the student is to be trained with
 * @returns the open cache
 * @throws DataError `other-…` when the file is there and of another teacher or loader, `non-finite-logits`, `fp16-overflow`,
 * `no-views`; ConfigError `probabilities-not-logits`, `invalid-loader`
 *
 * @example
 * ```ts
 * const teacher = await cacheTeacherLogits(large, train, { file: 'runs/large.logits', format: 'fp16' });
 * const student = new DistillationModule({ encoder, classes: 10, teacher });
 * await trainer.fit(student, { train });
 * ```
 */
export async function cacheTeacherLogits(
  teacher: TeacherSpec,
  // biome-ignore lint/suspicious/noExplicitAny: whatever its samples are
  loader: DataLoader<any, any>,
  options: CacheTeacherLogitsOptions,
): Promise<LogitCache> {
  const parsed = parseOptions('cacheTeacherLogits', schema, options);
  if (!(loader instanceof DataLoader)) throw notALoader(loader);
  const source = await loadTeacher(teacher);
  const loaded = typeof teacher === 'string' || typeof teacher === 'function' || Array.isArray(teacher);
  try {
    const known = descriptionOf(source, loader, parsed);
    const { file, overwrite } = parsed;
    if (existsSync(file)) {
      const cache = await openLogitCache(file).catch((error: unknown) => {
        if (!overwrite) throw error;
      });
      const other = cache && differenceOf(file, cache.header, known);
      if (cache !== undefined && other === undefined) return cache;
      if (other !== undefined && !overwrite) throw other;
      cache?.dispose();
    }
    await write(source, loader, known, parsed);
    return await openLogitCache(file);
  } finally {
    if (loaded) source.dispose?.();
  }
}

type Parsed = z.output<typeof schema>;

async function write(source: TeacherSource, loader: DataLoader, known: Description, options: Parsed): Promise<void> {
  const { file, input, temperature, onProgress } = options;
  const samples = loader.dataset.length;
  const total = samples * known.epochs;
  const ordered = loader.inOrder();
  const { batchSize } = ordered;
  const answer = (batch: unknown): Promise<Answer> => ask(source, batch, { input, temperature });
  if (samples === 0) throw emptyLoader();
  const classes = source.classes ?? (await classesOf(ordered, answer));
  if (typeof known.format === 'object' && known.format.topK > classes) throw tooMany(known.format.topK, classes);
  const writer = await CacheWriter.open(file, { ...known, classes });
  try {
    const { records } = writer;
    let epoch = Math.floor(records / samples);
    const first = Math.floor((records % samples) / batchSize);
    await writer.keep(epoch * samples + first * batchSize);
    for (let begin = first; epoch < known.epochs; epoch++, begin = 0) {
      ordered.loadState({ epoch, batch: begin, seed: loader.seed });
      let row = begin * batchSize;
      for await (const batch of ordered) {
        const count = Math.min(batchSize, samples - row);
        const bytes = Buffer.alloc(count * writer.codec.size);
        const { logits, views, classes: given } = await answer(batch).finally(() => disposeTensors(batch));
        if (given !== classes) throw otherClasses(source, classes, given);
        const rows = new Map(views.ids.map((id, at) => [id, at]));
        for (let i = 0; i < count; i++) {
          const at = rows.get(sampleIdOf(loader.dataset, row + i));
          const record = bytes.subarray(i * writer.codec.size);
          const own = at === undefined ? undefined : logits.subarray(at * classes, (at + 1) * classes);
          writer.codec.write(record, writer.records + i, own, at === undefined ? 0 : (views.checksum(input, at) ?? 0));
        }
        await writer.append(bytes);
        row += count;
        onProgress?.(writer.records, total);
      }
    }
    await writer.finish();
  } finally {
    await writer.close();
    await ordered.close();
  }
}

/** Asks once, of a teacher that does not know how many classes it tells apart. */
async function classesOf(loader: DataLoader, answer: (batch: unknown) => Promise<Answer>): Promise<number> {
  for await (const batch of loader) {
    const { classes } = await answer(batch).finally(() => disposeTensors(batch));
    return classes;
  }
  throw emptyLoader();
}

const notALoader = (got: unknown): ConfigError =>
  new ConfigError('cacheTeacherLogits: the loader', {
    code: 'invalid-loader',
    expected: 'one DataLoader, which knows what its samples are called',
    got: show(got),
    help: 'cache each loader on its own; a stream cannot be cached',
  });

const emptyLoader = (): ConfigError =>
  new ConfigError('cacheTeacherLogits: the loader', { code: 'empty-loader', expected: 'at least one sample' });

const tooMany = (topK: number, classes: number): ConfigError =>
  new ConfigError('cacheTeacherLogits: option `format.topK`', {
    code: 'invalid-option',
    expected: `at most ${classes}, as many as there are classes`,
    got: String(topK),
  });

const otherClasses = (source: TeacherSource, expected: number, got: number): ConfigError =>
  new ConfigError(`cacheTeacherLogits: the teacher '${source.name}'`, {
    code: 'class-mismatch',
    expected: `${expected} classes`,
    got: String(got),
  });
