/** Module replacement: the student's blocks take the places of the teacher's, one by one, until none is left. */
import { z } from 'zod';
import { ConfigError } from '../../core/errors.ts';
import { anyThat, numberBetween, oneOf, parseOptions } from '../../core/options.ts';
import { globalRandom } from '../../core/seed.ts';
import * as tf from '../../core/tf.ts';
import * as losses from '../../losses/index.ts';
import {
  type ImageBatch,
  ImageClassificationModel,
  type ImageClassificationOptions,
} from '../../module/image-classification-model.ts';
import type { StepResult } from '../../module/module-host.ts';
import { TeacherGuard } from '../teachers/guard.ts';
import { NetworkTeacher } from '../teachers/network-teacher.ts';

/** Options of {@link ModuleReplacement}: those of the classifier but its network, and the blocks. */
export interface ModuleReplacementOptions extends Omit<ImageClassificationOptions, 'encoder' | 'head' | 'classes'> {
  /** The trained network in pieces: each takes what the one before gives, the last gives logits. Not trained, not saved. */
  teacher: readonly tf.LayersModel[];
  /** As many pieces, each of the shapes of the teacher's piece at its place. */
  student: readonly tf.LayersModel[];
  /**
   * `'theseus'` (default): each block is the student's with a chance that rises over the run, and learns from the labels
   * (Xu et al. 2020, arXiv 2002.02925). `'layerwise'`: each block learns to give what the teacher's gives for the same
   * input, without labels.
   */
  mode?: 'theseus' | 'layerwise' | undefined;
  /** The chance of the student's block at the beginning. Default 0.5. */
  start?: number | undefined;
  /** The share of the run's steps after which it is 1, so that the student trains as a whole. Default 0.6. */
  until?: number | undefined;
}

const blocks = (): z.ZodType<readonly tf.LayersModel[]> =>
  anyThat('at least one tf.LayersModel', (value) => {
    return Array.isArray(value) && value.length > 0 && value.every((one) => one instanceof tf.LayersModel);
  });

const schema = z.strictObject({
  teacher: blocks(),
  student: blocks(),
  mode: oneOf('theseus', 'layerwise').default('theseus'),
  start: numberBetween(0, 1).default(0.5),
  until: numberBetween(0, 1).default(0.6),
});

/**
 * Trains a student block by block within its teacher. Validation, test and prediction run the student alone; checkpoints hold
 * it alone. Which blocks are replaced comes from the seeded stream, so that a resumed run goes on exactly. Logs
 * `replacing_rate` in mode `'theseus'`, and `train_block_0` and its like in mode `'layerwise'`.
 *
 * @throws ConfigError `blocks-do-not-fit` for another number of blocks, or shapes that differ
 *
 * @example
 * ```ts
 * const replacement = new ModuleReplacement({ teacher: [stem, body, head], student: [smallStem, smallBody, smallHead] });
 * await trainer.fit(replacement, { train, val });
 * await replacement.net.save('file://student');
 * ```
 */
export class ModuleReplacement extends ImageClassificationModel<'replacing_rate' | `train_block_${number}`> {
  /** Private, so that the teacher is in no parameters and no checkpoint. */
  readonly #teacher: readonly tf.LayersModel[];
  readonly #student: readonly tf.LayersModel[];
  readonly #plan: { mode: 'theseus' | 'layerwise'; start: number; until: number };
  readonly #guards: readonly TeacherGuard[];

  constructor(options: ModuleReplacementOptions) {
    const { teacher, student, mode, start, until, ...classifier } = options;
    const parsed = parseOptions('ModuleReplacement', schema, { teacher, student, mode, start, until });
    checkBlocks(parsed.teacher, parsed.student);
    const classes = outputOf(parsed.student.at(-1) as tf.LayersModel).at(-1) ?? 0;
    super({ ...classifier, encoder: tf.sequential({ layers: [...parsed.student] }), head: 'none', classes });
    this.#teacher = parsed.teacher;
    this.#student = parsed.student;
    this.#plan = { mode: parsed.mode, start: parsed.start, until: parsed.until };
    this.#guards = parsed.teacher.map((block) => new TeacherGuard(new NetworkTeacher(block)));
    this.saveHyperparameters(this.#plan);
  }

  /** The chance of the student's blocks at this step. */
  get replacingRate(): number {
    const { start, until } = this.#plan;
    const progress = this.globalStep / this.trainer.estimatedSteppingBatches;
    return Math.min(1, start + (1 - start) * (until > 0 ? progress / until : 1));
  }

  override trainingStep(batch: ImageBatch, batchIdx: number): StepResult {
    const loss = this.#plan.mode === 'theseus' ? this.#replaced(batch, batchIdx) : this.#layerwise(batch);
    this.log('train_loss', loss, { progBar: true });
    return loss;
  }

  override onFitStart(): void {
    for (const guard of this.#guards) guard.start();
  }

  override onFitEnd(): void {
    for (const guard of this.#guards) guard.end();
  }

  #replaced(batch: ImageBatch, batchIdx: number): tf.Scalar {
    this.checkBatch(batch, batchIdx);
    const rate = this.replacingRate;
    this.log('replacing_rate', rate);
    const random = globalRandom();
    const chosen = this.#student.map(() => random.uniform() < rate);
    // With none of its blocks in place a step would teach nothing.
    if (!chosen.includes(true)) chosen[random.integer(chosen.length)] = true;
    const logits = chosen.reduce<tf.Tensor>((x, own, i) => (own ? this.#own(i, x) : this.#given(i, x)), batch.x);
    return this.loss(logits as tf.Tensor2D, batch.y);
  }

  #layerwise({ x }: ImageBatch): tf.Scalar {
    const inputs: tf.Tensor[] = [x];
    const each = this.#teacher.map((_, i) => {
      const input = inputs[i] as tf.Tensor;
      const target = this.#given(i, input);
      inputs.push(target);
      const loss = losses.featureMse(this.#own(i, input), target);
      this.log(`train_block_${i}`, loss as tf.Scalar);
      return loss;
    });
    return tf.addN(each) as tf.Scalar;
  }

  #own(block: number, x: tf.Tensor): tf.Tensor {
    return this.#student[block]?.apply(x, { training: true }) as tf.Tensor;
  }

  #given(block: number, x: tf.Tensor): tf.Tensor {
    return this.#teacher[block]?.apply(x, { training: false }) as tf.Tensor;
  }
}

const inputOf = (block: tf.LayersModel) => block.inputs[0]?.shape ?? [];
const outputOf = (block: tf.LayersModel) => block.outputs[0]?.shape ?? [];

function checkBlocks(teacher: readonly tf.LayersModel[], student: readonly tf.LayersModel[]): void {
  const describe = (list: readonly tf.LayersModel[]): string[] =>
    list.map((block) => `[${inputOf(block).slice(1)}] -> [${outputOf(block).slice(1)}]`);
  const [expected, got] = [describe(teacher), describe(student)];
  if (expected.join() === got.join()) return;
  throw new ConfigError('ModuleReplacement: the blocks of the student', {
    code: 'blocks-do-not-fit',
    expected: `those of the teacher: ${expected.join(', ')}`,
    got: got.join(', '),
    help: 'end or begin a block with a layer that brings it to the shape',
  });
}
