/** What a Distiller asks of the student as a module: its training step, its hooks, its loaders. */
import { ConfigError } from '../core/errors.ts';
import { HOOK_NAMES, hookMethod } from '../core/hooks.ts';
import * as tf from '../core/tf.ts';
import { TRANSFER_HOOKS } from '../module/batch-transfer.ts';
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
export function lossOfStep(module: object, result: StepResult, owner = 'convert'): tf.Tensor | undefined {
  if (result === undefined || result === null || result instanceof tf.Tensor) return result as tf.Tensor | undefined;
  if ('loss' in result) return result.loss as tf.Tensor;
  throw new ConfigError(`${owner}: the training step of ${module.constructor.name}`, {
    code: 'several-losses',
    expected: 'one loss',
    got: 'a loss for each of several optimizers',
  });
}

/** What a module may have beside its hooks. */
const OPTIONAL = [
  ...TRANSFER_HOOKS,
  'validationStep',
  'testStep',
  'configureModel',
  'configureCallbacks',
  'prepareData',
  'trainDataloader',
  'valDataloader',
  'testDataloader',
  'predictDataloader',
];

/** Gives `own` the hooks, steps and loaders that `module` has, but for those that are `known` already. */
export function delegate(own: object, module: object, known: object): void {
  const to = own as Record<string, unknown>;
  const from = module as Record<string, unknown>;
  const hooks = HOOK_NAMES.map(hookMethod).filter((name) => !(name in known));
  for (const name of [...hooks, ...OPTIONAL]) {
    if (typeof from[name] !== 'function') continue;
    to[name] = (...args: unknown[]) => (from[name] as (...args: unknown[]) => unknown).apply(module, args);
  }
}
