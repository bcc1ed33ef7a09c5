/** A student that learns from labels and from a teacher: Hinton's distillation as a module. */
import { z } from 'zod';
import type { Checkpoint } from '../core/contracts.ts';
import { ConfigError } from '../core/errors.ts';
import { numberBetween, parseOptions, positiveNumber } from '../core/options.ts';
import type * as tf from '../core/tf.ts';
import {
  type ImageBatch,
  ImageClassificationModel,
  type ImageClassificationOptions,
} from '../module/image-classification-model.ts';
import type { StepResult } from '../module/module-host.ts';
import { StaticLossBalancer } from './balancers/static-balancer.ts';
import { KnowledgeTransfer } from './knowledge-transfer.ts';
import { LogitsDistillationLoss } from './losses/logits-loss.ts';
import { asSource, type Teacher } from './teachers/as-source.ts';
import { TeacherGuard } from './teachers/guard.ts';
import type { TeacherSource } from './teachers/source.ts';

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
 * For other losses, layers and students see `convert`.
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
export class DistillationModule<Own extends string = never> extends ImageClassificationModel<
  'train_ce_loss' | 'train_kd_loss' | Own
> {
  /** Private, so that the teacher is in no parameters and no checkpoint. */
  readonly #transfer: KnowledgeTransfer;
  readonly #balancer: StaticLossBalancer;
  readonly #guard: TeacherGuard;

  constructor(options: DistillationOptions) {
    const { teacher, alpha, temperature, ...student } = options;
    super(student);
    const taught = parseOptions('DistillationModule', schema, { alpha, temperature });
    const source = asSource(teacher);
    checkClasses(source.classes, this.classes);
    this.#balancer = new StaticLossBalancer(taught.alpha);
    this.#transfer = new KnowledgeTransfer({
      student: this,
      teacher: source,
      criterion: new LogitsDistillationLoss({ temperature: taught.temperature }),
      lossBalancer: this.#balancer,
    });
    this.#guard = new TeacherGuard(source);
    this.saveHyperparameters(taught);
  }

  /** Where the teacher's answers come from. */
  get teacher(): TeacherSource {
    return this.#transfer.teacher;
  }

  /** T. */
  get temperature(): number {
    return this.#transfer.temperature as number;
  }

  set temperature(temperature: number) {
    this.#transfer.temperature = temperature;
  }

  /** α. */
  get alpha(): number {
    return this.#balancer.kdShare;
  }

  set alpha(alpha: number) {
    this.#balancer.kdShare = alpha;
  }

  /** What α is multiplied by. `WeightCallback` sets it. */
  get kdWeight(): number {
    return this.#transfer.kdWeight;
  }

  set kdWeight(weight: number) {
    this.#transfer.kdWeight = weight;
  }

  /** The teacher's logits `[batch, classes]`. @param batch the batch of `x`, by which a cache knows the samples */
  teach(x: tf.Tensor, batch: unknown = { x }): tf.Tensor2D {
    return this.#transfer.teach(x, batch);
  }

  override trainingStep(batch: ImageBatch, batchIdx: number): StepResult {
    this.checkBatch(batch, batchIdx);
    if (this.alpha * this.kdWeight === 0) {
      const loss = this.loss(this.forward(batch.x), batch.y);
      this.log('train_loss', loss, { progBar: true });
      return loss;
    }
    const transfer = this.#transfer;
    try {
      const logits = transfer.forward(batch.x, () => this.forward(batch.x), batch);
      const hard = this.loss(logits, batch.y);
      const losses = transfer.losses(hard, { labels: batch.y });
      const loss = transfer.balance(losses);
      this.log('train_loss', loss, { progBar: true });
      this.log('train_ce_loss', hard);
      this.log('train_kd_loss', losses.kd[0]?.value as tf.Tensor);
      return loss;
    } finally {
      transfer.forget();
    }
  }

  override onFitStart(): void {
    this.#guard.start();
  }

  override onTrainBatchStart(batch: unknown, batchIdx: number): void | Promise<void> {
    return this.#transfer.teacher.prepare?.(batch, batchIdx);
  }

  override onFitEnd(): void {
    this.#guard.end();
  }

  override onSaveCheckpoint(checkpoint: Checkpoint): void {
    this.#guard.save(checkpoint);
  }

  override onLoadCheckpoint(checkpoint: Checkpoint): void {
    this.#guard.load(checkpoint);
  }
}

function checkClasses(known: number | undefined, classes: number): void {
  if (known === undefined || known === classes) return;
  throw new ConfigError('DistillationModule: the teacher', {
    code: 'class-mismatch',
    expected: `${classes} classes, as the student has`,
    got: String(known),
  });
}
