/**
 * The core of every distillation: which outputs of student and teacher are compared, how, and with what weights. Modules
 * run their forward pass through it and ask it for the loss.
 */
import { ConfigError } from '../core/errors.ts';
import { currentRecording } from '../core/recording.ts';
import * as tf from '../core/tf.ts';
import type { FoundVariable } from '../module/variables.ts';
import type { LossBalancer, StepLosses } from './balancers/balancer.ts';
import { kdSum } from './balancers/static-balancer.ts';
import { KdLosses } from './kd-losses.ts';
import { type DistillationCriterion, type ResolvedPair, resolvePairs } from './pairs.ts';
import { capture, type Tapped } from './taps/capture.ts';
import { findTap, shapeOfLayer, type Tap, type TapRoot } from './taps/find-layer.ts';
import { listen, type ModuleWithForward, noForward } from './taps/listen.ts';
import { checkAreLogits, checkSameClasses } from './teachers/check-logits.ts';
import type { TeacherSource } from './teachers/source.ts';

/** What a {@link KnowledgeTransfer} is made of. */
export interface TransferOptions {
  /** Whose layers the criterion names. */
  student: TapRoot;
  teacher: TeacherSource;
  criterion: DistillationCriterion;
  lossBalancer?: LossBalancer | undefined;
}

/** Options of {@link KnowledgeTransfer.computeKdLoss}. */
export interface KdLossOptions {
  /** Labels of the batch, for losses that need them. */
  labels?: tf.Tensor | undefined;
  /** Makes a scalar of each loss. Default: the mean. */
  reduction?: ((loss: tf.Tensor) => tf.Tensor) | undefined;
  /** Give the losses by name instead of the balanced one. Default `false`. */
  skipBalancer?: boolean | undefined;
}

/** What one step has seen of student and teacher. */
interface Seen {
  readonly student: Tapped;
  readonly teacher: ReadonlyMap<string, tf.Tensor>;
}

export class KnowledgeTransfer {
  readonly teacher: TeacherSource;
  readonly pairs: readonly ResolvedPair[];
  readonly balancer: LossBalancer | undefined;
  /** What the weight of the distillation is multiplied by: `WeightCallback` sets it. */
  kdWeight = 1;
  readonly #studentTaps: readonly Tap[];
  readonly #teacherTaps: readonly string[];
  readonly #losses: KdLosses;
  readonly #comparesLogits: boolean;
  #checked = false;
  #seen: Seen | undefined;

