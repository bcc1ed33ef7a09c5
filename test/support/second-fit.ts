/** Fits that are stopped and gone on with: one trainer and one module, several calls of `fit`. */
import { MemoryLogger, seedEverything, Trainer, type TrainerOptions } from 'kelvin';
import { bare } from './boring.ts';
import { Resumable, resumableLoaders } from './resumable.ts';

const flags: TrainerOptions = {
  ...bare,
  barebones: false,
  enableProgressBar: false,
  enableModelSummary: false,
  enableCheckpointing: false,
  maxEpochs: 3,
  accumulateGradBatches: 3,
  logEveryNSteps: 1,
};

/** Fits as often as `fits` says, with one trainer, one module and new loaders each time. 7 batches an epoch. */
export async function fitRepeatedly(
  fits: readonly ((trainer: Trainer) => { signal?: AbortSignal } | undefined)[],
  options: TrainerOptions = {},
  { make = () => new Resumable(), loaders = resumableLoaders }: { make?: () => Resumable; loaders?: () => object } = {},
) {
  const restoreRandom = seedEverything(11);
  const module = make();
  const logger = new MemoryLogger();
  const trainer = new Trainer({ ...flags, logger, ...options });
  const losses: number[] = [];
  trainer.on('trainBatchEnd', ({ loss }) => losses.push(loss?.dataSync()[0] as number));
  const endings: unknown[] = [];
  let metrics = {};
  for (const prepare of fits) {
    const given = prepare(trainer) ?? {};
    const result = await trainer.fit(module, loaders(), given);
    endings.push([result.status, result.epochs, result.batches]);
    metrics = result.metrics;
  }
  const outcome = { losses, metrics, weights: module.weights() };
  module.dispose();
  restoreRandom();
  return { outcome, endings, logger };
}

/** Aborts the first fit when `hook` is called for the n-th time. */
export function abortAt(
  hook: 'trainBatchEnd' | 'validationBatchEnd',
  n: number,
): (trainer: Trainer) => { signal: AbortSignal } {
  return (trainer: Trainer) => {
    const controller = new AbortController();
    let calls = 0;
    trainer.on(hook, () => {
      if (!trainer.sanityChecking && ++calls === n) controller.abort();
    });
    return { signal: controller.signal };
  };
}

/** Nothing is done before this fit. */
export const again = (): undefined => undefined;
