/** What keeps a training from being compiled whatever its step does, and the error that says so. */
import { ConfigError } from '../../core/errors.ts';
import type { HookName } from '../../core/hooks.ts';
import { LightningModule } from '../../module/lightning-module.ts';
import { RuleOptimizer } from '../../optim/rule-optimizer.ts';
import type { Session } from '../session.ts';

/** Hooks within a step: somebody who listens to one wants to see what a compiled step never shows. */
const WITHIN: readonly HookName[] = ['beforeZeroGrad', 'beforeBackward', 'afterBackward', 'beforeOptimizerStep'];

/** What about this training cannot be compiled, in words. */
export function obstacleOf({ module, hooks, optimization }: Session): string | undefined {
  const name = module.constructor.name;
  const heard = WITHIN.find((hook) => hooks.hears(hook));
  if (heard !== undefined) return `somebody listens to the hook \`${heard}\`, which is within the step`;
  if (!module.automaticOptimization && takesBatchIdx(module)) return branches(name);
  if (module.optimizerStep !== LightningModule.prototype.optimizerStep)
    return `${name} has an \`optimizerStep\` of its own`;
  const foreign = optimization.all.find(({ optimizer }) => !(optimizer instanceof RuleOptimizer));
  return foreign && `${foreign.optimizer.type} is no optimizer of Kelvin's`;
}

/** Whether a step is told the number of its batch. */
export const takesBatchIdx = (module: LightningModule<never>): boolean => module.trainingStep.length > 1;

/** Why that keeps a step of several optimizers from being compiled: they take turns by it, which no recording shows. */
export const branches = (name: string): string =>
  `${name}.trainingStep takes \`batchIdx\`, by which optimizers may take turns; choose by a field that onTrainBatchStart sets`;

/** The error for `compile: true`. */
export function notCompiled(why: string): ConfigError {
  return new ConfigError('Trainer: option `compile`', {
    code: 'not-compiled',
    expected: 'a training step that can be compiled',
    got: why,
    help: "leave it at 'auto' to run eagerly what cannot be compiled, or see docs/compiled-steps.md",
  });
}
