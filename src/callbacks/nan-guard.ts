/** Stops training at the first gradient or weight that is not a number, and says which it was. */
import { z } from 'zod';
import type { Callback, Gradients, ModuleView, OptimizerLike, TrainerView } from '../core/contracts.ts';
import { NonFiniteError } from '../core/errors.ts';
import { countIn, flag, parseOptions } from '../core/options.ts';
import * as tf from '../core/tf.ts';

/** Options of {@link NaNGuard}. */
export interface NaNGuardOptions {
  /** Look after every n-th optimizer step. Default 1. */
  everyNSteps?: number | `${number}st` | undefined;
  /** Look at the gradients, before they are applied. Default `true`. */
  gradients?: boolean | undefined;
  /** Look at the weights, after the step. Default `true`. */
  weights?: boolean | undefined;
}

const schema = z.strictObject({
  everyNSteps: countIn('st', 1).default(1),
  gradients: flag().default(true),
  weights: flag().default(true),
});

/**
 * Throws at the first gradient or weight that is NaN or infinite and names it with its layer, its step and how much of it
 * is affected. Bad gradients are caught before they reach the weights. It costs about as much as clipping by norm; the
 * trainer's own `terminateOnNaN` looks at the loss alone.
 *
 * @throws NonFiniteError `non-finite-gradient`, `non-finite-weight`
 *
 * @example
 * ```ts
 * new Trainer({ callbacks: new NaNGuard({ everyNSteps: 10 }) })
 * ```
 */
export class NaNGuard implements Callback {
  readonly #options: z.output<typeof schema>;
  #lastStep = 0;

  constructor(options: NaNGuardOptions = {}) {
    this.#options = parseOptions('NaNGuard', schema, options);
  }

  onTrainStart(trainer: TrainerView): void {
    this.#lastStep = trainer.globalStep;
  }

  onBeforeOptimizerStep(trainer: TrainerView, module: ModuleView, _: OptimizerLike, gradients: Gradients): void {
    if (!this.#options.gradients || (trainer.globalStep + 1) % this.#options.everyNSteps !== 0) return;
    const named = new Map<string, tf.Tensor>();
    for (const [name, { name: key }] of module.namedVariables()) {
      const gradient = gradients[key];
      if (gradient !== undefined) named.set(name, gradient);
    }
    this.#check('gradient', named, trainer);
  }

  onTrainBatchEnd(trainer: TrainerView, module: ModuleView): void {
    const { weights, everyNSteps } = this.#options;
    const step = trainer.globalStep;
    if (!weights || step === this.#lastStep || step % everyNSteps !== 0) return;
    this.#lastStep = step;
    this.#check('weight', module.namedVariables(), trainer);
  }

  #check(what: 'gradient' | 'weight', tensors: ReadonlyMap<string, tf.Tensor>, trainer: TrainerView): void {
    const floats = [...tensors].filter(([, tensor]) => tensor.dtype === 'float32');
    if (floats.length === 0) return;
    // x - x is 0 for finite numbers and NaN for all others: one sum and one read for all tensors.
    const sums = tf.tidy(() => tf.stack(floats.map(([, tensor]) => tf.sum(tf.sub(tensor, tensor)))));
    const faults = sums.dataSync();
    sums.dispose();
    const first = faults.findIndex((fault) => !Number.isFinite(fault));
    if (first >= 0) throw nonFinite(what, floats[first] as [string, tf.Tensor], trainer, faults);
  }
}

function nonFinite(
  what: 'gradient' | 'weight',
  [name, tensor]: readonly [string, tf.Tensor],
  { currentEpoch, globalBatch, globalStep }: TrainerView,
  faults: ArrayLike<number>,
): NonFiniteError {
  const values = tensor.dataSync() as Float32Array;
  const nans = values.filter((value) => Number.isNaN(value)).length;
  const infinities = values.filter((value) => Math.abs(value) === Number.POSITIVE_INFINITY).length;
  const others = Array.from(faults).filter((fault) => !Number.isFinite(fault)).length - 1;
  const batch = what === 'gradient' ? globalBatch : globalBatch - 1;
  const step = what === 'gradient' ? globalStep : globalStep - 1;
  return new NonFiniteError(
    `The ${what} of '${name}', in layer '${layerOf(name)}', epoch ${currentEpoch}, global batch ${batch}, optimizer step ${step}`,
    {
      code: `non-finite-${what}`,
      expected: 'finite numbers',
      got: `${nans} NaN and ${infinities} infinite of ${values.length}${others > 0 ? `, and ${others} more tensors like it` : ''}`,
      help:
        what === 'gradient'
          ? 'the weights are those before this step; look for divisions, logarithms and roots of 0 in the loss, or lower the learning rate'
          : 'its gradient was finite: lower the learning rate, or set `gradientClipVal`',
    },
  );
}

function layerOf(name: string): string {
  const dot = name.lastIndexOf('.');
  return dot < 0 ? name : name.slice(0, dot);
}
