/**
 * The listeners of `trainer.on`: they watch and cannot interfere. Nothing they return is awaited, and one that throws is
 * reported as a `listenerError`, not passed on.
 */
import { EventEmitter } from 'eventemitter3';
import type { HookArgs, HookName } from '../core/hooks.ts';
import { isThenable } from '../core/tensors.ts';

/** The events of a trainer: one per hook, with the hook's arguments, and `listenerError`. */
export type TrainerEvents = { [K in HookName]: { listener(...args: HookArgs<K>): void }['listener'] } & {
  listenerError: (error: unknown, event: string) => void;
};

type Listener = (...args: readonly unknown[]) => unknown;

export class Observers {
  readonly #emitter = new EventEmitter();
  readonly #guards = new Map<string, Map<Listener, Listener>>();

  on(event: string, listener: Listener, { once = false }: { once?: boolean } = {}): void {
    const guard: Listener = (...args) => {
      if (once) this.off(event, listener);
      try {
        const result = listener(...args);
        if (isThenable(result)) result.then(undefined, (error: unknown) => this.#report(error, event));
      } catch (error) {
        this.#report(error, event);
      }
    };
    const guards = this.#guards.get(event) ?? new Map<Listener, Listener>();
    this.off(event, listener);
    guards.set(listener, guard);
    this.#guards.set(event, guards);
    this.#emitter.on(event, guard);
  }

  off(event: string, listener: Listener): void {
    const guard = this.#guards.get(event)?.get(listener);
    if (guard === undefined) return;
    this.#emitter.off(event, guard);
    this.#guards.get(event)?.delete(listener);
  }

  has(event: string): boolean {
    return this.#emitter.listenerCount(event) > 0;
  }

  emit(event: string, args: readonly unknown[]): void {
    this.#emitter.emit(event, ...args);
  }

  #report(error: unknown, event: string): void {
    if (event === 'listenerError' || !this.has('listenerError')) {
      process.emitWarning(`A listener of '${event}' failed: ${error instanceof Error ? error.message : String(error)}`);
    } else this.emit('listenerError', [error, event]);
  }
}
