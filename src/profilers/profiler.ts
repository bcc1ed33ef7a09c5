/** The base of all profilers: actions as functions, and by name from here to there. */
import { ConfigError } from '../core/errors.ts';
import type { ActionKind, ProfiledRun, ProfilerLike } from '../core/profiling.ts';
import { isThenable } from '../core/tensors.ts';

/**
 * Measures how long the actions of a run take. A profiler of your own extends it and writes `begin`.
 *
 * @example
 * ```ts
 * const trainer = new Trainer({ profiler: 'simple' });
 * // in a module or callback: a row of its own in the table
 * const mask = trainer.profiler.profile('make the mask', () => makeMask(batch));
 * ```
 */
export abstract class Profiler implements ProfilerLike {
  readonly #started = new Map<string, () => void>();

  /** Begins an action. Returns what ends it, to be called once. */
  abstract begin(action: string, kind: ActionKind): () => void;

  /** A run of the trainer begins. */
  open(_run: ProfiledRun): void {}

  /** It is over, also when it has failed. */
  close(_run: ProfiledRun): void {
    for (const end of this.#started.values()) end();
    this.#started.clear();
  }

  /** Runs `body` as an action and returns what it returns. A promise is measured until it is settled. */
  profile<T>(action: string, body: () => T): T {
    const end = this.begin(action, 'user');
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

  /**
   * Begins an action that does not lie in one function.
   *
   * @throws ConfigError `action-running` when it has begun already
   */
  start(action: string): void {
    if (this.#started.has(action)) throw misuse(action, 'action-running', 'that does not run', 'one that has begun');
    this.#started.set(action, this.begin(action, 'user'));
  }

  /**
   * Ends an action that {@link start} has begun.
   *
   * @throws ConfigError `action-not-running` when it has not
   */
  stop(action: string): void {
    const end = this.#started.get(action);
    if (end === undefined) throw misuse(action, 'action-not-running', 'that `start` has begun', 'one that has not');
    this.#started.delete(action);
    end();
  }
}

function misuse(action: string, code: string, expected: string, got: string): ConfigError {
  return new ConfigError(`Profiler: the action '${action}'`, {
    code,
    expected: `an action ${expected}`,
    got,
    help: 'pair `start` and `stop`, or use `profile(action, body)`, which may be nested',
  });
}
