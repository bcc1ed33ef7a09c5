/** A student that learns from labels and from a teacher: Hinton's distillation as a module. */
import { z } from 'zod';
import { ConfigError } from '../core/errors.ts';
import { numberBetween, parseOptions, positiveNumber } from '../core/options.ts';
import * as tf from '../core/tf.ts';
import { klDivergence } from '../losses/kl-divergence.ts';
import {
  type ImageBatch,
  ImageClassificationModel,
  type ImageClassificationOptions,
} from '../module/image-classification-model.ts';
import type { StepResult } from '../module/module-host.ts';
import { type Teacher, type TeacherLogits, teacherLogits } from './teacher.ts';

/** Options of {@link DistillationModule}: those of the student, and how it is taught. */
export interface DistillationOptions extends ImageClassificationOptions {
  /** The trained network to learn from. It is not trained, not saved, and runs in inference mode. */
  teacher: Teacher;
  /** Weight of the teacher's part, α: 0 is plain training, 1 learns from the teacher alone. Default 0.5. */
  alpha?: number | undefined;
  /** Softens both distributions, T. Default 4. `TemperatureCallback` changes it over the epochs. */
  temperature?: number | undefined;
}

const schema = z.strictObject({
  alpha: numberBetween(0, 1).default(0.5),
  temperature: positiveNumber().default(4),
});

/**
 * Distils a teacher into a student: `(1 - α) · CE + α · T² · KL(teacher ‖ student)`, the divergence at temperature T and
 * averaged over the batch. Follows Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network" (2015).
 * Logs `train_loss` with its parts `train_ce_loss` and `train_kd_loss`; validates and tests as any image classifier.
 *
 * @throws ConfigError when the teacher's classes are not the student's, or an option is wrong
 *
 * @example
 * ```ts
 * const student = new DistillationModule({
 *   encoder: mlp({ inputs: [28, 28, 1], hidden: [800, 800] }), classes: 10, teacher, alpha: 0.9, temperature: 20,
 * });
 * await trainer.fit(student, { train, val });
 * await student.net.save('file://student');   // a plain tf.LayersModel
 * ```
 */
export class DistillationModule extends ImageClassificationModel {
  /** T. */
  temperature: number;
  /** α. */
  alpha: number;
  /** Private, so that it is in no parameters and no checkpoint. */
  readonly #teacher: TeacherLogits;

  constructor(options: DistillationOptions) {
    const { teacher, alpha, temperature, ...student } = options;
    super(student);
    const taught = parseOptions('DistillationModule', schema, { alpha, temperature });
    this.temperature = taught.temperature;
    this.alpha = taught.alpha;
    this.#teacher = teacherLogits(teacher, this.classes);
    this.saveHyperparameters(taught);
  }

  /** The teacher's logits `[batch, classes]`. */
  teach(x: tf.Tensor): tf.Tensor2D {
    return this.#teacher(x);
  }

  override trainingStep(batch: ImageBatch, batchIdx: number): StepResult {
    this.checkBatch(batch, batchIdx);
    const { alpha, temperature } = this;
    const logits = this.forward(batch.x);
    const hard = this.loss(logits, batch.y);
    if (alpha === 0) {
      this.log('train_loss', hard, { progBar: true });
      return hard;
    }
    const target = this.teach(batch.x);
    if (target.shape[1] !== logits.shape[1]) throw classMismatch(logits, target);
    const soft = klDivergence(logits, target, { temperature }); // T² is in it
    const loss = tf.add(tf.mul(hard, 1 - alpha), tf.mul(soft, alpha)) as tf.Scalar;
    this.log('train_loss', loss, { progBar: true });
    this.log('train_ce_loss', hard);
    this.log('train_kd_loss', soft);
    return loss;
  }
}

function classMismatch(logits: tf.Tensor, target: tf.Tensor): ConfigError {
  return new ConfigError('DistillationModule: the teacher', {
    code: 'class-mismatch',
    expected: `logits of shape [${logits.shape}], as the student gives`,
    got: `[${target.shape}]`,
  });
}
