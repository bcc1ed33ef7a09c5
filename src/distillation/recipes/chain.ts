/** Chains of distillations, each taught by the one before: born-again generations and teacher assistants. */
import { join } from 'node:path';
import { z } from 'zod';
import { checkpointsIn } from '../../checkpoint/store.ts';
import { ConfigError } from '../../core/errors.ts';
import { anyThat, numberBetween, oneOf, parseOptions, positiveNumber, text, wholeNumber } from '../../core/options.ts';
import { deriveSeed } from '../../core/random.ts';
import { withSeed } from '../../core/seed.ts';
import * as tf from '../../core/tf.ts';
import { ImageClassificationModel } from '../../module/image-classification-model.ts';
import type { LightningModule } from '../../module/lightning-module.ts';
import { DistillationModule } from '../distillation-module.ts';
import { keepWeights, restoreKept } from '../kept-weights.ts';
import type { ModelStudentOptions } from '../model-student.ts';
import type { Teacher } from '../teachers/as-source.ts';
import { ensembleTeacher } from '../teachers/ensemble.ts';

/** What `fit` of a chain is told about the link that it trains. */
export interface ChainLink {
  /** Counted from 0. */
  readonly index: number;
  /** `link_0`: a name for logs. */
  readonly name: string;
  /** Where this link's checkpoints belong. */
  readonly directory: string;
  /** The newest checkpoint there: hand it to `trainer.fit`, so that a run that was cut short goes on. */
  readonly ckptPath: string | undefined;
}

/** Trains one link; give back what `trainer.fit` gives. */
export type FitLink = (module: ImageClassificationModel, link: ChainLink) => Promise<{ readonly status: string }>;

/** Options of {@link distillChain}. */
export interface ChainOptions {
  /** Makes the network of each link, in order: it gives logits. */
  students: readonly ((index: number) => tf.LayersModel)[];
  /** Trains a link, with a trainer of its own. */
  fit: FitLink;
  /** Finished links and checkpoints are kept here: a chain that is called again goes on where it was. */
  directory: string;
  /** Teaches the first link. Without one the first learns from labels alone. */
  teacher?: Teacher | undefined;
  /** Who teaches: the link before (default), or all before together, teacher included (Son et al. 2021). */
  taughtBy?: 'previous' | 'all' | undefined;
  /** Weight of the teacher's part. Default 0.5. */
  alpha?: number | undefined;
  /** T. Default 4. */
  temperature?: number | undefined;
  /** Restarts the random stream before each link, so that a chain that was cut short comes to the same weights. Default: not. */
  seed?: number | undefined;
  /** How each network is trained otherwise. */
  training?: Omit<ModelStudentOptions, 'loss'> | undefined;
}

/** What became of a chain. */
export interface ChainResult {
  /** `'finished'`, or the status of the fit that ended it early: `'interrupted'`. */
  readonly status: string;
  /** The networks of the finished links, in order. They are the caller's to dispose of. */
  readonly models: readonly tf.LayersModel[];
}

const isFunction = (value: unknown): boolean => typeof value === 'function';
const schema = z.strictObject({
  students: anyThat<ChainOptions['students']>(
    'at least one function that makes a tf.LayersModel',
    (value) => Array.isArray(value) && value.length > 0 && value.every(isFunction),
  ),
  fit: anyThat<FitLink>('a function', isFunction),
  directory: text('the path of a directory'),
  teacher: z.custom<Teacher>().optional(),
  taughtBy: oneOf('previous', 'all').default('previous'),
  alpha: numberBetween(0, 1).default(0.5),
  temperature: positiveNumber().default(4),
  seed: wholeNumber(0).optional(),
  training: anyThat<NonNullable<ChainOptions['training']>>('an object', (v) => typeof v === 'object').optional(),
});

/**
 * Distils along a chain: each finished network teaches the next. Finished links are loaded instead of trained again, and the
 * one that was cut short goes on from its newest checkpoint.
 *
 * @throws ConfigError for wrong options, CheckpointError `checkpoint-does-not-fit` when the directory holds another chain;
 *   whatever `fit` throws. Networks made so far are then disposed of, the files stay
 *
 * @example
 * ```ts
 * const { models } = await distillChain({
 *   teacher, directory: 'runs/chain', students: [() => large(), () => small()],
 *   fit: (module, { directory, ckptPath }) =>
 *     new Trainer({ maxEpochs: 10, callbacks: [new ModelCheckpoint({ dirPath: directory, saveLast: true })] })
 *       .fit(module, { train, val, ckptPath }),
 * });
 * ```
 */
