/** What a Distiller asks of the student's own training step. */
import { ConfigError } from '../core/errors.ts';
import * as tf from '../core/tf.ts';
import type { LightningModule } from '../module/lightning-module.ts';
import type { StepResult } from '../module/module-host.ts';

/** @throws ConfigError `manual-optimization` */
export function refuseManual(module: LightningModule<never>): void {
  if (module.automaticOptimization) return;
  throw new ConfigError(`convert: ${module.constructor.name}`, {
    code: 'manual-optimization',
    expected: 'a student with `automaticOptimization`',
    help: 'to optimize by hand, hold a distiller in your module and call its `forward` and `computeKdLoss`',
  });
}

/** The one loss of a step, if it has any. @throws ConfigError `several-losses` */
export function lossOfStep(module: object, result: StepResult): tf.Tensor | undefined {
  if (result === undefined || result === null || result instanceof tf.Tensor) return result as tf.Tensor | undefined;
  if ('loss' in result) return result.loss as tf.Tensor;
  throw new ConfigError(`convert: the training step of ${module.constructor.name}`, {
    code: 'several-losses',
    expected: 'one loss',
    got: 'a loss for each of several optimizers',
  });
}
