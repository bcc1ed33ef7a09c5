/** Judges a distillation: teacher, student alone and student distilled on one test set, with how sure each figure is. */
import { z } from 'zod';
import { ConfigError, DataError } from '../../core/errors.ts';
import { parseOptions, text, wholeNumber } from '../../core/options.ts';
import { disposeTensors } from '../../core/tensors.ts';
import * as tf from '../../core/tf.ts';
import { startEngine } from '../../engine/start.ts';
import type { ImageBatch } from '../../module/image-classification-model.ts';
import { type ComparedModel, type Contender, contender } from './contender.ts';
import { count } from './count.ts';
import { DistillationReport } from './report.ts';
import { rowOf } from './row.ts';
import { type Timing, timeModels } from './stopwatch.ts';
import type { Tally } from './tally.ts';

/** Options of {@link evaluateDistillation}. */
export interface DistillationEvaluationOptions {
  /** The model that the others are compared with. Default: the first, the teacher. */
  reference?: string | undefined;
  /** Timed forward passes per model. Default 100. */
  runs?: number | undefined;
  /** Forward passes per model before anything is timed. Default 20. */
  warmUp?: number | undefined;
  /** Bins of the calibration error. Default 15. */
  bins?: number | undefined;
  /** Names of the classes, for the report. Default: their numbers. */
  classNames?: readonly string[] | undefined;
  /** Headline of the report. Default `'Distillation report'`. */
  title?: string | undefined;
}

const schema = z.strictObject({
  reference: text('the name of a model').optional(),
  runs: wholeNumber(1).default(100),
  warmUp: wholeNumber(0).default(20),
  bins: wholeNumber(1).default(15),
  classNames: z.array(text('the name of a class'), { error: 'a list of names' }).readonly().optional(),
  title: text('a title').default('Distillation report'),
});

/**
 * Evaluates models on one test set, in one walk through it: errors and accuracy, size, multiply-accumulates, latency of one sample
 * and throughput of a batch, agreement with the teacher and KL divergence from it, calibration, and on what they disagree.
 * Of several trained models under one name, one per seed, it gives mean and 95 % interval (Student's t); of a single one
 * the interval over the samples. The models are left in the mode they were in.
 *
 * @param models by name, the teacher first: a model or a source of answers such as `onnxTeacher(…)`, or one per seed
 * @param loader batches `{ x, y }` with labels `[batch]` or class probabilities `[batch, classes]`
 * @throws ConfigError `no-models`, `unknown-reference`, `invalid-model`, `class-names`; DataError `empty-loader`, `output-shape`,
 *   `label-out-of-range`
 *
 * @example
 * ```ts
 * const report = await evaluateDistillation({ teacher, alone: [a0, a1, a2], distilled: [d0, d1, d2] }, test);
 * console.log(report.toTable());
 * await writeFile('report.html', report.toHTML());
 * ```
 */
export async function evaluateDistillation(
  models: Readonly<Record<string, ComparedModel | readonly ComparedModel[]>>,
  loader: Iterable<ImageBatch> | AsyncIterable<ImageBatch>,
  options: DistillationEvaluationOptions = {},
): Promise<DistillationReport> {
  const { reference, bins, classNames, title, ...timing } = parseOptions('evaluateDistillation', schema, options);
  const groups = Object.entries(models).map(([name, given]) => ({
    name,
    seeds: Array.isArray(given) ? given : [given],
  }));
  const standard = checkReference(groups, reference);
  const engine = await startEngine();
  const contenders: { group: number; contender: Contender }[] = [];
  let timed: tf.Tensor | undefined;
  try {
    groups.forEach(({ name, seeds }, group) => {
      for (const model of seeds as ComparedModel[]) contenders.push({ group, contender: contender(name, model) });
    });
    const firsts = groups.map((_, group) => contenders.findIndex((one) => one.group === group));
    const tallies: Tally[] = [];
    for await (const batch of loader) {
      try {
        await count(
          contenders.map((one) => one.contender),
          firsts[standard] as number,
          batch,
          tallies,
          bins,
        );
        timed ??= tf.keep(tf.clone(batch.x));
      } finally {
        disposeTensors(batch);
      }
    }
    if (timed === undefined) throw emptyLoader();
    const measured = firsts.map((index) => (contenders[index] as { contender: Contender }).contender);
    const timings = await timeModels(measured, timed, timing);
    const rows = groups.map(({ name }, group) =>
      rowOf(
        name,
        tallies.filter((_, i) => contenders[i]?.group === group),
        measured[group] as Contender,
        timings[group] as Timing,
      ),
    );
    checkNames(classNames, (tallies[0] as Tally).classes);
    return new DistillationReport({ title, engine: `${engine.name}, ${engine.detail}`, rows, standard, classNames });
  } finally {
    timed?.dispose();
    for (const one of contenders.reverse()) one.contender.restore(); // the same model may be there twice
  }
}

function checkReference(groups: readonly { name: string; seeds: readonly unknown[] }[], reference?: string): number {
  const empty = groups.find(({ seeds }) => seeds.length === 0);
  if (groups.length === 0 || empty) {
    throw new ConfigError('evaluateDistillation', {
      code: 'no-models',
      expected: empty ? `at least one model under \`${empty.name}\`` : 'at least one model',
    });
  }
  const index = reference === undefined ? 0 : groups.findIndex(({ name }) => name === reference);
  if (index >= 0) return index;
  throw new ConfigError('evaluateDistillation: option `reference`', {
    code: 'unknown-reference',
    expected: groups.map(({ name }) => `'${name}'`).join(' or '),
    got: `'${reference}'`,
  });
}

function checkNames(names: readonly string[] | undefined, classes: number): void {
  if (names === undefined || names.length === classes) return;
  throw new ConfigError('evaluateDistillation: option `classNames`', {
    code: 'class-names',
    expected: `${classes} names, one per class`,
    got: String(names.length),
  });
}

const emptyLoader = (): DataError =>
  new DataError('evaluateDistillation: the loader', {
    code: 'empty-loader',
    expected: 'at least one batch',
    got: 'none',
  });
