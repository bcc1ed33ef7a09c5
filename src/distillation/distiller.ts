/** A student with a teacher beside it, by composition: what `convert` gives, to be trained like any module. */
import type { Checkpoint, Gradients } from '../core/contracts.ts';
import { isThenable } from '../core/tensors.ts';
import * as tf from '../core/tf.ts';
import { LightningModule } from '../module/lightning-module.ts';
import type { GradientClipping, StepResult } from '../module/module-host.ts';
import type { ConfiguredOptimizers } from '../module/optimizer-config.ts';
import type { FoundVariable } from '../module/variables.ts';
import type { LRScheduler, Optimizer, ReduceLROnPlateau } from '../optim/index.ts';
import { delegate, lossOfStep, refuseManual } from './distiller-steps.ts';
import type { KdLossOptions, KnowledgeTransfer } from './knowledge-transfer.ts';
import { ModelStudent } from './model-student.ts';
import { replaceMethod } from './taps/replace-method.ts';
import { TeacherGuard } from './teachers/guard.ts';
import type { TeacherSource } from './teachers/source.ts';

/** Anything that can be distilled into. */
export type Student = tf.LayersModel | LightningModule<never>;

/**
 * A student being distilled. It trains, validates, tests and predicts as the student does; a training step adds the losses of
 * the criterion. Its checkpoints hold the student's weights under the student's own names (and those of connectors), so that
 * they load into the bare student, and nothing of the teacher. Made by `convert`.
 *
 * Logs `train_student_loss`, one `train_<Loss>_<i>` for each loss, and `train_distillation_loss`, beside what the student logs.
 */
export class Distiller<S extends Student = Student> extends LightningModule<unknown> {
  /** The student as a module: itself, or a wrapper around a bare model. */
  readonly module: LightningModule<unknown>;
  readonly #student: S;
  readonly #transfer: KnowledgeTransfer;
  readonly #guard: TeacherGuard;
  #mode: 'both' | 'student' | 'teacher' = 'both';
  #teacherHidden = false;

  /** @throws ConfigError `manual-optimization` for a student that optimizes by hand */
  constructor(student: S, module: LightningModule<never>, transfer: KnowledgeTransfer) {
    super();
    refuseManual(module);
    this.#student = student;
    this.module = module as LightningModule<unknown>;
    this.#transfer = transfer;
    this.#guard = new TeacherGuard(transfer.teacher);
    this.saveHyperparameters(module.hparams);
    delegate(this, module, Distiller.prototype);
  }

  /** The very object that was given to `convert`. */
  get student(): S {
    return this.#student;
  }

  /** Where the teacher's answers come from; `undefined` within `hideTeacher`. */
  get teacher(): TeacherSource | undefined {
    return this.#teacherHidden ? undefined : this.#transfer.teacher;
  }

  /** The temperature of the losses that have one. `TemperatureCallback` sets it. */
  get temperature(): number {
    return this.#transfer.temperature ?? 1;
  }

  set temperature(value: number) {
    this.#transfer.temperature = value;
  }

  /** What the weight of the distillation is multiplied by, 1 by default. `WeightCallback` sets it. */
  get kdWeight(): number {
    return this.#transfer.kdWeight;
  }

  set kdWeight(value: number) {
    this.#transfer.kdWeight = value;
  }

