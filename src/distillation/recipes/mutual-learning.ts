/** Deep mutual learning: students that have no teacher but one another, trained side by side in one fit. */
import { z } from 'zod';
import { ConfigError } from '../../core/errors.ts';
import { numberBetween, parseOptions, positiveNumber } from '../../core/options.ts';
import { isPlainObject } from '../../core/tensors.ts';
import * as tf from '../../core/tf.ts';
import * as losses from '../../losses/index.ts';
import { configureOnce } from '../../module/lifecycle.ts';
import { LightningModule } from '../../module/lightning-module.ts';
import type { StepResult } from '../../module/module-host.ts';
import type { OptimizerConfig } from '../../module/optimizer-config.ts';
import { fromTfOptimizer } from '../../optim/index.ts';
import type { Student } from '../distiller.ts';
import { lossOfStep, refuseManual } from '../distiller-steps.ts';
import { ModelStudent, type ModelStudentOptions } from '../model-student.ts';
import { listen } from '../taps/listen.ts';
import { replaceMethod } from '../taps/replace-method.ts';
import { checkSameClasses } from '../teachers/check-logits.ts';

/** Options of {@link MutualLearning}. */
export interface MutualLearningOptions {
  /** Softens both sides of the divergence, which is multiplied by T². Default 1, as published. */
  temperature?: number | undefined;
  /** What the mean divergence from the others is multiplied by. Default 1. */
  weight?: number | undefined;
  /** How bare models are trained; modules know that themselves. */
  training?: ModelStudentOptions | undefined;
}

const schema = z.strictObject({
  temperature: positiveNumber().default(1),
  weight: numberBetween(0, Number.POSITIVE_INFINITY).default(1),
});

/**
 * Trains students together (Zhang et al. 2018, arXiv 1706.00384): the loss of student k is its own plus the mean of
 * `KL(p_j ‖ p_k)` over the others j, who are constants there. All see one batch, and all are updated after it; each by its own
 * optimizer, `student_0`, `student_1`, ….
 *
 * Runs the students' steps and optimizers; their hooks are not called. What they log gets their name in front,
 * `student_0/val_acc`, beside `student_0/train_kl`. `TemperatureCallback` and `WeightCallback` go with it.
 *
 * @throws ConfigError `invalid-students` for fewer than two, or one that is there twice; `manual-optimization`; when trained,
 *   `class-mismatch`, `several-losses`, `several-optimizers`
 *
 * @example
 * ```ts
 * const cohort = new MutualLearning([mlp({ inputs: 784, hidden: [64], classes: 10 }), mlp({ inputs: 784, hidden: [32], classes: 10 })]);
 * await trainer.fit(cohort, { train, val });
 * ```
 */
export class MutualLearning extends LightningModule<unknown> {
  /** The students as modules, in the order in which they were given. */
  readonly students: readonly LightningModule<unknown>[];
  /** T. `TemperatureCallback` sets it. */
  temperature: number;
  /** What the weight of the divergence is multiplied by. `WeightCallback` sets it. */
  kdWeight = 1;
  readonly #weight: number;

  constructor(students: readonly Student[], { training, ...options }: MutualLearningOptions = {}) {
    super();
    const { temperature, weight } = parseOptions('MutualLearning', schema, options);
    if (students.length < 2 || new Set(students).size < students.length) throw invalidStudents(students.length);
    this.students = students.map((student) => {
      const module = student instanceof tf.LayersModel ? new ModelStudent(student, true, training) : student;
      refuseManual(module as LightningModule<never>);
      return module as LightningModule<unknown>;
    });
    this.temperature = temperature;
    this.#weight = weight;
    this.saveHyperparameters({ temperature, weight });
  }

  override async configureModel(): Promise<void> {
    for (const student of this.students) await configureOnce(student as LightningModule<never>);
  }

  override trainingStep(batch: unknown, batchIdx: number): StepResult {
    const passes = this.students.map((student, i) => this.#pass(student, i, batch, batchIdx));
    const total: Record<string, tf.Tensor> = {};
    for (const [i, { own, logits }] of passes.entries()) {
      const others = passes.filter((_, j) => j !== i);
      const divergences = others.map((other) => {
        checkSameClasses(logits, other.logits);
        return losses.klDivergence(logits, other.logits, { temperature: this.temperature });
      });
      const kl = tf.div(tf.addN(divergences), others.length);
      this.log(`${nameOf(i)}/train_kl`, kl as tf.Scalar);
      total[nameOf(i)] = tf.add(own, tf.mul(kl, this.#weight * this.kdWeight));
    }
    return { losses: total };
  }

  override validationStep(batch: unknown, batchIdx: number, dataloaderIdx: number): void {
    this.#each((student) => student.validationStep?.(batch, batchIdx, dataloaderIdx));
  }

  override testStep(batch: unknown, batchIdx: number, dataloaderIdx: number): void {
    this.#each((student) => student.testStep?.(batch, batchIdx, dataloaderIdx));
  }

  override async configureOptimizers(): Promise<OptimizerConfig[]> {
    const configs = [];
    for (const [i, student] of this.students.entries()) configs.push(await optimizerOf(student, nameOf(i)));
    return configs;
  }

  /** A student's training step: its own loss, and the logits that its `forward` gave. */
  #pass(student: LightningModule<unknown>, i: number, batch: unknown, batchIdx: number) {
    const heard = listen(student);
    try {
      const result = underName(student, nameOf(i), () => student.trainingStep(batch, batchIdx));
      const own = lossOfStep(student, result, 'MutualLearning');
      if (own === undefined) throw withoutLoss(nameOf(i));
      return { own, logits: tf.clone(heard.heard().output) };
    } finally {
      heard.close();
    }
  }

  #each(step: (student: LightningModule<unknown>) => unknown): void {
    for (const [i, student] of this.students.entries()) underName(student, nameOf(i), () => step(student));
  }
}

const nameOf = (index: number): string => `student_${index}`;

/** Runs `body` with everything that a student logs put under its name. */
function underName<T>(student: LightningModule<unknown>, name: string, body: () => T): T {
  const restore = replaceMethod(student, 'log', (log) => (metric, ...rest) => {
    log.call(student, `${name}/${String(metric)}`, ...rest);
  });
  try {
    return body();
  } finally {
    restore();
  }
}

async function optimizerOf(student: LightningModule<unknown>, name: string): Promise<OptimizerConfig> {
  const configured = await student.configureOptimizers();
  const list: readonly unknown[] = Array.isArray(configured) ? configured : [configured];
  const [only] = list;
  if (list.length !== 1 || only === undefined) {
    throw new ConfigError(`MutualLearning: ${name}`, {
      code: 'several-optimizers',
      expected: 'a student with one optimizer',
      got: only === undefined ? 'none' : String(list.length),
    });
  }
  const config = isPlainObject(only) ? (only as unknown as OptimizerConfig) : { optimizer: only as tf.Optimizer };
  const { optimizer } = config;
  const own = optimizer instanceof tf.Optimizer ? fromTfOptimizer(optimizer, student.parameters()) : optimizer;
  return { ...config, name, optimizer: own };
}

function invalidStudents(count: number): ConfigError {
  return new ConfigError('MutualLearning', {
    code: 'invalid-students',
    expected: 'at least two students, each there once',
    got: String(count),
  });
}

function withoutLoss(name: string): ConfigError {
  return new ConfigError(`MutualLearning: the training step of ${name}`, {
    code: 'student-loss-missing',
    expected: 'a loss',
    got: 'none',
  });
}
