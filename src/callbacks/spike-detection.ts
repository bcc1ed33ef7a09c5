/** Notices a training loss that leaps away from what it has been of late, and says in which batch. */
import { z } from 'zod';
import type { Callback, JsonObject, ModuleView, StepOutput, TrainerView } from '../core/contracts.ts';
import { DataError } from '../core/errors.ts';
import { anyThat, flag, numberBetween, oneOf, parseOptions, wholeNumber } from '../core/options.ts';
import { readScalar } from '../core/tensors.ts';

/** A batch whose loss has leapt. */
export interface LossSpike {
  readonly epoch: number;
  /** Zero-based number of the batch in its epoch. */
  readonly batchIdx: number;
  readonly loss: number;
  /** The mean loss of the batches before it. */
  readonly expected: number;
}

/** Options of {@link SpikeDetection}. */
export interface SpikeDetectionOptions {
  /** Whether the loss falls (`'min'`, default) or rises when training goes well. */
  mode?: 'min' | 'max' | undefined;
  /** Batches whose mean the loss is compared with. Default 10. */
  window?: number | undefined;
  /** Batches before the first comparison. Default 10. */
  warmup?: number | undefined;
  /** The least distance from the mean, as a multiple of it. Default 2. */
  rtol?: number | undefined;
  /** The least distance from the mean. Default 0. */
  atol?: number | undefined;
  /** Whether a loss that is NaN or infinite is a spike, where `terminateOnNaN` lets it pass. Default `true`. */
  finiteOnly?: boolean | undefined;
  /** Called at a spike, and awaited; training goes on. Without it the spike is an error that ends training. */
  onSpike?: ((spike: LossSpike, trainer: TrainerView) => void | Promise<void>) | undefined;
}

const schema = z.strictObject({
  mode: oneOf('min', 'max').default('min'),
  window: wholeNumber(1).default(10),
  warmup: wholeNumber(1).default(10),
  rtol: numberBetween(0, Number.POSITIVE_INFINITY).default(2),
  atol: numberBetween(0, Number.POSITIVE_INFINITY).default(0),
  finiteOnly: flag().default(true),
  onSpike: anyThat<SpikeDetectionOptions['onSpike']>('a function', (value) => typeof value === 'function').optional(),
});

/**
 * Compares the loss of every batch with the mean of those before it. A batch that makes it worse by more than `rtol` times
 * the mean and by more than `atol` is a spike: a bad sample, a broken file, too high a rate. Losses of spikes do not count
 * in the mean. It reads the loss after every batch, which costs time on engines that compute elsewhere.
 *
 * @throws ConfigError for wrong options
 * @throws DataError `loss-spike` at a spike, unless there is `onSpike`
 *
 * @example
 * ```ts
 * new SpikeDetection({ onSpike: ({ epoch, batchIdx, loss }) => console.warn(`epoch ${epoch}, batch ${batchIdx}: ${loss}`) })
 * ```
 */
export class SpikeDetection implements Callback {
  readonly #options: z.output<typeof schema>;
  #seen = 0;
  #last = Number.NaN;
  #recent: number[] = [];

  constructor(options: SpikeDetectionOptions = {}) {
    this.#options = parseOptions('SpikeDetection', schema, options);
  }

  async onTrainBatchEnd(
    trainer: TrainerView,
    _module: ModuleView,
    outputs: StepOutput,
    _batch: unknown,
    batchIdx: number,
  ): Promise<void> {
    if (outputs.loss === undefined) return;
    const loss = readScalar(outputs.loss);
    const expected = this.#recent.reduce((sum, each) => sum + each, 0) / this.#recent.length;
    const spike = this.#isSpike(loss, expected);
    this.#seen++;
    if (Number.isFinite(loss)) this.#last = loss;
    if (!spike) {
      if (Number.isFinite(loss)) this.#recent = [...this.#recent, loss].slice(-this.#options.window);
      return;
    }
    const found = { epoch: trainer.currentEpoch, batchIdx, loss, expected };
    if (this.#options.onSpike === undefined) throw leapt(found);
    await this.#options.onSpike(found, trainer);
  }

  stateDict(): JsonObject {
    return { seen: this.#seen, last: Number.isNaN(this.#last) ? null : this.#last, recent: this.#recent };
  }

  loadStateDict({ seen, last, recent }: JsonObject): void {
    this.#seen = seen as number;
    this.#last = (last as number | null) ?? Number.NaN;
    this.#recent = [...(recent as number[])];
  }

  #isSpike(loss: number, expected: number): boolean {
    const { mode, warmup, rtol, atol, finiteOnly } = this.#options;
    if (!Number.isFinite(loss)) return finiteOnly;
    if (this.#seen < warmup) return false;
    const worse = mode === 'min' ? loss > this.#last : loss < this.#last;
    const distance = Math.abs(loss - expected);
    return worse && distance >= atol && distance >= rtol * Math.abs(expected);
  }
}

function leapt({ epoch, batchIdx, loss, expected }: LossSpike): DataError {
  return new DataError(`SpikeDetection: the loss of epoch ${epoch}, batch ${batchIdx}`, {
    code: 'loss-spike',
    expected: Number.isNaN(expected) ? 'a finite number' : `about ${expected.toPrecision(4)}, as before`,
    got: String(loss),
    help: 'look at this batch; lower the learning rate or clip the gradients; with `onSpike` training goes on',
  });
}
