/** SimpleProfiler: how often each action ran and how long it took, as a table at the end of a run. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf } from '../core/errors.ts';
import { anyThat, parseOptions, text } from '../core/options.ts';
import type { ProfiledRun } from '../core/profiling.ts';
import { formatTable } from '../core/table.ts';
import { Profiler } from './profiler.ts';

/** Options of {@link SimpleProfiler}. */
export interface SimpleProfilerOptions {
  /** Write the table to this file in the run's directory, as `fit-<fileName>` and so on, instead of printing it. */
  fileName?: string | undefined;
  /** Directory of the file. Default: the run's log directory. */
  dirPath?: string | undefined;
  /** Where the table is printed. Default `process.stderr`. */
  stream?: { write(text: string): unknown } | undefined;
  /** The clock, in milliseconds. Default `performance.now`. */
  clock?: (() => number) | undefined;
}

/** What was measured of one action. */
export interface ProfiledAction {
  readonly action: string;
  readonly calls: number;
  /** Milliseconds, what ran within it included. */
  readonly total: number;
  readonly mean: number;
  /** Part of the time of all runs, from 0 to 1. Actions lie within one another: shares do not add up to 1. */
  readonly share: number;
}

const isFunction = (value: unknown): boolean => typeof value === 'function';

const schema = z.strictObject({
  fileName: text().optional(),
  dirPath: text().optional(),
  stream: anyThat<{ write(text: string): unknown }>('a stream to write to', (value) =>
    isFunction((value as { write?: unknown } | null)?.write),
  ).optional(),
  clock: anyThat<() => number>('a function', isFunction).optional(),
});

/**
 * Counts and times every action: hooks of callbacks and module, steps, epochs, batches, waiting for data, saving. Engines
 * that compute in the background show their time where somebody waits for it.
 *
 * @throws ConfigError for wrong options
 *
 * @example
 * ```ts
 * const profiler = new SimpleProfiler({ fileName: 'profile.txt' });
 * await new Trainer({ profiler }).fit(module, loaders);
 * const slowest = profiler.actions[0];
 * ```
 */
export class SimpleProfiler extends Profiler {
  readonly #options: z.output<typeof schema>;
  readonly #clock: () => number;
  readonly #measured = new Map<string, { calls: number; total: number }>();
  #runTime = 0;
  #opened: number | undefined;

  constructor(options: SimpleProfilerOptions = {}) {
    super();
    this.#options = parseOptions('SimpleProfiler', schema, options);
    this.#clock = this.#options.clock ?? (() => performance.now());
  }

  /** All actions, those that took longest first. */
  get actions(): ProfiledAction[] {
    const all = this.#runTime + (this.#opened === undefined ? 0 : this.#clock() - this.#opened);
    const actions = [...this.#measured].map(([action, { calls, total }]) => ({
      action,
      calls,
      total,
      mean: total / calls,
      share: all > 0 ? total / all : 0,
    }));
    return actions.sort((a, b) => b.total - a.total);
  }

  begin(action: string): () => void {
    const started = this.#clock();
    return () => {
      const entry = this.#measured.get(action) ?? { calls: 0, total: 0 };
      entry.calls++;
      entry.total += this.#clock() - started;
      this.#measured.set(action, entry);
    };
  }

  override open(): void {
    this.#opened = this.#clock();
  }

  /** Prints the table, or writes the file. A disk that takes nothing is warned about. */
  override close(run: ProfiledRun): void {
    super.close(run);
    if (this.#opened !== undefined) this.#runTime += this.#clock() - this.#opened;
    this.#opened = undefined;
    const { fileName, dirPath, stream = process.stderr } = this.#options;
    if (fileName === undefined) {
      stream.write(`${this.summary()}\n`);
      return;
    }
    const directory = dirPath ?? run.logDir();
    try {
      mkdirSync(directory, { recursive: true });
      writeFileSync(join(directory, `${run.stage}-${fileName}`), `${this.summary()}\n`);
    } catch (error) {
      process.emitWarning(`SimpleProfiler cannot write: ${messageOf(error)}`, { type: 'KelvinWarning' });
    }
  }

  /** The table: action, calls, mean and total time, share of the time of all runs. */
  summary(): string {
    const rows = this.actions.map(({ action, calls, mean, total, share }) => [
      action,
      String(calls),
      `${mean.toFixed(3)} ms`,
      `${(total / 1000).toFixed(3)} s`,
      `${(100 * share).toFixed(1)}%`,
    ]);
    return formatTable(['action', 'calls', 'mean', 'total', 'share'], rows);
  }
}
