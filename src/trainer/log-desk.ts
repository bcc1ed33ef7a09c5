/**
 * Where `log()` arrives: finds the book of the stage, the rule of the hook and the size of the batch, and sends the rows
 * that are due to the loggers.
 */
import type { JsonObject, LoggerLike, LogOptions, LogValue, Metrics, XAxis } from '../core/contracts.ts';
import { LOG_RULES, type LogHook, logRule } from '../core/hooks.ts';
import { batchSizeOf } from '../core/tensors.ts';
import { type AxisRows, LogBook, type LogBookState } from '../module/log-book.ts';
import { checkLogValue, loggedOutside, resolveLogOptions, unknownBatchSize } from '../module/log-rules.ts';

/** The stages that log. */
export type LogStage = 'train' | 'validate' | 'test';

/** A value as it was logged. */
export interface LoggedValue {
  readonly hook: LogHook | undefined;
  readonly name: string;
  readonly value: LogValue;
  readonly options: LogOptions;
  readonly defaultXAxis: XAxis | undefined;
}

/** What a checkpoint holds of the log. */
export interface LogDeskState {
  readonly train: LogBookState;
  readonly past: { readonly callback: Metrics; readonly bar: Metrics };
  readonly logged: Metrics;
}

/** Where a row stands, on each axis. */
export interface RowPlace {
  readonly step: number;
  /** The epoch to be written beside the row, if it belongs to one. */
  readonly epoch: number | undefined;
  readonly axes: Readonly<Record<Exclude<XAxis, 'step'>, number>>;
}

export class LogDesk {
  readonly loggers: readonly LoggerLike[];
  readonly books: Readonly<Record<LogStage, LogBook>> = {
    train: new LogBook({ training: true }),
    validate: new LogBook({ training: false }),
    test: new LogBook({ training: false }),
  };
  /** Whose book is open. */
  stage: LogStage = 'train';
  /** While it is true, nothing reaches the loggers (sanity check). */
  muted = false;
  /** While it is true, what is logged is dropped (training on trial). */
  deaf = false;
  #batch: unknown;
  #stamp = -1;
  #loaderSuffix = '';
  #logged: Record<string, number> = {};
  /** Metrics of epochs that are over: they stay visible until newer ones take their place. */
  #past: { callback: Metrics; bar: Metrics } = { callback: {}, bar: {} };

  constructor(loggers: readonly LoggerLike[]) {
    this.loggers = loggers;
  }

  /** Says which batch is running; `log()` weights by its size and stamps with its number. */
  atBatch(batch: unknown, stamp: number, loaderSuffix = ''): void {
    this.#batch = batch;
    this.#stamp = stamp;
    this.#loaderSuffix = loaderSuffix;
  }

  /** Hears of everything that is logged, while a step is recorded. */
  tap: ((logged: LoggedValue) => void) | undefined;

  /** Takes a value that was logged in `hook`. */
  log(hook: LogHook | undefined, name: string, value: LogValue, options: LogOptions, defaultXAxis?: XAxis): void {
    this.tap?.({ hook, name, value, options, defaultXAxis });
    if (this.deaf) return;
    if (hook === undefined) throw loggedOutside(name);
    const resolved = resolveLogOptions(name, hook, options, defaultXAxis);
    checkLogValue(name, value);
    const averaged = resolved.onEpoch && resolved.reduceFx === 'mean';
    const weight = averaged && LOG_RULES[logRule(hook)]?.stepAllowed ? this.#weight(name, options.batchSize) : 1;
    const suffix = options.addDataloaderIdx === false ? '' : this.#loaderSuffix;
    this.books[this.stage].add(name + suffix, value, resolved, { hook: hook + suffix, stamp: this.#stamp, weight });
  }

  /** Hands a row to the loggers, one for each x axis in it. */
  write(rows: AxisRows, place: RowPlace): void {
    if (this.muted) return;
    for (const name in rows) {
      const axis = name as XAxis;
      const row = rows[axis] as Metrics;
      if (axis === 'step') {
        this.writeAtStep(row, place.step, place.epoch);
        continue;
      }
      Object.assign(this.#logged, row);
      const at = { name: axis, x: place.axes[axis], epoch: place.epoch };
      for (const logger of this.loggers) logger.logMetrics(row, place.step, at);
    }
  }

  /** Hands a row on the axis of steps to the loggers, with the epoch beside it unless it brings an x value of its own. */
  writeAtStep(row: Metrics, step: number, epoch?: number): void {
    if (this.muted || Object.keys(row).length === 0) return;
    Object.assign(this.#logged, row);
    const { step: ownStep, ...metrics } = row;
    const withEpoch: Metrics = epoch === undefined || ownStep !== undefined ? metrics : { ...metrics, epoch };
    for (const logger of this.loggers) logger.logMetrics(withEpoch, ownStep ?? step);
  }

  /** Makes what a callback has written past `log()` known to the other callbacks. */
  offer(metrics: Metrics): void {
    this.#past.callback = { ...this.#past.callback, ...metrics };
  }

  /** What the loggers need to go on from here; what they hold is on disk afterwards. */
  loggerStates(): (JsonObject | null)[] {
    return this.loggers.map((logger) => logger.stateDict?.() ?? null);
  }

  /** Has the loggers bring to disk what they hold. */
  async save(): Promise<void> {
    for (const logger of this.loggers) await logger.save?.();
  }

  get callbackMetrics(): Metrics {
    const { train, validate, test } = this.books;
    return {
      ...this.#past.callback,
      ...validate.callbackMetrics(),
      ...test.callbackMetrics(),
      ...train.callbackMetrics(),
    };
  }

  get progressBarMetrics(): Metrics {
    const { train, validate, test } = this.books;
    return {
      ...this.#past.bar,
      ...validate.progressBarMetrics(),
      ...test.progressBarMetrics(),
      ...train.progressBarMetrics(),
    };
  }

  get loggedMetrics(): Metrics {
    return { ...this.#logged };
  }

  /** Remembers the metrics of the epoch that ended, and starts the books of the next. */
  closeEpoch(stage: LogStage): void {
    const book = this.books[stage];
    this.#past.callback = { ...this.#past.callback, ...book.callbackMetrics() };
    this.#past.bar = { ...this.#past.bar, ...book.progressBarMetrics() };
    book.clear();
  }

  /** Ends a call of the trainer: its metrics stay readable, its tensors go. */
  settle(): void {
    for (const stage of ['validate', 'test', 'train'] as const) this.closeEpoch(stage);
  }

  /** Forgets everything: at the start of each call of the trainer. */
  reset(): void {
    for (const book of Object.values(this.books)) book.clear();
    this.stage = 'train';
    this.#past = { callback: {}, bar: {} };
    this.#logged = {};
  }

  /** The running epoch and the metrics so far, for a checkpoint. */
  state(): LogDeskState {
    const { train, validate } = this.books;
    const ended = train.epochEnded ? train : undefined;
    const callback = { ...this.#past.callback, ...validate.callbackMetrics(), ...ended?.callbackMetrics() };
    const bar = { ...this.#past.bar, ...validate.progressBarMetrics(), ...ended?.progressBarMetrics() };
    return { train: train.state(), past: { callback, bar }, logged: { ...this.#logged } };
  }

  /** Goes on from a saved state. */
  restore({ train, past, logged }: LogDeskState): void {
    this.reset();
    this.books.train.restore(train);
    this.#past = { ...past };
    this.#logged = { ...logged };
  }

  #weight(name: string, given: number | undefined): number {
    const size = given ?? batchSizeOf(this.#batch);
    if (size === undefined) throw unknownBatchSize(name);
    return size;
  }
}