  /** The student's output; within `onlyTeacher` the teacher's logits. In training the teacher runs as well. */
  override forward(x: tf.Tensor): tf.Tensor {
    if (this.#mode === 'teacher') return this.teach(x);
    const run = (): tf.Tensor => this.module.forward?.(x as never) as tf.Tensor;
    return this.#mode === 'both' && this.training ? this.#transfer.forward(x, run, { x }) : run();
  }

  /** The teacher's logits. @param batch the batch of `x`, by which a cache knows the samples */
  teach(x: tf.Tensor, batch: unknown = { x }): tf.Tensor2D {
    return this.#transfer.teach(x, batch);
  }

  /**
   * The loss of the forward pass that has just run: `{ student_loss, <Loss>_<i>, … }`, balanced to one scalar.
   *
   * @throws ConfigError `no-forward`, `balancer-missing`, `student-loss-missing`
   * @example
   * ```ts
   * const loss = distiller.computeKdLoss(crossEntropy, { labels: y });
   * ```
   */
  computeKdLoss(
    studentLoss: tf.Tensor | undefined,
    options: KdLossOptions & { skipBalancer: true },
  ): Record<string, tf.Tensor>;
  computeKdLoss(studentLoss?: tf.Tensor, options?: KdLossOptions): tf.Scalar;
  computeKdLoss(studentLoss?: tf.Tensor, options: KdLossOptions = {}): tf.Scalar | Record<string, tf.Tensor> {
    return this.#transfer.computeKdLoss(studentLoss, options as KdLossOptions & { skipBalancer: true });
  }

  override trainingStep(batch: unknown, batchIdx: number): StepResult {
    const step = (): StepResult => this.module.trainingStep(batch, batchIdx);
    if (this.#mode === 'student') return step();
    const transfer = this.#transfer;
    try {
      const result = transfer.step(this.module, step, batch);
      const own = lossOfStep(this.module, result);
      if (own === undefined && !(this.module instanceof ModelStudent)) return undefined;
      const used = transfer.balancer?.usesStudentLoss ? own : undefined;
      const losses = transfer.losses(used, { labels: labelsOf(batch) });
      const loss = transfer.balance(losses);
      this.log('train_distillation_loss', loss, { progBar: true });
      if (used !== undefined) this.log('train_student_loss', used);
      for (const { name, value } of losses.kd) this.log(`train_${name}`, value);
      return result instanceof tf.Tensor ? loss : { ...result, loss };
    } finally {
      transfer.forget();
    }
  }

  /** Runs `body` with the teacher at rest: forward passes and training steps are the student's alone. */
  onlyStudent<T>(body: () => T): T {
    return this.#within('student', this.#teacherHidden, body);
  }

  /** Runs `body` with `forward` giving the teacher's logits. */
  onlyTeacher<T>(body: () => T): T {
    return this.#within('teacher', this.#teacherHidden, body);
  }

  /** Runs `body` with no teacher to be seen: `teacher` is undefined and the student runs alone. */
  hideTeacher<T>(body: () => T): T {
    return this.#within('student', true, body);
  }

  /** The optimizers of the student, which also get the variables of connectors and balancer. */
  override configureOptimizers(): ConfiguredOptimizers | Promise<ConfiguredOptimizers> {
    const done = replaceMethod(this.module, 'parameters', () => () => this.parameters());
    return finallyDo(() => this.module.configureOptimizers(), done);
  }

  /** The student's variables under the student's names, then those of connectors, losses and balancer. */
  override foundVariables(): FoundVariable[] {
    return [...this.module.foundVariables(), ...this.#transfer.foundVariables()];
  }

  override predictStep(batch: unknown, batchIdx: number, dataloaderIdx: number): unknown {
    return this.module.predictStep(batch, batchIdx, dataloaderIdx);
  }

  override configureGradientClipping(
    optimizer: Optimizer,
    gradients: Gradients,
    clipping: GradientClipping,
  ): Gradients {
    return this.module.configureGradientClipping(optimizer, gradients, clipping);
  }

  override optimizerStep(epoch: number, batchIdx: number, optimizer: Optimizer, apply: () => void): void {
    this.module.optimizerStep(epoch, batchIdx, optimizer, apply);
  }

  override lrSchedulerStep(scheduler: LRScheduler | ReduceLROnPlateau, metric: number | undefined): void {
    this.module.lrSchedulerStep(scheduler, metric);
  }

  override async onFitStart(): Promise<void> {
    this.#guard.start();
    await this.module.onFitStart?.();
  }

  override async onTrainEpochStart(): Promise<void> {
    this.#transfer.startEpoch(this.currentEpoch);
    await this.module.onTrainEpochStart?.();
  }

  /** Waits only where the teacher or the student has something to wait for. */
  override onTrainBatchStart(batch: unknown, batchIdx: number): void | -1 | Promise<void | -1> {
    const own = (): void | -1 | Promise<void | -1> => this.module.onTrainBatchStart?.(batch, batchIdx);
    const prepared = this.#mode === 'student' ? undefined : this.#transfer.teacher.prepare?.(batch, batchIdx);
    return isThenable(prepared) ? Promise.resolve(prepared).then(own) : own();
  }

  override async onFitEnd(): Promise<void> {
    this.#guard.end();
    await this.module.onFitEnd?.();
  }

  override async onSaveCheckpoint(checkpoint: Checkpoint): Promise<void> {
    this.#guard.save(checkpoint);
    await this.module.onSaveCheckpoint?.(checkpoint);
  }

  override async onLoadCheckpoint(checkpoint: Checkpoint): Promise<void> {
    this.#guard.load(checkpoint);
    this.#transfer.startEpoch(this.currentEpoch);
    await this.module.onLoadCheckpoint?.(checkpoint);
  }

  /** Ends the distillation: frees everything but the student, which is given back. See `exportStudent`. */
  release(): S {
    for (const { variable } of this.#transfer.foundVariables()) variable.dispose();
    this.#transfer.teacher.dispose?.();
    return this.#student;
  }

  #within<T>(mode: 'student' | 'teacher', hidden: boolean, body: () => T): T {
    const before = [this.#mode, this.#teacherHidden] as const;
    [this.#mode, this.#teacherHidden] = [mode, hidden];
    return finallyDo(body, () => {
      [this.#mode, this.#teacherHidden] = before;
    });
  }
}

const labelsOf = (batch: unknown): tf.Tensor | undefined => {
  const { y } = (batch ?? {}) as { y?: unknown };
  return y instanceof tf.Tensor ? y : undefined;
};

/** Calls `done` when `body` has ended, however it ends, at once or later. */
function finallyDo<T>(body: () => T, done: () => void): T {
  let pending = false;
  try {
    const result = body();
    pending = isThenable(result);
    return pending ? (Promise.resolve(result).finally(done) as T) : result;
  } finally {
    if (!pending) done();
  }
}