export async function distillChain(options: ChainOptions): Promise<ChainResult> {
  const {
    students,
    fit: train,
    directory,
    teacher,
    taughtBy,
    seed,
    training,
    ...taught
  } = parseOptions('distillChain', schema, options);
  const models: tf.LayersModel[] = [];
  try {
    for (const [index, make] of students.entries()) {
      const name = `link_${index}`;
      const network = seed === undefined ? make(index) : withSeed(deriveSeed(seed, index), () => make(index));
      models.push(network);
      const elders: Teacher[] = [...(teacher === undefined ? [] : [teacher]), ...models.slice(0, -1)];
      const module = linkModule(network, taughtBy === 'all' ? elders : elders.slice(-1), { ...taught, training });
      const finished = join(directory, `${name}.safetensors`);
      if (await restoreKept(module as LightningModule<never>, finished)) continue;
      const own = join(directory, name);
      const [ckptPath] = await checkpointsIn(own);
      const { status } = await train(module, { index, name, directory: own, ckptPath });
      if (status === 'interrupted') {
        module.dispose();
        return { status, models: models.slice(0, -1) };
      }
      await keepWeights(module as LightningModule<never>, finished);
    }
    return { status: 'finished', models };
  } catch (error) {
    for (const model of models) tf.dispose(model.weights.map((weight) => weight.read()));
    throw error;
  }
}

/** Options of {@link bornAgain}. */
export interface BornAgainOptions extends Omit<ChainOptions, 'students' | 'taughtBy'> {
  /** Makes the network of each generation, all of one architecture. */
  make: (generation: number) => tf.LayersModel;
  /** How many networks are trained. Default 3. */
  generations?: number | undefined;
}

/**
 * Born-again networks (Furlanello et al. 2018, arXiv 1805.04770): a network learns from labels, and each generation after it
 * from labels and the one before, by default at T = 1. The generations together are `ensembleTeacher(models)`. With two
 * generations it is Tf-KD_self (Yuan et al. 2020).
 *
 * @throws ConfigError as {@link distillChain}
 *
 * @example
 * ```ts
 * const { models } = await bornAgain({ make: () => mlp({ inputs: 784, hidden: [800], classes: 10 }), generations: 3, fit, directory });
 * ```
 */
export function bornAgain({ make, generations = 3, ...chain }: BornAgainOptions): Promise<ChainResult> {
  const { count } = parseOptions('bornAgain', z.strictObject({ count: wholeNumber(1) }), { count: generations });
  return distillChain({ temperature: 1, ...chain, students: Array.from({ length: count }, () => make) });
}

/** Options of {@link teacherAssistants}. */
export interface TeacherAssistantOptions extends Omit<ChainOptions, 'students' | 'teacher'> {
  teacher: Teacher;
  /** Make the networks between teacher and student, from large to small. */
  assistants: readonly ((index: number) => tf.LayersModel)[];
  student: (index: number) => tf.LayersModel;
}

/**
 * Teacher assistants (Mirzadeh et al. 2020, arXiv 1902.03393): where the student is much smaller than the teacher, networks of
 * sizes between them pass the knowledge on. With `taughtBy: 'all'` everybody before teaches together. The student is the last
 * of `models`.
 *
 * @throws ConfigError as {@link distillChain}, `no-teacher`
 *
 * @example
 * ```ts
 * const make = (ratio: number) => () => compressedStudent(teacher, { ratio });
 * const { models } = await teacherAssistants({ teacher, assistants: [make(0.3)], student: make(0.03), fit, directory });
 * ```
 */
export function teacherAssistants({ assistants, student, ...chain }: TeacherAssistantOptions): Promise<ChainResult> {
  if (chain.teacher === undefined) {
    throw new ConfigError('teacherAssistants', { code: 'no-teacher', expected: 'a `teacher`', got: 'none' });
  }
  return distillChain({ ...chain, students: [...assistants, student] });
}

type Taught = Required<Pick<ChainOptions, 'alpha' | 'temperature'>> & Pick<ChainOptions, 'training'>;

function linkModule(network: tf.LayersModel, teachers: readonly Teacher[], { training, ...taught }: Taught) {
  const classes = network.outputs[0]?.shape.at(-1) ?? 0;
  const student = { ...training, encoder: network, head: 'none' as const, classes };
  const [first] = teachers;
  if (first === undefined) return new ImageClassificationModel(student);
  const teacher = teachers.length === 1 ? first : ensembleTeacher(teachers);
  return new DistillationModule({ ...student, ...taught, teacher });
}
