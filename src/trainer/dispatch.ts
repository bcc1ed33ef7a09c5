/**
 * Calls the hooks: callbacks in order, then the module, then the listeners of `trainer.on`; checkpoint callbacks last.
 * Who listens to what is looked up once per run, so that a hook that nobody implements costs nothing.
 */
import type { Callback, TrainerView } from '../core/contracts.ts';
import { ConfigError } from '../core/errors.ts';
import { HOOK_NAMES, HOOKS, type HookArgs, type HookName, hookMethod, type LogHook } from '../core/hooks.ts';
import { type StepWork, stepWorkOf } from '../core/step-work.ts';
import { isThenable } from '../core/tensors.ts';
import type { LightningModule } from '../module/lightning-module.ts';
import type { Instruments } from './instruments.ts';
import type { Observers } from './observers.ts';

/** Hooks in which checkpoints are made: these must hold what the module's own hook has done. */
const SAVING: ReadonlySet<HookName> = new Set(['trainBatchEnd', 'validationEnd']);

type Receiver = (...args: readonly unknown[]) => unknown;
type Method = ((...args: readonly unknown[]) => unknown) | undefined;

export class Dispatcher {
  /** The hook or step that is running: what `log()` goes by. */
  current: LogHook | undefined;
  /** Called in `trainEpochEnd` when all metrics of the epoch are in, before the checkpoint callbacks. */
  settleEpoch: () => void = () => {};
  /** What callbacks do with tensors after each optimizer step. */
  readonly stepWorks: readonly StepWork[];
  readonly #receivers: ReadonlyMap<HookName, readonly Receiver[]>;
  readonly #observers: Observers;
  readonly #instruments: Instruments;
  readonly #moduleName: string;

  constructor(
    trainer: TrainerView,
    module: LightningModule<never>,
    callbacks: readonly Callback[],
    observers: Observers,
    instruments: Instruments,
  ) {
    const settle = (): void => this.settleEpoch();
    const find = (name: HookName): Receiver[] => receiversOf(name, trainer, module, callbacks, settle, instruments);
    this.#receivers = new Map(HOOK_NAMES.map((name) => [name, find(name)]));
    this.stepWorks = callbacks.map(stepWorkOf).filter((work) => work !== undefined);
    this.#observers = observers;
    this.#instruments = instruments;
    this.#moduleName = `[LightningModule]${module.constructor.name}`;
  }

  /** True when a callback, the module or an observer would notice this hook. */
  hears(name: HookName): boolean {
    return (this.#receivers.get(name) as readonly Receiver[]).length > 0 || this.#observers.has(name);
  }

  /**
   * Calls a hook. Returns the last thing that a receiver returned, if any did; a promise only when one of them did.
   */
  fire<K extends HookName>(name: K, ...args: HookArgs<K>): unknown {
    if (!this.hears(name)) return undefined;
    const outer = this.current;
    this.current = name;
    let pending = false;
    try {
      const result = this.#run(name, args, 0, undefined);
      pending = isThenable(result);
      return pending ? Promise.resolve(result).finally(() => this.#leave(outer)) : result;
    } finally {
      if (!pending) this.#leave(outer);
    }
  }

  /** Calls every receiver of a hook, also after one has thrown. Returns what was thrown. */
  async tellAll<K extends HookName>(name: K, ...args: HookArgs<K>): Promise<unknown[]> {
    const errors: unknown[] = [];
    for (const receiver of this.#receivers.get(name) as readonly Receiver[]) {
      try {
        await receiver(...args);
      } catch (error) {
        errors.push(error);
      }
    }
    this.#observers.emit(name, args);
    return errors;
  }

  /** Runs `body` as a step of the module, so that `log()` knows where it is. Synchronous. */
  inStep<T>(step: LogHook, body: () => T): T {
    const outer = this.current;
    this.current = step;
    try {
      return this.#instruments.step(this.#moduleName, step, body);
    } finally {
      this.current = outer;
    }
  }

  #leave(outer: LogHook | undefined): void {
    this.current = outer;
  }

  #run(name: HookName, args: readonly unknown[], from: number, last: unknown): unknown {
    const receivers = this.#receivers.get(name) as readonly Receiver[];
    let result = last;
    for (let i = from; i < receivers.length; i++) {
      const returned = (receivers[i] as Receiver)(...args);
      if (!isThenable(returned)) result = returned ?? result;
      else if (HOOKS[name].synchronous) throw asynchronousHook(name, returned);
      else return Promise.resolve(returned).then((value) => this.#run(name, args, i + 1, value ?? result));
    }
    this.#observers.emit(name, args);
    return result;
  }
}

function receiversOf(
  name: HookName,
  trainer: TrainerView,
  module: LightningModule<never>,
  callbacks: readonly Callback[],
  settleEpoch: Receiver,
  instruments: Instruments,
): Receiver[] {
  const { receivers } = HOOKS[name];
  const method = hookMethod(name);
  const bind = (callback: Callback): Receiver[] => {
    const own = (callback as unknown as Record<string, Method>)[method];
    if (own === undefined || receivers === 'M') return [];
    const call: Receiver = (...args) => own.call(callback, trainer, module, ...args);
    return [instruments.receiver(`[Callback]${callback.constructor.name}`, name, call)];
  };
  const hook = receivers === 'C' ? undefined : (module as unknown as Record<string, Method>)[method];
  const call: Receiver = (...args) => hook?.apply(module, args as unknown[]);
  const owner = `[LightningModule]${module.constructor.name}`;
  const own: Receiver[] = hook === undefined ? [] : [instruments.receiver(owner, name, call)];
  const checkpoints = callbacks.filter((callback) => callback.role === 'checkpoint');
  const rest = callbacks.filter((callback) => !checkpoints.includes(callback));
  if (SAVING.has(name)) return [...rest.flatMap(bind), ...own, ...checkpoints.flatMap(bind)];
  if (name !== 'trainEpochEnd') return [...callbacks.flatMap(bind), ...own];
  const monitors = rest.filter((callback) => callback.role === 'monitor');
  const others = rest.filter((callback) => !monitors.includes(callback));
  return [...others.flatMap(bind), ...own, ...monitors.flatMap(bind), settleEpoch, ...checkpoints.flatMap(bind)];
}

function asynchronousHook(name: HookName, promise: PromiseLike<unknown>): ConfigError {
  promise.then(undefined, () => {}); // what it comes to is of no interest any more
  return new ConfigError(hookMethod(name), {
    code: 'asynchronous-hook',
    expected: 'a synchronous hook, since it runs inside the forward pass',
    got: 'one that returned a promise',
  });
}
