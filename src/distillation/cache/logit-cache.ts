/** A file of a teacher's logits as a teacher: what a batch is given goes by the views that are in it. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { ConfigError } from '../../core/errors.ts';
import { anyThat, parseOptions, positiveNumber } from '../../core/options.ts';
import { stepInput } from '../../core/recording.ts';
import * as tf from '../../core/tf.ts';
import { UNCHANGED } from '../../data/augmentation-name.ts';
import { type BatchViews, viewsOf } from '../../data/batch-views.ts';
import type { SampleId } from '../../data/views.ts';
import { asSource, type Teacher } from '../teachers/as-source.ts';
import type { TeacherContext, TeacherSource } from '../teachers/source.ts';
import { noViews, otherContent, otherThan, unknownView } from './errors.ts';
import { encodeHeader, type LogitCacheHeader } from './header.ts';
import { LogitFile } from './logit-file.ts';
import { SpotCheck } from './spot-check.ts';

/** Options of {@link openLogitCache}. */
export interface OpenLogitCacheOptions {
  /** The teacher that the cache has to be of, or the sha256 of its weights. Default: not compared. */
  teacher?: Teacher | string | undefined;
  /** MiB of records that are held in memory. Default 256. */
  memory?: number | undefined;
}

const schema = z.strictObject({
  teacher: anyThat<Teacher | string>(
    'a teacher or the sha256 of its weights',
    (value) => value !== null && ['object', 'string'].includes(typeof value),
  ).optional(),
  memory: positiveNumber().default(256),
});

/**
 * Opens a cache that `cacheTeacherLogits` has written, to teach from it: as the `teacher` of a `DistillationModule` or the
 * `teacherModel` of `convert`, which also takes its URL, `'file:///…/teacher.logits'`.
 *
 * @throws DataError for a file that is missing, damaged, not whole or no cache, and `other-teacher` with both hashes
 * @example
 * ```ts
 * const teacher = await openLogitCache('runs/teacher.logits');
 * const student = new DistillationModule({ encoder, classes: 10, teacher, alpha: 0.9, temperature: 4 });
 * ```
 */
export async function openLogitCache(path: string, options: OpenLogitCacheOptions = {}): Promise<LogitCache> {
  const { teacher, memory } = parseOptions('openLogitCache', schema, options);
  const cache = new LogitCache(await LogitFile.open(path, memory * 2 ** 20));
  const given = teacher === undefined || typeof teacher === 'string' ? teacher : asSource(teacher).fingerprint?.();
  const cached = cache.header.teacher.sha256;
  if (given !== undefined && given !== cached) throw otherThan(path, 'teacher', { cached, given });
  return cache;
}

/** An open cache of a teacher's logits. Made by {@link openLogitCache}. */
export class LogitCache implements TeacherSource {
  readonly name: string;
  readonly classes: number;
  /** Whose logits of which views it holds. */
  readonly header: LogitCacheHeader;
  readonly #file: LogitFile;
  readonly #slots: ReadonlyMap<SampleId, number> | undefined;
  readonly #checks: SpotCheck;
  #answered: unknown;
  #answers: Float32Array | undefined;

  constructor(file: LogitFile) {
    const { header } = file;
    this.#file = file;
    this.header = header;
    this.name = header.teacher.name;
    this.classes = header.classes;
    this.#checks = new SpotCheck(file.records);
    if (typeof header.ids !== 'number') this.#slots = new Map(header.ids.map((id, slot) => [id, slot]));
  }

  /** The path of the file. */
  get path(): string {
    return this.#file.path;
  }

  /** @throws ConfigError `unknown-layer` for any tap but the logits */
  shapeOf(tap: string): readonly (number | null)[] {
    if (tap === '') return [null, this.classes];
    throw new ConfigError(`A cache of logits has no layer '${tap}'`, {
      code: 'unknown-layer',
      expected: "the teacher's output, ''",
      help: 'to learn from layers take the network itself as the teacher',
    });
  }

