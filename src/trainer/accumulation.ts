/**
 * The accumulation window: gathers the gradients of several batches into one. Each batch counts by its number of samples
 * and the sum is divided by what the window really held, so that 4 x 8 samples give the gradient of 32, also in the last,
 * shorter window of an epoch.
 */
import type { Gradients, SavedTensor } from '../core/contracts.ts';
import { currentRecording, type NumberSource } from '../core/recording.ts';
import { fromHost, toHost } from '../core/tensors.ts';
import * as tf from '../core/tf.ts';

export class AccumulationWindow {
  #sums: Record<string, tf.Tensor> = {};
  #samples = 0; // 0: a single batch, whose gradients are not weighted
  #batches = 0;
  #parked: Record<string, SavedTensor> = {};

  /** What a compiled step divides by. */
  readonly #divisor: NumberSource = { values: () => ({ samples: this.#samples }) };

  /** Batches gathered so far. */
  get batches(): number {
    return this.#batches;
  }

  /** Takes over the gradients of a batch of `samples` samples. `single`: it will be the only one. */
  add(gradients: Gradients, samples: number, { single }: { single: boolean }): void {
    this.#batches++;
    if (single) {
      this.#sums = { ...gradients };
      return;
    }
    this.#samples += samples;
    for (const [name, gradient] of Object.entries(gradients)) {
      const sum = this.#sums[name];
      const next = tf.tidy(() => {
        const weighted = tf.mul(gradient, samples);
        return sum === undefined ? weighted : tf.add(sum, weighted);
      });
      sum?.dispose();
      gradient.dispose();
      this.#sums[name] = next;
    }
  }

  /** Counts a batch that a compiled step adds: its sums come by {@link replace}. */
  expect(samples: number): void {
    this.#batches++;
    this.#samples += samples;
  }

  /** Takes back what {@link expect} has counted: the step failed. */
  forget(samples: number): void {
    this.#batches--;
    this.#samples -= samples;
  }

  /** Takes over sums that were computed elsewhere. */
  replace(sums: Gradients): void {
    tf.dispose(this.#sums);
    this.#sums = { ...sums };
  }

  /** The gradients of the window, which is empty afterwards. The caller disposes of them. */
  close(): Record<string, tf.Tensor> {
    const { ...sums } = this.#sums;
    const samples = this.#samples;
    this.#sums = {};
    this.#samples = 0;
    this.#batches = 0;
    if (samples === 0) return sums;
    const divisor = tf.scalar(samples);
    currentRecording()?.number(divisor, this.#divisor, 'samples');
    for (const [name, sum] of Object.entries(sums)) {
      sums[name] = tf.div(sum, divisor);
      sum.dispose();
    }
    divisor.dispose();
    return sums;
  }

  /** Moves what has been gathered out of the engine, and back. */
  park(): void {
    this.#parked = Object.fromEntries(Object.entries(this.#sums).map(([name, sum]) => [name, toHost(sum)]));
    tf.dispose(this.#sums);
    this.#sums = {};
  }

  unpark(): void {
    this.#sums = Object.fromEntries(Object.entries(this.#parked).map(([name, sum]) => [name, fromHost(sum)]));
  }

  /** Drops what has been gathered. */
  clear(): void {
    for (const sum of Object.values(this.#sums)) sum.dispose();
    this.#sums = {};
    this.#samples = 0;
    this.#batches = 0;
  }

  /** The unfinished window, for a checkpoint. The tensors stay the window's. */
  state(): { batches: number; samples: number; sums: Gradients } {
    return { batches: this.#batches, samples: this.#samples, sums: this.#sums };
  }

  /** Continues an unfinished window. Takes over the tensors. */
  restore({ batches, samples, sums }: { batches: number; samples: number; sums: Gradients }): void {
    this.clear();
    this.#batches = batches;
    this.#samples = samples;
    this.#sums = { ...sums };
  }
}
