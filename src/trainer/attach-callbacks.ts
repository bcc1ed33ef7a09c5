/** Which callbacks a run has, and in which order: the trainer's, the defaults, those of the module. */

import { ModelCheckpoint } from '../callbacks/model-checkpoint.ts';
import { ModelSummary } from '../callbacks/model-summary.ts';
import { ProgressBar } from '../callbacks/progress-bar.ts';
import type { Callback } from '../core/contracts.ts';
import { ConfigError } from '../core/errors.ts';
import type { LightningModule } from '../module/lightning-module.ts';
import { stateKey } from './checkpoint-state.ts';
import type { ResolvedTrainerOptions } from './options.ts';

/** The given callbacks and, unless switched off or given, a progress bar, a model summary and a ModelCheckpoint. */
export function addDefaultCallbacks(options: ResolvedTrainerOptions): readonly Callback[] {
  const given: readonly Callback[] = Array.isArray(options.callbacks)
    ? options.callbacks
    : [options.callbacks as Callback];
  const count = (role: Callback['role']): number => given.filter((callback) => callback.role === role).length;
  const has = (role: Callback['role']): boolean => count(role) > 0;
  if (!options.fastDevRun && !options.barebones) {
    if (!options.enableCheckpointing && has('checkpoint'))
      throw switchedOff('enableCheckpointing', 'a ModelCheckpoint');
    if (!options.enableProgressBar && has('progressBar')) throw switchedOff('enableProgressBar', 'a ProgressBar');
  }
  if (count('progressBar') > 1) throw twoBars(count('progressBar'));
  const defaults: Callback[] = [];
  if (options.enableProgressBar && !has('progressBar')) defaults.push(new ProgressBar());
  if (options.enableModelSummary && !has('summary')) defaults.push(new ModelSummary());
  if (options.enableCheckpointing && !has('checkpoint')) defaults.push(new ModelCheckpoint());
  return inOrder([...given, ...defaults]);
}

/** Adds the module's own callbacks; one of the same class as a callback of the trainer takes its place. */
export function arrangeCallbacks(callbacks: readonly Callback[], module: LightningModule<never>): readonly Callback[] {
  const configured = module.configureCallbacks?.() ?? [];
  const own: readonly Callback[] = Array.isArray(configured) ? configured : [configured as Callback];
  const replaced = (callback: Callback): boolean =>
    callback.constructor !== Object && own.some((mine) => mine instanceof (callback.constructor as new () => object));
  const all = inOrder([...callbacks.filter((callback) => !replaced(callback)), ...own]);
  refuseSameState(all);
  return all;
}

/** Checkpoint callbacks come last: what they save includes what the others have done. */
function inOrder(callbacks: readonly Callback[]): readonly Callback[] {
  const last = (callback: Callback): boolean => callback.role === 'checkpoint';
  return [...callbacks.filter((callback) => !last(callback)), ...callbacks.filter(last)];
}

function switchedOff(option: string, given: string): ConfigError {
  return new ConfigError(`Trainer: option \`${option}\``, {
    code: 'conflicting-options',
    expected: `true, since ${given} is given`,
    got: 'false',
    help: 'leave out one of them',
  });
}

function twoBars(count: number): ConfigError {
  return new ConfigError('Trainer: option `callbacks`', {
    code: 'conflicting-options',
    expected: 'one progress bar',
    got: String(count),
  });
}

function refuseSameState(callbacks: readonly Callback[]): void {
  const seen = new Set<string>();
  for (const callback of callbacks.filter((each) => each.stateDict !== undefined)) {
    const key = stateKey(callback);
    if (seen.has(key)) {
      throw new ConfigError(`Two callbacks save their state as \`${key}\``, {
        code: 'same-state-key',
        expected: 'a key of its own for each',
        help: 'give one of them another `stateKey`, or other options',
      });
    }
    seen.add(key);
  }
}
