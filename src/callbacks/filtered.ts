/** Callbacks behind event filters, and callbacks made of a filter, a hook and a function. */
import type { Callback, ModuleView, TrainerView } from '../core/contracts.ts';
import { type HookArgs, type HookFunctionOf, type HookName, type HookReturn, hookMethod } from '../core/hooks.ts';
import { unknownOption } from '../core/options.ts';
import { STEP_WORK } from '../core/step-work.ts';
import { compileFilter, type EventCount, type EventFilter, FILTERED_HOOKS } from './event-filter.ts';

/** What is called at a hook: as a callback's method, with trainer and module in front. */
export type HookFunction<K extends HookName> = HookFunctionOf<TrainerView, ModuleView, HookArgs<K>, HookReturn<K>>;

type Method = (...args: unknown[]) => unknown;

/**
 * A callback of which only some calls get through. Filters apply to the hooks that training calls again and again (epochs,
 * batches, steps, validation) and to the batches of test and prediction; setup, start and end of training, checkpoints and
 * exceptions always get through, the sanity check never. Positions are counted from 1 and from the beginning of training,
 * also in a resumed run. Filters can be put around one another.
 *
 * @throws ConfigError `invalid-filter`
 *
 * @example
 * ```ts
 * filtered(new GradientNormMonitor(), { every: '2ep', after: '10ep' })
 * ```
 */
export function filtered<C extends Callback>(callback: C, filter: EventFilter): C {
  const passes = compileFilter(filter);
  const hooks = new Map<string, HookName>(FILTERED_HOOKS.map((hook) => [hookMethod(hook), hook]));
  // A proxy, so that whatever the callback has beside hooks (paths, scores, state) stays there.
  return new Proxy(callback, {
    get(target, name) {
      if (name === STEP_WORK) return undefined; // it would get around the filter
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function' || name === 'constructor') return value;
      const hook = typeof name === 'string' ? hooks.get(name) : undefined;
      if (hook === undefined) return value.bind(target);
      return (trainer: TrainerView, module: ModuleView, ...args: unknown[]) =>
        passes(hook, trainer, args) ? (value as Method).call(target, trainer, module, ...args) : undefined;
    },
  });
}

/**
 * Every n-th call: of a callback's hooks, or of one hook, for a function.
 *
 * @throws ConfigError `invalid-filter`, `unknown-option` for a hook that cannot be filtered
 *
 * @example
 * ```ts
 * every(100, 'trainBatchEnd', (trainer) => console.log(trainer.globalBatch))
 * every('2ep', new ThroughputMonitor())
 * ```
 */
export function every<C extends Callback>(count: EventCount, callback: C): C;
export function every<K extends HookName>(count: EventCount, hook: K, run: HookFunction<K>): Callback;
export function every(count: EventCount, target: Callback | HookName, run?: (...args: never[]) => unknown): Callback {
  return filtered(callbackOf(target, run), { every: count });
}

/**
 * One call, or a few: `once(4, …)`, `once([2, 5], …)`.
 *
 * @throws ConfigError as {@link every}
 *
 * @example
 * ```ts
 * once('3ep', 'trainEpochEnd', (_, module) => console.log(module.hparams))
 * ```
 */
export function once<C extends Callback>(count: EventCount | readonly EventCount[], callback: C): C;
export function once<K extends HookName>(
  count: EventCount | readonly EventCount[],
  hook: K,
  run: HookFunction<K>,
): Callback;
export function once(
  count: EventCount | readonly EventCount[],
  target: Callback | HookName,
  run?: (...args: never[]) => unknown,
): Callback {
  return filtered(callbackOf(target, run), { once: count });
}

/**
 * The calls before this one.
 *
 * @throws ConfigError as {@link every}
 *
 * @example
 * ```ts
 * before('2ep', new NaNGuard())
 * ```
 */
export function before<C extends Callback>(count: EventCount, callback: C): C;
export function before<K extends HookName>(count: EventCount, hook: K, run: HookFunction<K>): Callback;
export function before(count: EventCount, target: Callback | HookName, run?: (...args: never[]) => unknown): Callback {
  return filtered(callbackOf(target, run), { before: count });
}

/**
 * The calls after this one.
 *
 * @throws ConfigError as {@link every}
 *
 * @example
 * ```ts
 * after('5ep', every(10, new GradientNormMonitor()))   // every tenth, from epoch 6 on
 * ```
 */
export function after<C extends Callback>(count: EventCount, callback: C): C;
export function after<K extends HookName>(count: EventCount, hook: K, run: HookFunction<K>): Callback;
export function after(count: EventCount, target: Callback | HookName, run?: (...args: never[]) => unknown): Callback {
  return filtered(callbackOf(target, run), { after: count });
}

function callbackOf(target: Callback | HookName, run: ((...args: never[]) => unknown) | undefined): Callback {
  if (typeof target !== 'string') return target;
  if (!FILTERED_HOOKS.includes(target)) throw unknownOption('Event filter: hook', target, FILTERED_HOOKS);
  return { [hookMethod(target)]: run } as Callback;
}
