/** Judges a distillation: teacher, student alone and student distilled on one test set, with how sure each figure is. */
import { z } from 'zod';
import { ConfigError, DataError } from '../../core/errors.ts';
import { parseOptions, text, wholeNumber } from '../../core/options.ts';
import { disposeTensors } from '../../core/tensors.ts';
import * as tf from '../../core/tf.ts';
import { startEngine } from '../../engine/start.ts';
import type { ImageBatch } from '../../module/image-classification-model.ts';
import { type ComparedModel, type Contender, contender } from './contender.ts';
import { DistillationReport, type EvaluatedModel } from './report.ts';
import { normalInterval, overSeeds, wilson } from './statistics.ts';
import { type Timing, timeModels } from './stopwatch.ts';
import { logSoftmax, type Probabilities, Tally } from './tally.ts';

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
 * @param models by name, the teacher first: a model, or one per seed
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
        count(
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
    const timings = await timeModels(
      measured.map(({ forward }) => forward),
      timed,
      timing,
    );
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

/** Adds a batch to every model's tally. */
function count(
  contenders: readonly Contender[],
  standard: number,
  { x, y }: ImageBatch,
  tallies: Tally[],
  bins: number,
): void {
  const labels = tf.tidy(() => (y.rank === 2 ? tf.argMax(y, 1) : y).dataSync().slice());
  const said = contenders.map((one) => probabilitiesOf(one, x, labels.length));
  const expected = said[standard] as Probabilities;
  said.forEach((own, i) => {
    if (own.classes !== expected.classes) throw otherClasses(contenders[i] as Contender, own, expected);
    tallies[i] ??= new Tally(own.classes, bins);
  });
  const outside = labels.find((label) => !(Number.isInteger(label) && label >= 0 && label < expected.classes));
  if (outside !== undefined) throw badLabel(outside, expected.classes);
  said.forEach((own, i) => {
    (tallies[i] as Tally).add(own, expected, labels);
  });
}

function probabilitiesOf({ name, logits }: Contender, x: tf.Tensor, samples: number): Probabilities {
  const output = tf.tidy(() => logits(x));
  try {
    if (output.rank !== 2 || output.shape[0] !== samples) throw wrongOutput(name, output, samples);
    return logSoftmax(output.dataSync(), output.shape[1] as number);
  } finally {
    output.dispose();
  }
}

function rowOf(
  name: string,
  tallies: readonly Tally[],
  { parameters, bytes, macs }: Contender,
  timing: Timing,
): EvaluatedModel {
  const [first] = tallies as [Tally, ...Tally[]];
  const { samples } = first;
  const over = (pick: (tally: Tally) => number, alone: (value: number) => readonly [number, number]) =>
    overSeeds(tallies.map(pick), alone);
  const share = (value: number) => wilson(value, samples);
  return {
    name,
    samples,
    errors: over(
      ({ errors }) => errors,
      (errors) => {
        const [low, high] = wilson(errors / samples, samples);
        return [low * samples, high * samples];
      },
    ),
    accuracy: over(({ accuracy }) => accuracy, share),
    agreement: over(({ agreement }) => agreement, share),
    kl: over(
      ({ kl }) => kl,
      (kl) => normalInterval(kl, first.klVariance, samples),
    ),
    ece: over(
      ({ ece }) => ece,
      (ece) => [ece, ece],
    ),
    sensitivity: Array.from(first.right, (_, c) => sum(tallies, (t) => t.right[c]) / sum(tallies, (t) => t.ofClass[c])),
    calibration: first.calibration,
    disagreements: disagreementsOf(tallies),
    parameters,
    bytes,
    macs,
    ...timing,
  };
}

const sum = (tallies: readonly Tally[], pick: (tally: Tally) => number | undefined): number =>
  tallies.reduce((total, tally) => total + (pick(tally) ?? 0), 0);

/** Pairs of classes that the reference and this model take for each other, the most frequent first; means over seeds. */
function disagreementsOf(tallies: readonly Tally[]): EvaluatedModel['disagreements'] {
  const { classes } = tallies[0] as Tally;
  const pairs = Array.from({ length: classes * classes }, (_, cell) => ({
    reference: Math.floor(cell / classes),
    model: cell % classes,
    samples: sum(tallies, ({ disagreements }) => disagreements[cell]) / tallies.length,
  }));
  return pairs.filter(({ samples }) => samples > 0).sort((a, b) => b.samples - a.samples);
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

function wrongOutput(name: string, output: tf.Tensor, samples: number): DataError {
  return new DataError(`evaluateDistillation: the output of \`${name}\``, {
    code: 'output-shape',
    expected: `logits of shape [${samples}, classes]`,
    got: `[${output.shape.join(', ')}]`,
  });
}

function otherClasses({ name }: Contender, own: Probabilities, expected: Probabilities): DataError {
  return new DataError(`evaluateDistillation: the output of \`${name}\``, {
    code: 'output-shape',
    expected: `${expected.classes} classes, as the reference gives`,
    got: String(own.classes),
  });
}

function badLabel(label: number, classes: number): DataError {
  return new DataError('evaluateDistillation: a label', {
    code: 'label-out-of-range',
    expected: `a whole number from 0 to ${classes - 1}`,
    got: String(label),
  });
}
