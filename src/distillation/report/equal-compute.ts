/** The fair comparison: the student alone, trained for as long as the distillation's computing lasts. */
import { z } from 'zod';
import { ConfigError } from '../../core/errors.ts';
import { anyThat, oneOf, parseOptions, positiveNumber, wholeNumber } from '../../core/options.ts';
import type { ImageBatch } from '../../module/image-classification-model.ts';
import { type ComparedModel, type ComparedModule, contender } from './contender.ts';
import { evaluateDistillation } from './evaluate.ts';
import type { DistillationReport } from './report.ts';
import type { Estimate } from './statistics.ts';
import { percent } from './tables.ts';

/** What a sample costs, in any unit: multiply-accumulates, or measured seconds. */
export interface ComputeCost {
  /** One forward pass of the student. */
  readonly student: number;
  /** One forward pass of the teacher. */
  readonly teacher: number;
}

/** Options of {@link equalComputeEpochs}. */
export interface EqualComputeEpochsOptions extends ComputeCost {
  /** Epochs of the distillation. */
  epochs: number;
  /** `'online'` (default): the teacher runs in every epoch; `'cached'`: once. */
  answers?: 'online' | 'cached' | undefined;
  /** Epochs that the teacher's own training took, if they are to count. Default 0. */
  teacherEpochs?: number | undefined;
}

const costSchema = z.strictObject({
  student: positiveNumber(),
  teacher: positiveNumber(),
  epochs: wholeNumber(1),
  answers: oneOf('online', 'cached').default('online'),
  teacherEpochs: wholeNumber(0).default(0),
});

/**
 * For how many epochs the student alone can be trained with what a distillation costs. A training step costs three forward
 * passes, one forth and two back.
 *
 * @returns a whole number, at least `epochs`
 * @throws ConfigError for wrong options
 *
 * @example
 * ```ts
 * equalComputeEpochs({ student: 1, teacher: 6, epochs: 10 }); // 30: an epoch with the teacher costs (3 + 6) / 3 of one without
 * ```
 */
export function equalComputeEpochs(options: EqualComputeEpochsOptions): number {
  const { student, teacher, epochs, answers, teacherEpochs } = parseOptions('equalComputeEpochs', costSchema, options);
  const asked = teacher * (answers === 'online' ? epochs : 1);
  return Math.round(epochs + (asked + 3 * teacher * teacherEpochs) / (3 * student));
}

/** A run that {@link compareAtEqualCompute} asks for. */
export interface EqualComputeRun {
  readonly kind: 'alone' | 'distilled';
  readonly seed: number;
  /** How long to train. */
  readonly epochs: number;
}

/** Options of {@link compareAtEqualCompute}. */
export interface EqualComputeOptions<M extends ComparedModule = ComparedModule> {
  teacher: ComparedModel;
  /** Makes the student to be trained alone, and the one to be distilled, from a seed. */
  make: (run: EqualComputeRun) => M;
  /** Trains it for `run.epochs`; whatever it throws ends the comparison. */
  fit: (model: M, run: EqualComputeRun) => Promise<unknown>;
  /** Batches `{ x, y }`; walked through once. */
  test: Iterable<ImageBatch> | AsyncIterable<ImageBatch>;
  /** Epochs of the distillation. */
  epochs: number;
  /** One pair of runs for each. Default 0, 1 and 2. */
  seeds?: readonly number[] | undefined;
  answers?: 'online' | 'cached' | undefined;
  teacherEpochs?: number | undefined;
  /** What a sample costs. Default: the networks' multiply-accumulates. */
  cost?: ComputeCost | undefined;
}

const isFunction = (value: unknown): boolean => typeof value === 'function';
const schema = z.strictObject({
  make: anyThat<(run: EqualComputeRun) => ComparedModule>('a function', isFunction),
  fit: anyThat<(model: ComparedModule, run: EqualComputeRun) => Promise<unknown>>('a function', isFunction),
  epochs: wholeNumber(1),
  seeds: z.array(wholeNumber(0)).min(1, { error: 'at least one seed' }).readonly().default([0, 1, 2]),
  answers: oneOf('online', 'cached').default('online'),
  teacherEpochs: wholeNumber(0).default(0),
  cost: z.strictObject({ student: positiveNumber(), teacher: positiveNumber() }).optional(),
});

