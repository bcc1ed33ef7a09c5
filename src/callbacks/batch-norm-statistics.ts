/** Recomputes the running statistics of batch normalization, for weights that were not trained but averaged. */
import type { ModuleView, TrainerView } from '../core/contracts.ts';
import { type LayerLike, layersOf } from './layers-of.ts';

type BatchNorm = LayerLike & { momentum: number };

/**
 * Sets the running means and variances of all batch norm layers to the mean over the batches of one epoch. Without such
 * layers it does nothing.
 */
export async function recomputeBatchNorm(trainer: TrainerView, module: ModuleView): Promise<void> {
  const layers = [...layersOf(module)].filter((layer) => layer.getClassName() === 'BatchNormalization') as BatchNorm[];
  if (layers.length === 0) return;
  const momenta = layers.map(({ momentum }) => momentum);
  try {
    // The k-th batch enters with weight 1/k: momentum 0 at first, which forgets what was there, then 1/2, 2/3, …
    await trainer.tools.forwardTrainingData((batchIdx) => {
      for (const layer of layers) layer.momentum = batchIdx / (batchIdx + 1);
    });
  } finally {
    layers.forEach((layer, i) => {
      layer.momentum = momenta[i] as number;
    });
  }
}
