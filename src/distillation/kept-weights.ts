/** Weights of finished networks on disk: what need not be trained again. */
import { readCheckpoint, writeCheckpoint } from '../checkpoint/store.ts';
import { CheckpointError } from '../core/errors.ts';
import type { LightningModule } from '../module/lightning-module.ts';
import { collectWeights, restoreWeights } from '../module/weights.ts';

/** Writes a module's weights. @throws CheckpointError `checkpoint-not-written` */
export function keepWeights(module: LightningModule<never>, path: string): Promise<void> {
  return writeCheckpoint(path, { state: { user: {} }, tensors: collectWeights(module) });
}

/**
 * Sets a module's weights from the file, if it is there.
 *
 * @returns whether it was
 * @throws CheckpointError `checkpoint-does-not-fit`, `checkpoint-corrupt`
 */
export async function restoreKept(module: LightningModule<never>, path: string): Promise<boolean> {
  try {
    restoreWeights(module, await readCheckpoint(path), { strict: true });
    return true;
  } catch (error) {
    if (error instanceof CheckpointError && error.code === 'checkpoint-not-found') return false;
    throw error;
  }
}