type Made = ComparedModule & { dispose(): void };

/** What {@link compareAtEqualCompute} found. */
export interface EqualComputeResult {
  /** For how many epochs each was trained. */
  readonly epochs: { readonly alone: number; readonly distilled: number };
  /** Teacher, student alone and student distilled, over all seeds. */
  readonly report: DistillationReport;
  /** Accuracy of the distilled student above that of the student alone, paired by seed. */
  readonly gain: Estimate;
  /** Who is better as far as the interval can tell. */
  readonly verdict: 'distilled' | 'alone' | 'undecided';
  /** The same in a sentence. */
  readonly summary: string;
}

/**
 * Trains a student alone for as long as its distillation's computing lasts, and compares. More epochs cure much that a teacher
 * cures too; this tells the one from the other. The models are disposed of.
 *
 * @throws ConfigError for wrong options, `unknown-cost` where multiply-accumulates cannot be told; whatever `make` and `fit` throw
 *
 * @example
 * ```ts
 * const { summary, report } = await compareAtEqualCompute({
 *   teacher, test, epochs: 20, seeds: [0, 1, 2], make: ({ kind, seed }) => makeStudent(kind, seed),
 *   fit: (model, { epochs }) => new Trainer({ maxEpochs: epochs }).fit(model, train),
 * });
 * ```
 */
export async function compareAtEqualCompute<M extends Made>({
  teacher,
  test,
  ...options
}: EqualComputeOptions<M>): Promise<EqualComputeResult> {
  const {
    make,
    fit: train,
    epochs,
    seeds,
    answers,
    teacherEpochs,
    cost,
  } = parseOptions('compareAtEqualCompute', schema, options);
  const models = { alone: [] as Made[], distilled: [] as Made[] };
  const trained = async (run: EqualComputeRun): Promise<void> => {
    const model = make(run) as Made;
    models[run.kind].push(model);
    await train(model, run);
  };
  try {
    let long = epochs;
    for (const seed of seeds) {
      await trained({ kind: 'distilled', seed, epochs });
      const known = cost ?? costOf(models.distilled[0] as Made, teacher);
      long = equalComputeEpochs({ ...known, epochs, answers, teacherEpochs });
      await trained({ kind: 'alone', seed, epochs: long });
    }
    const compared = { teacher, 'student alone': models.alone, 'student distilled': models.distilled };
    const report = await evaluateDistillation(compared, test, { title: 'Distillation at equal compute' });
    return resultOf(report, { alone: long, distilled: epochs });
  } finally {
    for (const model of [...models.alone, ...models.distilled]) model.dispose();
  }
}

function resultOf(report: DistillationReport, epochs: EqualComputeResult['epochs']): EqualComputeResult {
  const [own, taught] = ['student alone', 'student distilled'].map(
    (name) => report.rows.find((row) => row.name === name)?.accuracy as Estimate,
  ) as [Estimate, Estimate];
  const gain = report.gain('student distilled', 'student alone');
  const verdict = gain.low > 0 ? 'distilled' : gain.high < 0 ? 'alone' : 'undecided';
  const said = {
    distilled: 'distilling is better',
    alone: 'training alone is better',
    undecided: 'they cannot be told apart',
  };
  const summary =
    `With the computing of ${epochs.distilled} epochs of distillation the student alone is trained for ${epochs.alone}: ` +
    `${percent(taught.value)} distilled, ${percent(own.value)} alone; ${said[verdict]} ` +
    `(difference ${percent(gain.low)} to ${percent(gain.high)}, ${gain.seeds.length} seeds).`;
  return { epochs, report, gain, verdict, summary };
}

function costOf(student: ComparedModule, teacher: ComparedModel): ComputeCost {
  const macs = (name: string, model: ComparedModel): number => {
    const one = contender(name, model);
    one.restore();
    if (one.macs !== undefined && one.macs > 0) return one.macs;
    throw new ConfigError(`compareAtEqualCompute: the ${name}`, {
      code: 'unknown-cost',
      expected: 'a network whose multiply-accumulates can be counted',
      help: 'measure the seconds of a forward pass and give them as `cost: { student, teacher }`',
    });
  };
  return { student: macs('student', student), teacher: macs('teacher', teacher) };
}
