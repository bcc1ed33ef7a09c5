/** `convert` and `exportStudent`: a student begins and ends being distilled, as the same object. */
import { z } from 'zod';
import { readCheckpoint } from '../checkpoint/store.ts';
import { ConfigError, show } from '../core/errors.ts';
import { anyThat, parseOptions } from '../core/options.ts';
import * as tf from '../core/tf.ts';
import { configureOnce } from '../module/lifecycle.ts';
import { LightningModule } from '../module/lightning-module.ts';
import { restoreWeights } from '../module/weights.ts';
import type { LossBalancer } from './balancers/balancer.ts';
import { Distiller, type Student } from './distiller.ts';
import { KnowledgeTransfer } from './knowledge-transfer.ts';
import { ModelStudent, type ModelStudentOptions } from './model-student.ts';
import type { DistillationCriterion } from './pairs.ts';
import { type LoadTeacherOptions, loadTeacher, type TeacherSpec } from './teachers/load-teacher.ts';

/** How a student is distilled. */
export interface ConvertOptions extends LoadTeacherOptions {
  /** Who teaches: see {@link TeacherSpec}. */
  teacherModel: TeacherSpec;
  /** What is learned: a loss between the outputs, or pairs of layers. */
  criterion: DistillationCriterion;
  /** Makes one loss of several. Needed for more than one; without it the student's own loss is not used. */
  lossBalancer?: LossBalancer | undefined;
  /** How a bare tf.LayersModel is trained; a LightningModule knows that itself. */
  training?: ModelStudentOptions | undefined;
}

const given = (value: unknown): boolean => value !== undefined && value !== null;
const schema = z.strictObject({
  teacherModel: anyThat<TeacherSpec>('a model, a factory or a file:// URL', given),
  criterion: anyThat<DistillationCriterion>('a loss, a list of pairs or a record of losses', given),
  lossBalancer: anyThat<LossBalancer>(
    'a LossBalancer',
    (value) => typeof (value as LossBalancer)?.combine === 'function',
  ).optional(),
  training: anyThat<ModelStudentOptions>('an object', (value) => typeof value === 'object').optional(),
  probabilities: z.boolean({ error: 'true or false' }).optional(),
  loadGraphModel: anyThat<NonNullable<LoadTeacherOptions['loadGraphModel']>>(
    'a function',
    (v) => typeof v === 'function',
  ).optional(),
  onnxRuntime: anyThat<NonNullable<LoadTeacherOptions['onnxRuntime']>>(
    'a function',
    (v) => typeof v === 'function',
  ).optional(),
});

/**
 * Puts a teacher beside a student. The student stays what it is; what is trained, saved and exported is the student.
 *
 * @param student a tf.LayersModel, which is then trained as a classifier of `{ x, y }`, or a LightningModule
 * @throws ConfigError for a teacher, criterion or balancer that does not fit, with the layers that there are
 *
 * @example
 * ```ts
 * const distiller = await convert(student, {
 *   teacherModel: 'file:///models/resnet/model.json',
 *   criterion: new LogitsDistillationLoss({ temperature: 4 }),
 *   lossBalancer: new StaticLossBalancer(0.9),
 * });
 * await trainer.fit(distiller, { train, val });
 * await exportStudent(distiller).save('file://student');
 * ```
 */
export async function convert<S extends Student>(student: S, options: ConvertOptions): Promise<Distiller<S>> {
  const { teacherModel, criterion, lossBalancer, training, ...loading } = parseOptions('convert', schema, options);
  const isModel = student instanceof tf.LayersModel;
  if (!isModel && !(student instanceof LightningModule)) {
    throw new ConfigError('convert', {
      code: 'invalid-student',
      expected: 'a tf.LayersModel or a LightningModule',
      got: show(student),
    });
  }
  const module = isModel ? new ModelStudent(student, lossBalancer?.usesStudentLoss ?? false, training) : student;
  await configureOnce(module as LightningModule<never>);
  const teacher = await loadTeacher(teacherModel, loading);
  try {
    const transfer = new KnowledgeTransfer({ student, teacher, criterion, lossBalancer });
    return new Distiller(student, module as LightningModule<never>, transfer);
  } catch (error) {
    teacher.dispose?.();
    throw error;
  }
}

/**
 * Ends a distillation: frees connectors, the balancer's variables and a teacher that `convert` has made or loaded, and gives
 * the student back, the same object, which needs nothing of Kelvin to go on.
 *
 * @example
 * ```ts
 * const model = exportStudent(distiller); // model === student
 * ```
 */
export function exportStudent<S extends Student>(distiller: Distiller<S>): S {
  return distiller.release();
}

/**
 * Sets a student's weights from a checkpoint of its distillation; neither teacher nor criterion is needed.
 *
 * @throws CheckpointError `checkpoint-does-not-fit` when a weight of the student has another shape
 * @example
 * ```ts
 * await restoreStudent(student, 'checkpoints/last.ckpt');
 * ```
 */
export async function restoreStudent<S extends Student>(student: S, path: string): Promise<S> {
  const module = student instanceof tf.LayersModel ? new ModelStudent(student, false) : student;
  const checkpoint = await readCheckpoint(path);
  for (const name of checkpoint.tensors.keys())
    if (/^model\/(kd|balancer)\./.test(name)) checkpoint.tensors.delete(name);
  restoreWeights(module as LightningModule<never>, checkpoint, { strict: true });
  return student;
}