  /**
   * The cached logits of a batch, `[rows, classes]` row by row. Each view of a data set is compared with what the teacher saw
   * when it is first met, and one in 31 of those that are known.
   *
   * @param batch as a DataLoader made it, or the views in it
   * @throws DataError `no-views`, `unknown-view`, `other-augmentation`, `other-seed`, `other-content`, `logit-cache-corrupt`
   */
  logitsOf(batch: unknown): Float32Array {
    const views = viewsOf(batch);
    if (views === undefined) throw noViews();
    const epoch = this.#epochOf(views);
    const { ids } = views;
    const { codec } = this.#file;
    const known = this.#checks.of(views.dataset);
    const logits = new Float32Array(ids.length * this.classes);
    for (let row = 0; row < ids.length; row++) {
      const id = ids[row] as SampleId;
      const slot = this.#slotOf(id, epoch);
      const { records, at } = this.#file.record(slot);
      if (codec.isMissing(records, at)) throw this.#unknown(id, epoch, 'samples that could be read when it was made');
      if (known[slot] === 0 || this.#checks.isDue()) {
        const seen = views.checksum(this.header.input, row);
        const cached = codec.checksum(records, at);
        if (seen !== cached) throw otherContent(this.path, viewText(id, epoch), cached, seen);
        known[slot] = 1;
      }
      codec.read(records, at, logits, row * this.classes);
    }
    return logits;
  }

  prepare(batch: unknown): void {
    this.#answers = this.logitsOf(batch);
    this.#answered = batch;
  }

  outputs(x: tf.Tensor, _taps: readonly string[], { batch }: TeacherContext): ReadonlyMap<string, tf.Tensor> {
    if (this.#answers === undefined || this.#answered !== batch) this.prepare(batch);
    const logits = stepInput(() => {
      const answers = this.#answers as Float32Array;
      return tf.tensor2d(answers, [answers.length / this.classes, this.classes]);
    });
    if (logits.shape[0] === x.shape[0]) return new Map([['', logits]]);
    throw new ConfigError('The student sees other samples than those of the batch', {
      code: 'other-samples',
      expected: `${logits.shape[0]} rows, as the loader made them`,
      got: String(x.shape[0]),
      help: 'a cache goes with students that see the batch as it is',
    });
  }

  /** The sha256 of the teacher's weights; of the cache's header where the teacher had none. */
  fingerprint(): string {
    return this.header.teacher.sha256 ?? createHash('sha256').update(encodeHeader(this.header)).digest('hex');
  }

  /** Closes the file. It is opened again when it is needed. */
  dispose(): void {
    this.#answers = undefined;
    this.#answered = undefined;
    this.#file.close();
  }

  #epochOf({ augmentation, seed, epoch }: BatchViews): number {
    const { header, path } = this;
    if (augmentation !== header.augmentation) {
      throw otherThan(path, 'augmentation', { cached: header.augmentation, given: augmentation });
    }
    if (augmentation === UNCHANGED) return 0;
    if (seed !== header.seed) throw otherThan(path, 'seed', { cached: header.seed, given: seed });
    return epoch;
  }

  #slotOf(id: SampleId, epoch: number): number {
    const { ids, epochs } = this.header;
    const samples = typeof ids === 'number' ? ids : ids.length;
    const slot = typeof ids !== 'number' ? this.#slots?.get(id) : Number.isInteger(id) ? (id as number) : undefined;
    if (slot === undefined || slot < 0 || slot >= samples) throw this.#unknown(id, epoch, `${samples} other samples`);
    if (epoch >= epochs) throw this.#unknown(id, epoch, `epochs 0 to ${epochs - 1}`);
    return epoch * samples + slot;
  }

  #unknown(id: SampleId, epoch: number, has: string): Error {
    return unknownView(this.path, viewText(id, epoch), has);
  }
}

const viewText = (id: SampleId, epoch: number): string => `sample ${JSON.stringify(id)} in epoch ${epoch}`;
