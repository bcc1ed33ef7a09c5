/** Tuning without training: the learning rate range test and the search for a batch size, as functions. */
import { BatchSizeFinder, type BatchSizeFinderOptions } from '../callbacks/batch-size-finder.ts';
import { LearningRateFinder, type LearningRateFinderOptions } from '../callbacks/learning-rate-finder.ts';
import type { LearningRateRange } from '../callbacks/learning-rate-range.ts';
import type { Callback } from '../core/contracts.ts';
import type { Loader } from '../data/loader.ts';
import type { LightningModule } from '../module/lightning-module.ts';
import type { FitData } from './inputs.ts';
import { Trainer } from './trainer.ts';

/**
 * The learning rate range test (Smith 2017): takes some steps with growing rates and suggests the one at which the loss
 * fell most steeply. The module is as before afterwards, but for its field `lr` or `learningRate`, which is set to the
 * suggestion unless `updateAttr` is off. Nothing is logged; the trainer gives its flags and does not run itself.
 *
 * @param options see {@link LearningRateFinder}
 * @throws ConfigError as {@link LearningRateFinder} and `trainer.fit`
 *
 * @example
 * ```ts
 * const { lrs, losses, suggestion } = await lrFind(trainer, module, { train });
 * ```
 */
export async function lrFind<B>(
  trainer: Trainer,
  module: LightningModule<B>,
  data: FitData<B> | Loader<B>,
  options: LearningRateFinderOptions = {},
): Promise<LearningRateRange> {
  const finder = new LearningRateFinder(options);
  await withoutTraining(trainer, finder).fit(module, data as FitData<B>);
  return finder.result as LearningRateRange;
}

/**
 * The largest batch size with which training does not run out of memory. The module is as before afterwards, but for
 * its field `batchSize`, if it has one.
 *
 * @param options `loader` makes a training loader for a size; the others see {@link BatchSizeFinder}
 * @throws ConfigError as {@link BatchSizeFinder}
 *
 * @example
 * ```ts
 * const batchSize = await findBatchSize(trainer, module, { loader: (batchSize) => new DataLoader(data, { batchSize }) });
 * ```
 */
export async function findBatchSize<B>(
  trainer: Trainer,
  module: LightningModule<B>,
  options: BatchSizeFinderOptions,
): Promise<number> {
  const finder = new BatchSizeFinder(options);
  await withoutTraining(trainer, finder).fit(module, options.loader(options.initVal ?? 2) as Loader<B>);
  return finder.batchSize as number;
}

/** A trainer with the same flags that takes no step. */
function withoutTraining({ options }: Trainer, callback: Callback): Trainer {
  const { engine, limitTrainBatches, accumulateGradBatches, gradientClipVal, gradientClipAlgorithm } = options;
  return new Trainer({
    engine,
    limitTrainBatches,
    accumulateGradBatches,
    gradientClipVal,
    gradientClipAlgorithm,
    barebones: true,
    maxSteps: 0,
    callbacks: callback,
  });
}
