/** TeacherAgreement: how often student and teacher give the same class, over the validation batches. */
import { z } from 'zod';
import type { Callback, ModuleView, TrainerView } from '../core/contracts.ts';
import { ConfigError } from '../core/errors.ts';
import { parseOptions, text } from '../core/options.ts';
import * as tf from '../core/tf.ts';
import { labelled, logitsOf } from './classified.ts';

/** Options of {@link TeacherAgreement}. */
export interface TeacherAgreementOptions<M extends string = string> {
  /** The name of the metric. Default `'val_teacher_agreement'`. */
  metric?: M | undefined;
}

const schema = z.strictObject({ metric: text().default('val_teacher_agreement') });

interface HasTeacher {
  teach(x: tf.Tensor): tf.Tensor2D;
}

/**
 * Logs `val_teacher_agreement`, the share of validation samples on which the student's class is the teacher's, beside the
 * terms of the loss that DistillationModule logs and the temperature of TemperatureCallback. Costs a forward pass of the
 * teacher per validation batch. See Stanton et al., "Does Knowledge Distillation Really Work?" (2021).
 *
 * @throws ConfigError `module-without-teacher`, `unknown-option`, `invalid-option`
 *
 * @example
 * ```ts
 * new Trainer({ callbacks: [new TeacherAgreement(), new TemperatureCallback({ schedule: 'cosine' })] });
 * ```
 */
export class TeacherAgreement<const M extends string = 'val_teacher_agreement'> implements Callback {
  readonly metricNames: readonly M[];
  readonly #metric: M;

  constructor(options: TeacherAgreementOptions<M> = {}) {
    this.#metric = parseOptions('TeacherAgreement', schema, options).metric as M;
    this.metricNames = [this.#metric];
  }

  onValidationStart(_trainer: TrainerView, module: ModuleView): void {
    if ('teach' in module && typeof module.teach === 'function') return;
    throw new ConfigError('TeacherAgreement', {
      code: 'module-without-teacher',
      expected: 'a DistillationModule, or a module with `teach(x)`',
      got: module.constructor.name,
    });
  }

  onValidationBatchEnd(_trainer: TrainerView, module: ModuleView, outputs: unknown, batch: unknown): void {
    tf.tidy(() => {
      const { x } = labelled('TeacherAgreement', module, batch);
      const student = tf.argMax(logitsOf('TeacherAgreement', module, outputs, batch), 1);
      const teacher = tf.argMax((module as unknown as HasTeacher).teach(x), 1);
      module.log(this.#metric, tf.mean(tf.cast(tf.equal(student, teacher), 'float32')));
    });
  }
}
