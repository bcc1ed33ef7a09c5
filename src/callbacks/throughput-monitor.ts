/** Logs how fast training goes: batches and samples per second. */
import { z } from 'zod';
import type { Callback, JsonObject, ModuleView, StepOutput, TrainerView } from '../core/contracts.ts';
import { anyThat, parseOptions, wholeNumber } from '../core/options.ts';
import { batchSizeOf } from '../core/tensors.ts';
import { rowIsDue } from './log-rows.ts';

/** Options of {@link ThroughputMonitor}. */
export interface ThroughputMonitorOptions {
  /** The newest batches over which rates are taken. Default 100. */
  windowSize?: number | undefined;
  /** Samples in a batch. Default: the first axis of its first tensor. */
  batchSize?: ((batch: never) => number) | undefined;
  /** The clock, in milliseconds. Default `performance.now`. */
  clock?: (() => number) | undefined;
}

const isFunction = (value: unknown): boolean => typeof value === 'function';

const schema = z.strictObject({
  windowSize: wholeNumber(2).default(100),
  batchSize: anyThat<(batch: never) => number>('a function of a batch', isFunction).optional(),
  clock: anyThat<() => number>('a function', isFunction).optional(),
});

interface Mark {
  readonly time: number;
  readonly samples: number;
}

/**
 * Logs, in the steps in which metrics are logged: `throughput/batches_per_sec` and `throughput/samples_per_sec` over the
 * newest batches, loading included and validation not; and since the beginning `throughput/time` in seconds,
 * `throughput/batches` and `throughput/samples`. The sums go on after a resume.
 *
 * @throws ConfigError for wrong options
 *
 * @example
 * ```ts
 * new Trainer({ callbacks: new ThroughputMonitor({ windowSize: 50 }) })
 * ```
 */
export class ThroughputMonitor implements Callback {
  readonly metricNames = ['throughput/*'] as const;
  readonly #windowSize: number;
  readonly #batchSize: (batch: never) => number;
  readonly #clock: () => number;
  /** The newest batches: when each ended, on a clock that stands still during validation. */
  #marks: Mark[] = [];
  #running = false;
  #resumedAt = 0;
  #time = 0;
  #batches = 0;
  #samples = 0;

  constructor(options: ThroughputMonitorOptions = {}) {
    const { windowSize, batchSize, clock } = parseOptions('ThroughputMonitor', schema, options);
    this.#windowSize = windowSize;
    this.#batchSize = batchSize ?? ((batch) => batchSizeOf(batch) ?? 1);
    this.#clock = clock ?? (() => performance.now());
  }

  /** Batches per second over the newest batches; `undefined` before there are two. */
  get batchesPerSecond(): number | undefined {
    const seconds = this.#windowSeconds();
    return seconds === undefined ? undefined : (this.#marks.length - 1) / seconds;
  }

  /** Samples per second over the newest batches; `undefined` before there are two. */
  get samplesPerSecond(): number | undefined {
    const seconds = this.#windowSeconds();
    return seconds === undefined
      ? undefined
      : this.#marks.slice(1).reduce((sum, { samples }) => sum + samples, 0) / seconds;
  }

  onTrainStart(): void {
    this.#marks = [];
    this.#resume();
  }

  onTrainBatchEnd(trainer: TrainerView, module: ModuleView, _outputs: StepOutput, batch: unknown): void {
    const samples = this.#batchSize(batch as never);
    this.#batches++;
    this.#samples += samples;
    this.#marks.push({ time: this.#elapsed(), samples });
    if (this.#marks.length > this.#windowSize) this.#marks.shift();
    if (rowIsDue(trainer)) module.logDict(this.#row(), { onStep: true, onEpoch: false });
  }

  onValidationStart(): void {
    this.#pause();
  }

  onValidationEnd(trainer: TrainerView): void {
    if (trainer.stage === 'fit' && !trainer.sanityChecking) this.#resume();
  }

  onTrainEnd(): void {
    this.#pause();
  }

  onException(): void {
    this.#pause();
  }

  stateDict(): JsonObject {
    return { time: this.#elapsed(), batches: this.#batches, samples: this.#samples };
  }

  loadStateDict(state: JsonObject): void {
    this.#time = state.time as number;
    this.#batches = state.batches as number;
    this.#samples = state.samples as number;
  }

  #row(): Record<string, number> {
    const row: Record<string, number> = {
      'throughput/time': this.#elapsed() / 1000,
      'throughput/batches': this.#batches,
      'throughput/samples': this.#samples,
    };
    const { batchesPerSecond, samplesPerSecond } = this;
    if (batchesPerSecond !== undefined) row['throughput/batches_per_sec'] = batchesPerSecond;
    if (samplesPerSecond !== undefined) row['throughput/samples_per_sec'] = samplesPerSecond;
    return row;
  }

  #windowSeconds(): number | undefined {
    const [first, last] = [this.#marks[0], this.#marks.at(-1)];
    if (first === undefined || last === undefined || last.time <= first.time) return undefined;
    return (last.time - first.time) / 1000;
  }

  /** Milliseconds of training without validation. */
  #elapsed(): number {
    return this.#time + (this.#running ? this.#clock() - this.#resumedAt : 0);
  }

  #pause(): void {
    this.#time = this.#elapsed();
    this.#running = false;
  }

  #resume(): void {
    this.#time = this.#elapsed();
    this.#running = true;
    this.#resumedAt = this.#clock();
  }
}
