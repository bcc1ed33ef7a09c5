/**
 * The log book of one stage (training, validation, test): takes what `log()` is given, and hands out the row of a step,
 * the row of an epoch, and the metrics that callbacks and the progress bar look at. A row holds only what was logged for
 * it. Names fork as in Lightning: with both `onStep` and `onEpoch`, `loss` becomes `loss_step` and `loss_epoch`.
 */
import type { LogValue, Metrics, XAxis } from '../core/contracts.ts';
import { LogEntry, type LogEntryState, type ResolvedLogOptions } from './log-entry.ts';
import { checkAgreement } from './log-rules.ts';

/** The state of a book in a checkpoint. */
export interface LogBookState {
  readonly entries: {
    readonly name: string;
    readonly hook: string;
    readonly options: ResolvedLogOptions;
    readonly value: LogEntryState;
  }[];
}

/** Where a value is logged: the hook, the batch, and the weight it has in a mean. */
export interface LogContext {
  readonly hook: string;
  readonly stamp: number;
  readonly weight: number;
}

/** A row for the loggers, by x axis. */
export type AxisRows = { readonly [A in XAxis]?: Readonly<Record<string, number>> };

export class LogBook {
  /** In evaluation the plain name of a forked key is not kept for callbacks (Lightning). */
  readonly #training: boolean;
  readonly #entries = new Map<string, LogEntry>();
  /** Set between the last batch of an epoch and the first of the next: metrics are then those of the epoch. */
  epochEnded = false;

  constructor({ training }: { training: boolean }) {
    this.#training = training;
  }

  get isEmpty(): boolean {
    return this.#entries.size === 0;
  }

  /** Takes one value. `options` are resolved and checked already. */
  add(name: string, value: LogValue, options: ResolvedLogOptions, context: LogContext): void {
    const key = `${context.hook}.${name}`;
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = new LogEntry(name, context.hook, options);
      this.#entries.set(key, entry);
    } else checkAgreement(entry, options);
    entry.add(value, context.weight, context.stamp);
  }

  /** What the loggers get for the step that is stamped `stamp`. */
  stepRow(stamp: number): AxisRows {
    const rows: { [A in XAxis]?: Record<string, number> } = {};
    for (const entry of this.#entries.values()) {
      const { onStep, logger, xAxis } = entry.options;
      if (!onStep || !logger || entry.stamp !== stamp) continue;
      rowOf(rows, xAxis === 'epoch' ? 'step' : xAxis)[stepName(entry)] = entry.step;
    }
    return rows;
  }

  /** What the loggers get for the epoch. */
  epochRow(): AxisRows {
    const rows: { [A in XAxis]?: Record<string, number> } = {};
    for (const entry of this.#entries.values()) {
      const { onEpoch, logger, xAxis } = entry.options;
      if (onEpoch && logger) rowOf(rows, xAxis)[epochName(entry)] = entry.epoch;
    }
    return rows;
  }

  /** The values of the epoch, one record per evaluation loader; what has no loader suffix belongs to each. */
  resultsBySource(count: number): Record<string, number>[] {
    const all = this.#collect((entry, row) => {
      if (entry.options.onEpoch) row[epochName(entry)] = entry.epoch;
    });
    return Array.from({ length: Math.max(count, 1) }, (_, i) =>
      Object.fromEntries(
        Object.entries(all).filter(([name]) => !/\/dataloader_idx_\d+$/.test(name) || name.endsWith(`_${i}`)),
      ),
    );
  }

  /** What callbacks see. Step values while the epoch runs, joined by those of the epoch at its end. */
  callbackMetrics(): Metrics {
    return this.#collect((entry, row) => {
      const { onStep, onEpoch } = entry.options;
      if (onStep && (this.#training || !this.epochEnded)) row[stepName(entry)] = entry.step;
      if (onStep && onEpoch && this.#training && !this.epochEnded) row[entry.name] = entry.step;
      if (!onEpoch || !this.epochEnded) return;
      row[epochName(entry)] = entry.epoch;
      row[entry.name] = entry.epoch;
    });
  }

  /** What the progress bar shows. */
  progressBarMetrics(): Metrics {
    return this.#collect((entry, row) => {
      if (!entry.options.progBar) return;
      if (entry.options.onStep && !(this.epochEnded && !this.#training)) row[stepName(entry)] = entry.step;
      if (entry.options.onEpoch && this.epochEnded) row[epochName(entry)] = entry.epoch;
    });
  }

  state(): LogBookState {
    return {
      entries: [...this.#entries.values()].map((entry) => {
        const { name, hook, options } = entry;
        return { name, hook, options, value: entry.state() };
      }),
    };
  }

  restore(state: LogBookState): void {
    this.clear();
    for (const { name, hook, options, value } of state.entries) {
      const entry = new LogEntry(name, hook, { ...options, xAxis: options.xAxis ?? 'step' });
      entry.restore(value);
      this.#entries.set(`${hook}.${name}`, entry);
    }
  }

  /** Forgets everything and disposes of the tensors that were waiting. */
  clear(): void {
    for (const entry of this.#entries.values()) entry.dispose();
    this.#entries.clear();
    this.epochEnded = false;
  }

  #collect(fill: (entry: LogEntry, row: Record<string, number>) => void): Record<string, number> {
    const row: Record<string, number> = {};
    for (const entry of this.#entries.values()) fill(entry, row);
    return row;
  }
}

function rowOf(rows: { [A in XAxis]?: Record<string, number> }, axis: XAxis): Record<string, number> {
  const row = rows[axis] ?? {};
  rows[axis] = row;
  return row;
}

const forked = ({ options }: LogEntry): boolean => options.onStep && options.onEpoch;
const stepName = (entry: LogEntry): string => (forked(entry) ? `${entry.name}_step` : entry.name);
const epochName = (entry: LogEntry): string => (forked(entry) ? `${entry.name}_epoch` : entry.name);
