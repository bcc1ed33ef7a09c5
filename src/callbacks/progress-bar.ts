/**
 * ProgressBar: on a terminal a bar that is drawn over, elsewhere (files, CI) one plain line per epoch and per run. It
 * reads metrics back only when it draws, so that it costs a step next to nothing.
 */
import { z } from 'zod';
import type { Callback, Metrics, ModuleView, StepOutput, TrainerView } from '../core/contracts.ts';
import { anyThat, flag, numberBetween, parseOptions } from '../core/options.ts';
import { readScalar } from '../core/tensors.ts';
import { LiveRegion } from './live-region.ts';
import { isOutput, isTerminal, type Output, wantsColour } from './output.ts';
import { liveLine, type ProgressFacts, plainLine } from './progress-line.ts';
import { BatchClock } from './stopwatch.ts';

/** Options of {@link ProgressBar}. */
export interface ProgressBarOptions {
  /** Draw at most once in so many milliseconds. Default 100. */
  refreshMs?: number | undefined;
  /** Where to draw. Default `process.stderr`. */
  stream?: Output | undefined;
  /** On a terminal, keep the line of each epoch; else the next one is drawn over it. Default `true`. */
  leave?: boolean | undefined;
}

const schema = z.strictObject({
  refreshMs: numberBetween(0, Number.POSITIVE_INFINITY).default(100),
  stream: anyThat<Output>('a stream to write to', isOutput).optional(),
  leave: flag().default(true),
});

/**
 * Shows how far a run is: epoch, batches, time, rate, the loss of the last batch, and what is logged with `progBar: true`.
 * The trainer adds one unless `enableProgressBar` is off. The loss is left out when a metric named like it is shown.
 *
 * Not on a terminal it prints a line per epoch, and one with all metrics after `validate` and `test`:
 * `epoch 3/20  469 batches  12.3 s  38.1 batches/s  loss 0.123  val_acc 0.98`. Epochs count from 1 here.
 * The rate is that of training alone; the time includes validation. Colours follow `NO_COLOR`.
 *
 * @throws ConfigError `unknown-option` or `invalid-option`
 *
 * @example
 * ```ts
 * new Trainer({ callbacks: new ProgressBar({ refreshMs: 500, leave: false }) });
 * ```
 */
export class ProgressBar implements Callback {
  readonly role = 'progressBar';
  readonly #options: z.output<typeof schema>;
  readonly #region: LiveRegion;
  readonly #live: boolean;
  #main: BatchClock | undefined;
  #inner: BatchClock | undefined;
  #loss: number | undefined;
  #nextDraw = 0;

  constructor(options: ProgressBarOptions = {}) {
    this.#options = parseOptions('ProgressBar', schema, options);
    this.#region = new LiveRegion(this.#options.stream ?? process.stderr);
    this.#live = isTerminal(this.#region.stream);
  }

  /** Prints a line above the bar, without disturbing it. */
  print(text: string): void {
    this.#region.print(text);
    this.#nextDraw = 0;
  }

