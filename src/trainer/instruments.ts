/**
 * What watches a run from inside: the profiler and the ledger of leaks. Both are absent by default, and everything here is
 * then the plain call.
 */
import { HOOKS, type HookName, hookMethod, type LogHook } from '../core/hooks.ts';
import type { ActionKind, ProfilerLike } from '../core/profiling.ts';
import { isThenable } from '../core/tensors.ts';
import { type LeakLedger, type LeakPeriod, tensorsIn } from './leaks.ts';
import { type BatchSource, disposable } from './loaders.ts';

type Receiver = (...args: readonly unknown[]) => unknown;

/** In which period the growth of a hook is judged; a hook that runs once in a run may keep what it makes. */
function periodOf(name: HookName): LeakPeriod | undefined {
  if (HOOKS[name].synchronous) return undefined; // it runs in the step's tidy
  if (/^(train|predict|test)Epoch|^saveCheckpoint/.test(name)) return 'epoch';
  if (/^(validation|test|predict)/.test(name)) return 'evaluation';
  return name === 'trainStart' || name === 'trainEnd' || !/^(train|before|after)/.test(name) ? undefined : 'batch';
}

export class Instruments {
  readonly profiler: ProfilerLike | undefined;
  readonly ledger: LeakLedger | undefined;

  constructor(profiler: ProfilerLike | undefined, ledger: LeakLedger | undefined) {
    this.profiler = profiler;
    this.ledger = ledger;
  }

  /** Runs `body` as an action of the profiler. */
  measure<T>(action: string, kind: ActionKind, body: () => T): T {
    return this.profiler === undefined ? body() : measured(this.profiler, action, kind, body);
  }

  /** A hook's receiver, watched. `owner` as Lightning's profilers name it: `[Callback]Timer`. */
  receiver(owner: string, name: HookName, call: Receiver): Receiver {
    const { profiler, ledger } = this;
    const period = periodOf(name);
    const action = `${owner}.${hookMethod(name)}`;
    let watched = call;
    if (ledger !== undefined && period !== undefined) {
      watched = (...args) => ledger.watch(period, owner, hookMethod(name), () => call(...args));
    }
    if (profiler === undefined) return watched;
    return (...args) => measured(profiler, action, 'hook', () => watched(...args));
  }

  /** A step of the module. */
  step<T>(owner: string, step: LogHook, body: () => T): T {
    return this.profiler === undefined ? body() : measured(this.profiler, `${owner}.${step}`, 'step', body);
  }

  /** The batches of a loader, with the time and the tensors that waiting for each takes. */
  batches<T extends { readonly batch: unknown }>(source: BatchSource, given: AsyncGenerator<T>): AsyncIterable<T> {
    const { profiler, ledger } = this;
    if (profiler === undefined && ledger === undefined) return given;
    const period = source.name.startsWith('train') ? 'batch' : 'evaluation';
    const owner = `[${source.name} loader]`;
    const next = async (): Promise<IteratorResult<T>> => {
      const mark = ledger?.mark() ?? 0;
      const result = await this.measure(`${owner}.next`, 'data', () => given.next());
      if (!result.done && ledger !== undefined) {
        ledger.charge(period, owner, 'next', mark, tensorsIn(disposable(source, result.value.batch)));
      }
      return result;
    };
    return { [Symbol.asyncIterator]: () => ({ next, return: (value) => given.return(value) }) };
  }

  /**
   * Notes what a step leaves behind: call it before the step, and what it returns when its batch is gone.
   *
   * @param given the batch as the loader gave it
   * @param batch the batch as the step gets it
   */
  aroundStep(
    period: LeakPeriod,
    owner: string,
    step: string,
    { source, given, batch }: { source: BatchSource; given: unknown; batch: unknown },
  ): () => void {
    const { ledger } = this;
    if (ledger === undefined) return NOTHING;
    const mark = ledger.mark();
    const tensors = tensorsIn(disposable(source, given, batch));
    return () => ledger.charge(period, owner, step, mark, -tensors);
  }
}

const NOTHING = (): void => {};

function measured<T>(profiler: ProfilerLike, action: string, kind: ActionKind, body: () => T): T {
  const end = profiler.begin(action, kind);
  let pending = false;
  try {
    const result = body();
    if (!isThenable(result)) return result;
    pending = true;
    return Promise.resolve(result).finally(end) as T;
  } finally {
    if (!pending) end();
  }
}
