/** LambdaCallback: a callback made of functions, for hooks that are written in place. */
import type { Callback, ModuleView, TrainerView } from '../core/contracts.ts';
import { ConfigError, show } from '../core/errors.ts';
import { type CallbackHooks, HOOK_NAMES, HOOKS, hookMethod } from '../core/hooks.ts';
import { unknownOption } from '../core/options.ts';

/** The hooks of a {@link LambdaCallback}: functions by hook name, each with trainer and module in front. */
export type LambdaHooks<B = unknown> = CallbackHooks<TrainerView, ModuleView, B>;

export interface LambdaCallback<B = unknown, N extends string = never> extends LambdaHooks<B> {
  readonly metricNames?: readonly N[];
}

/**
 * A callback from functions. A plain object does the same; this one refuses names that are no hooks.
 *
 * @throws ConfigError `unknown-option` for a name that is no hook, with the nearest one; `invalid-option` for a hook that
 * is no function
 *
 * @example
 * ```ts
 * new LambdaCallback({ onTrainEnd: (trainer) => console.log('done after', trainer.globalStep, 'steps') });
 * ```
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the hooks exist on the type alone until they are given
export class LambdaCallback<B = unknown, const N extends string = never> implements Callback<B> {
  /** @param hooks the hooks, and in `metricNames` the metrics that they log, where a monitor is to find them */
  constructor({ metricNames, ...hooks }: LambdaHooks<B> & { metricNames?: readonly N[] | undefined }) {
    const known: string[] = HOOK_NAMES.filter((name) => HOOKS[name].receivers !== 'M').map(hookMethod);
    for (const [name, hook] of Object.entries(hooks)) {
      if (!known.includes(name)) throw unknownOption('LambdaCallback', name, known);
      if (hook !== undefined && typeof hook !== 'function') throw notAFunction(name, hook);
    }
    Object.assign(this, hooks, metricNames && { metricNames });
  }
}

function notAFunction(name: string, got: unknown): ConfigError {
  return new ConfigError(`LambdaCallback: option \`${name}\``, {
    code: 'invalid-option',
    expected: 'a function',
    got: show(got),
  });
}