  async setup(): Promise<void> {
    if (this.#live) await this.#region.prepare();
    this.#loss = undefined;
  }

  onSanityCheckStart(trainer: TrainerView): void {
    this.#begin(trainer, new BatchClock('sanity check', Number.POSITIVE_INFINITY));
  }

  onSanityCheckEnd(): void {
    this.#forget();
    this.#region.clear();
  }

  onTrainEpochStart(trainer: TrainerView): void {
    this.#beginEpoch(trainer, 0);
  }

  onTrainBatchEnd(
    trainer: TrainerView,
    _module: ModuleView,
    outputs: StepOutput,
    _batch: unknown,
    batchIdx: number,
  ): void {
    if (this.#main === undefined) this.#beginEpoch(trainer, batchIdx + 1); // an epoch that a resumed run goes on with
    (this.#main as BatchClock).done = batchIdx + 1;
    const last = trainer.isLastBatch;
    if (!last && performance.now() < this.#nextDraw) return;
    if (outputs.loss !== undefined) this.#loss = readScalar(outputs.loss);
    this.#draw(trainer);
  }

  onTrainEpochEnd(trainer: TrainerView): void {
    this.#finish(this.#trainingMetrics(trainer), { keep: this.#options.leave });
  }

  onTrainEnd(trainer: TrainerView): void {
    if (this.#main !== undefined) this.#finish(this.#trainingMetrics(trainer), { keep: true });
    this.#region.keep();
  }

  onValidationStart(trainer: TrainerView): void {
    if (trainer.sanityChecking) return;
    this.#beginInner(trainer, 'validation', sum(trainer.numValBatches));
  }

  onValidationBatchEnd(trainer: TrainerView): void {
    this.#countInner(trainer);
  }

  onValidationEnd(trainer: TrainerView): void {
    if (!trainer.sanityChecking) this.#endInner(trainer);
  }

  onTestStart(trainer: TrainerView): void {
    this.#beginInner(trainer, 'test', sum(trainer.numTestBatches));
  }

  onTestBatchEnd(trainer: TrainerView): void {
    this.#countInner(trainer);
  }

  onTestEnd(trainer: TrainerView): void {
    this.#endInner(trainer);
  }

  onPredictStart(trainer: TrainerView): void {
    this.#beginInner(trainer, 'predict', sum(trainer.numPredictBatches));
  }

  onPredictBatchEnd(trainer: TrainerView): void {
    this.#countInner(trainer);
  }

  onPredictEnd(trainer: TrainerView): void {
    this.#endInner(trainer);
  }

  onException(): void {
    this.#stop();
  }

  teardown(): void {
    this.#stop();
  }

  #begin(trainer: TrainerView, clock: BatchClock): void {
    this.#main = clock;
    this.#nextDraw = 0;
    this.#draw(trainer);
  }

  #beginEpoch(trainer: TrainerView, firstBatch: number): void {
    const { currentEpoch, maxEpochs, numTrainingBatches } = trainer;
    const label = maxEpochs === -1 ? `epoch ${currentEpoch + 1}` : `epoch ${currentEpoch + 1}/${maxEpochs}`;
    this.#begin(trainer, new BatchClock(label, numTrainingBatches, firstBatch));
  }

  /** Evaluation on its own is the main thing; within an epoch it has a line below. */
  #beginInner(trainer: TrainerView, label: string, total: number): void {
    const clock = new BatchClock(label, total);
    if (trainer.stage === 'fit') {
      this.#main?.pause();
      this.#inner = clock;
    } else this.#begin(trainer, clock);
  }

  #countInner(trainer: TrainerView): void {
    const clock = this.#inner ?? this.#main;
    if (clock === undefined) return;
    clock.done++;
    if (performance.now() >= this.#nextDraw) this.#draw(trainer);
  }

  #endInner(trainer: TrainerView): void {
    if (this.#inner === undefined) {
      this.#finish(trainer.callbackMetrics, { keep: true });
      return;
    }
    this.#inner = undefined;
    this.#main?.resume();
    this.#draw(trainer);
  }

  #draw(trainer: TrainerView): void {
    this.#nextDraw = performance.now() + this.#options.refreshMs;
    if (!this.#live || this.#main === undefined) return;
    const lines = [this.#liveLine(this.#main, this.#trainingMetrics(trainer))];
    if (this.#inner !== undefined) lines.push(this.#liveLine(this.#inner, {}));
    this.#region.show(lines);
  }

  /** Ends a line for good. */
  #finish(metrics: Metrics, { keep }: { keep: boolean }): void {
    const clock = this.#main;
    if (clock === undefined) return;
    this.#forget();
    if (!this.#live) this.#region.stream.write(`${plainLine(factsOf(clock, metrics))}\n`);
    else this.#region.show([this.#liveLine(clock, metrics)]);
    if (keep) this.#region.keep();
  }

  #stop(): void {
    this.#forget();
    this.#region.keep();
  }

  #forget(): void {
    this.#main = undefined;
    this.#inner = undefined;
  }

  #liveLine(clock: BatchClock, metrics: Metrics): string {
    return liveLine(factsOf(clock, metrics), this.#region.width, { colour: wantsColour(this.#region.stream) });
  }

  #trainingMetrics(trainer: TrainerView): Metrics {
    if (trainer.sanityChecking) return {};
    const shown = trainer.progressBarMetrics;
    const hasLoss = Object.keys(shown).some((name) => /^(train_?)?loss(_step)?$/.test(name));
    return this.#loss === undefined || hasLoss ? shown : { loss: this.#loss, ...shown };
  }
}

function factsOf(clock: BatchClock, metrics: Metrics): ProgressFacts {
  const { label, done, total, elapsed, rate } = clock;
  return { label, done, total, elapsed, rate, metrics };
}

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);