  /** @throws ConfigError `invalid-criterion`, `unknown-layer`, `balancer-missing`, `connector-does-not-fit`, `invalid-weights` */
  constructor({ student, teacher, criterion, lossBalancer }: TransferOptions) {
    this.teacher = teacher;
    this.pairs = resolvePairs(criterion);
    this.balancer = lossBalancer;
    this.#comparesLogits = this.pairs.some(
      ({ student, teacher, loss }) => student === '' && teacher === '' && loss.temperature !== undefined,
    );
    if (lossBalancer === undefined && this.pairs.length > 1) throw balancerMissing(this.pairs.length);
    const names = (side: 'student' | 'teacher'): string[] => [...new Set(this.pairs.map((pair) => pair[side]))];
    const taps = names('student').flatMap((path) => (path === '' ? [] : findTap('The student', student, path)));
    this.#studentTaps = taps;
    this.#teacherTaps = names('teacher');
    for (const tap of this.#teacherTaps) teacher.shapeOf?.(tap);
    this.#losses = new KdLosses(this.pairs, {
      student: (path) => shapeOfLayer((taps.find((tap) => tap.path === path) as Tap).layer),
      teacher: (path) => teacher.shapeOf?.(path),
    });
    lossBalancer?.build?.(this.pairs.map(({ name }) => name));
  }

  /** The temperature of the losses that have one; the first counts. */
  get temperature(): number | undefined {
    return this.pairs.find(({ loss }) => loss.temperature !== undefined)?.loss.temperature;
  }

  set temperature(value: number | undefined) {
    for (const { loss } of this.pairs) if (loss.temperature !== undefined) loss.temperature = value;
  }

  /**
   * Runs the student's forward pass with its taps open, then the teacher's on the same input.
   *
   * @param forward gives the student's logits
   * @param batch what a source may know the sample by
   */
  forward<T extends tf.Tensor>(x: tf.Tensor, forward: () => T, batch: unknown): T {
    const { result, tapped } = capture('The student', this.#studentTaps, forward);
    this.#see(x, result, tapped, batch);
    return result;
  }

  /**
   * Runs the training step of a module that knows nothing of distillation. Its output is what its `forward` returned, and
   * the teacher gets what its `forward` was given, so that both see the same view.
   *
   * @throws ConfigError `no-forward` when the step calls no `forward`
   */
  step<T>(module: ModuleWithForward, body: () => T, batch: unknown): T {
    const pass = listen(module);
    try {
      const { result, tapped } = capture('The student', this.#studentTaps, body);
      const { input, output } = pass.heard();
      this.#see(tf.clone(input), tf.clone(output), tapped, batch);
      return result;
    } finally {
      pass.close();
    }
  }

  /** The teacher's logits. */
  teach(x: tf.Tensor, batch: unknown = undefined): tf.Tensor2D {
    return this.#ask(x, [''], batch).get('') as tf.Tensor2D;
  }

  /**
   * The loss of the step that has just run: `{ student_loss, <loss name>_<i>, … }` in the criterion's order, balanced to one.
   *
   * @throws ConfigError `no-forward` before a forward pass, `balancer-missing` for a student loss without a balancer
   */
  computeKdLoss(
    studentLoss: tf.Tensor | undefined,
    options: KdLossOptions & { skipBalancer: true },
  ): Record<string, tf.Tensor>;
  computeKdLoss(studentLoss?: tf.Tensor, options?: KdLossOptions): tf.Scalar;
  computeKdLoss(studentLoss?: tf.Tensor, options: KdLossOptions = {}): tf.Scalar | Record<string, tf.Tensor> {
    const step = this.losses(studentLoss, options);
    if (options.skipBalancer) {
      const kd = step.kd.map(({ name, value }) => [name, value] as const);
      return Object.fromEntries(studentLoss === undefined ? kd : [['student_loss', studentLoss] as const, ...kd]);
    }
    return this.balance(step);
  }

  /** The losses of the step, not yet balanced. */
  losses(studentLoss: tf.Tensor | undefined, { labels, reduction = tf.mean }: KdLossOptions = {}): StepLosses {
    const seen = this.#seen;
    if (seen === undefined || [...seen.student.values()].some((tensor) => tensor.isDisposed)) throw noForward();
    const kd = this.#losses.compute(seen, { labels }, reduction);
    return { kd, student: studentLoss, kdWeight: this.kdWeight };
  }

  /** One loss of several. @throws ConfigError `balancer-missing`, `student-loss-missing` */
  balance(step: StepLosses): tf.Scalar {
    if (this.balancer !== undefined) return this.balancer.combine(step) as tf.Scalar;
    if (step.student !== undefined) throw balancerMissing(2);
    return tf.mul(kdSum(step.kd), step.kdWeight) as tf.Scalar;
  }

  /** Forgets what the last step has seen. */
  forget(): void {
    this.#seen = undefined;
  }

  /** Variables of connectors, losses and balancer. */
  foundVariables(): FoundVariable[] {
    const balancer = this.balancer?.foundVariables?.() ?? [];
    return [...this.#losses.foundVariables(), ...balancer.map((each) => ({ ...each, name: `balancer.${each.name}` }))];
  }

  startEpoch(epoch: number): void {
    for (const { loss } of this.pairs) loss.startEpoch?.(epoch);
  }

  #see(x: tf.Tensor, output: tf.Tensor, tapped: Tapped, batch: unknown): void {
    const teacher = this.#ask(x, this.#teacherTaps, batch);
    if (this.#comparesLogits) this.#checkLogits(output, teacher.get('') as tf.Tensor);
    this.#seen = { student: new Map([...tapped, ['', output]]), teacher };
  }

  /** Shapes in every step; whether they are logits at all in the first one that nobody records, since that is read back. */
  #checkLogits(student: tf.Tensor, teacher: tf.Tensor): void {
    checkSameClasses(student, teacher);
    if (this.#checked || currentRecording() !== undefined) return;
    checkAreLogits('The student', student);
    checkAreLogits('The teacher', teacher);
    this.#checked = true;
  }

  #ask(x: tf.Tensor, taps: readonly string[], batch: unknown): ReadonlyMap<string, tf.Tensor> {
    return this.teacher.outputs(x, taps, { batch, temperature: this.temperature ?? 1 });
  }
}

function balancerMissing(losses: number): ConfigError {
  return new ConfigError('The distillation', {
    code: 'balancer-missing',
    expected: `a \`lossBalancer\` for ${losses} losses`,
    got: 'none',
    help: 'new StaticLossBalancer([0.5, 0.3]) leaves 0.2 for the student loss; see also SumLossBalancer',
  });
}
