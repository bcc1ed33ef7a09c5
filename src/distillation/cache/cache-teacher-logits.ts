/** Asks a teacher once for its logits of every view that a loader gives, and writes them to a file. */
import { existsSync } from 'node:fs';
import { z } from 'zod';
import { ConfigError, show } from '../../core/errors.ts';
import { flag, oneOf, parseOptions, positiveNumber, text, wholeNumber } from '../../core/options.ts';
import { disposeTensors } from '../../core/tensors.ts';
import * as tf from '../../core/tf.ts';
import { UNCHANGED } from '../../data/augmentation-name.ts';
import { type BatchViews, viewsOf } from '../../data/batch-views.ts';
import { DataLoader } from '../../data/data-loader.ts';
import { sampleIdOf } from '../../data/dataset.ts';
import { checkAreLogits } from '../teachers/check-logits.ts';
import { loadTeacher, type TeacherSpec } from '../teachers/load-teacher.ts';
import type { TeacherSource } from '../teachers/source.ts';
import { CacheWriter } from './cache-writer.ts';
import { noViews, otherThan } from './errors.ts';
import { idsOf, type LogitCacheHeader } from './header.ts';
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
/** All that is known before the teacher has been asked. */
type Description = Omit<LogitCacheHeader, 'classes'>;

function descriptionOf(source: TeacherSource, loader: DataLoader, options: Parsed): Description {
  const { dataset, augmentation, seed } = loader;
  const { epochs, format, temperature, input } = options;
  const augmented = augmentation !== UNCHANGED;
  return {
    teacher: { name: source.name, sha256: source.fingerprint?.() ?? null },
    augmentation,
    seed: augmented ? seed : null,
    epochs: augmented ? epochs : 1,
    input,
    format,
    temperature,
    ids: idsOf(Array.from({ length: dataset.length }, (_, index) => sampleIdOf(dataset, index))),
  };
}

/** The error that says in what a file is of something else. */
function differenceOf(file: string, cached: LogitCacheHeader, given: Description): Error | undefined {
  const differ = (what: Parameters<typeof otherThan>[1], pick: (of: Description) => unknown): Error | undefined =>
    JSON.stringify(pick(cached)) === JSON.stringify(pick(given))
      ? undefined
      : otherThan(file, what, { cached: pick(cached), given: pick(given) });
  return (
    differ('teacher', ({ teacher }) => teacher.sha256 ?? teacher.name) ??
    differ('augmentation', ({ augmentation, input }) =>
      input === 'x' ? augmentation : `${augmentation} of ${input}`,
    ) ??
    differ('seed', ({ seed }) => seed) ??
    differ('views', ({ epochs }) => epochs) ??
    differ('samples', ({ ids }) => ids) ??
    differ('format', ({ format, temperature }) => JSON.stringify({ format, temperature }))
  );
}

async function write(source: TeacherSource, loader: DataLoader, known: Description, options: Parsed): Promise<void> {
  const { file, input, temperature, onProgress } = options;
  const samples = loader.dataset.length;
  const total = samples * known.epochs;
  const ordered = loader.inOrder();
  const { batchSize } = ordered;
  const answer = (batch: unknown): Promise<Answer> => ask(source, batch, { input, temperature });
  const classes = source.classes ?? (await classesOf(ordered, answer));
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
        const { logits, views } = await answer(batch).finally(() => disposeTensors(batch));
        if (logits.length !== views.ids.length * classes)
          throw otherClasses(source, classes, logits.length / views.ids.length);
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

/** What a teacher said of a batch. */
interface Answer {
  readonly logits: Float32Array;
  readonly views: BatchViews;
}

async function ask(
  source: TeacherSource,
  batch: unknown,
  { input, temperature }: { input: string; temperature: number },
): Promise<Answer> {
  const views = viewsOf(batch);
  const x = (batch as Record<string, unknown> | undefined)?.[input];
  if (views === undefined) throw noViews();
  if (!(x instanceof tf.Tensor)) throw noColumn(input, batch);
  await source.prepare?.(batch, 0);
  const logits = tf.tidy(() => source.outputs(x, [''], { batch, temperature }).get('') as tf.Tensor);
  try {
    if (logits.rank !== 2 || logits.shape[0] !== views.ids.length) throw noLogits(views.ids.length, logits.shape);
    checkAreLogits('The teacher', logits);
    return { logits: (await logits.data()) as Float32Array, views };
  } finally {
    logits.dispose();
  }
}

/** Asks once, of a teacher that does not know how many classes it tells apart. */
async function classesOf(loader: DataLoader, answer: (batch: unknown) => Promise<Answer>): Promise<number> {
  for await (const batch of loader) {
    const { logits, views } = await answer(batch).finally(() => disposeTensors(batch));
    return logits.length / views.ids.length;
  }
  throw new ConfigError('cacheTeacherLogits: the loader', { code: 'empty-loader', expected: 'at least one batch' });
}

const notALoader = (got: unknown): ConfigError =>
  new ConfigError('cacheTeacherLogits: the loader', {
    code: 'invalid-loader',
    expected: 'one DataLoader, which knows what its samples are called',
    got: show(got),
    help: 'cache each loader on its own; a stream cannot be cached',
  });

const noColumn = (input: string, batch: unknown): ConfigError =>
  new ConfigError('cacheTeacherLogits: option `input`', {
    code: 'invalid-option',
    expected: `a column of the batch, which has ${Object.keys(batch ?? {}).join(', ')}`,
    got: show(input),
  });

const noLogits = (rows: number, shape: readonly number[]): ConfigError =>
  new ConfigError('cacheTeacherLogits: the teacher', {
    code: 'invalid-teacher',
    expected: `logits of shape [${rows}, classes]`,
    got: `[${shape}]`,
  });

const otherClasses = (source: TeacherSource, expected: number, got: number): ConfigError =>
  new ConfigError(`cacheTeacherLogits: the teacher '${source.name}'`, {
    code: 'class-mismatch',
    expected: `${expected} classes`,
    got: String(got),
  });
