/** Gathers what the steps of an evaluation return, up to a size, and hands it over when its batches are through. */
import { z } from 'zod';
import type { Callback, ModuleView, TrainerView } from '../core/contracts.ts';
import { DataError } from '../core/errors.ts';
import { anyThat, oneOf, parseOptions, positiveNumber, text } from '../core/options.ts';
import { disposeTensors, keepTensors, visitTensors } from '../core/tensors.ts';

/** What the steps of an epoch returned: a list per loader, in it what each batch came to. */
export type CollectedOutputs<O = unknown> = readonly (readonly O[])[];

/** Options of {@link OutputCollector}. */
export interface OutputCollectorOptions<N extends string = string> {
  /** Called when all batches are through, and awaited. The tensors are gone afterwards; `module.log` works here. */
  onEpochEnd: (outputs: CollectedOutputs, trainer: TrainerView, module: ModuleView) => void | Promise<void>;
  /** Whose outputs. Default `'validation'`. */
  stage?: 'validation' | 'test' | undefined;
  /** How much the tensors may take, in MiB. Default 64. */
  maxMegabytes?: number | undefined;
  /** The metrics that `onEpochEnd` logs, where a monitor is to find them. */
  metricNames?: readonly N[] | undefined;
}

const schema = z.strictObject({
  onEpochEnd: anyThat<OutputCollectorOptions['onEpochEnd']>('a function', (value) => typeof value === 'function'),
  stage: oneOf('validation', 'test').default('validation'),
  maxMegabytes: positiveNumber().default(64),
  metricNames: z.array(text()).readonly().optional(),
});

const MIB = 2 ** 20;

/**
 * Keeps what `validationStep` or `testStep` returned until the epoch is over, for what cannot be computed batch by batch.
 * It is asked for and has a limit: what grows beyond it is an error, not a machine out of memory. Means, sums and metrics
 * that gather (`EpochMetricLogger`) need no outputs.
 *
 * @throws ConfigError for wrong options
 * @throws DataError `outputs-too-large` at the batch with which the limit is passed
 *
 * @example
 * ```ts
 * new OutputCollector({
 *   onEpochEnd: ([scores = []], _trainer, module) => module.log('median', median(scores.map((score) => score.dataSync()))),
 * });
 * ```
 */
export class OutputCollector<const N extends string = never> implements Callback {
  readonly metricNames: readonly N[] | undefined;
  readonly #options: z.output<typeof schema>;
  #outputs: unknown[][] = [];
  #bytes = 0;

  constructor(options: OutputCollectorOptions<N>) {
    this.#options = parseOptions('OutputCollector', schema, options);
    this.metricNames = this.#options.metricNames as readonly N[] | undefined;
  }

  onValidationStart(): void {
    this.#drop(); // of a validation that Ctrl-C has ended
  }

  onValidationBatchEnd(
    trainer: TrainerView,
    _module: ModuleView,
    outputs: unknown,
    _batch: unknown,
    batchIdx: number,
    dataloaderIdx: number,
  ): void {
    if (this.#options.stage === 'validation' && !trainer.sanityChecking) this.#keep(outputs, batchIdx, dataloaderIdx);
  }

  async onValidationEpochEnd(trainer: TrainerView, module: ModuleView): Promise<void> {
    if (this.#options.stage === 'validation' && !trainer.sanityChecking) await this.#handOver(trainer, module);
  }

  onTestBatchEnd(
    _trainer: TrainerView,
    _module: ModuleView,
    outputs: unknown,
    _batch: unknown,
    batchIdx: number,
    dataloaderIdx: number,
  ): void {
    if (this.#options.stage === 'test') this.#keep(outputs, batchIdx, dataloaderIdx);
  }

  async onTestEpochEnd(trainer: TrainerView, module: ModuleView): Promise<void> {
    if (this.#options.stage === 'test') await this.#handOver(trainer, module);
  }

  onException(): void {
    this.#drop();
  }

  teardown(): void {
    this.#drop();
  }

  #keep(outputs: unknown, batchIdx: number, dataloaderIdx: number): void {
    visitTensors(outputs, ({ size, dtype }) => {
      this.#bytes += size * (dtype === 'bool' ? 1 : 4);
    });
    if (this.#bytes > this.#options.maxMegabytes * MIB) throw this.#tooLarge(batchIdx);
    while (this.#outputs.length <= dataloaderIdx) this.#outputs.push([]);
    this.#outputs[dataloaderIdx]?.push(keepTensors(outputs));
  }

  async #handOver(trainer: TrainerView, module: ModuleView): Promise<void> {
    try {
      await this.#options.onEpochEnd(this.#outputs, trainer, module);
    } finally {
      this.#drop();
    }
  }

  #drop(): void {
    disposeTensors(this.#outputs);
    this.#outputs = [];
    this.#bytes = 0;
  }

  #tooLarge(batchIdx: number): DataError {
    return new DataError('OutputCollector', {
      code: 'outputs-too-large',
      expected: `at most ${this.#options.maxMegabytes} MiB of outputs`,
      got: `${(this.#bytes / MIB).toFixed(1)} MiB by batch ${batchIdx} of ${this.#options.stage}`,
      help: 'return less from the step, gather numbers with `EpochMetricLogger`, or raise `maxMegabytes`',
    });
  }
}
