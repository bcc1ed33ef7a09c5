/** Fits a fresh BoringModule and counts what happens. */
import { Trainer, type TrainerOptions } from 'kelvin';
import { BoringModule, bare, boringLoader } from './boring.ts';

/** Fits a fresh module and counts. */
export async function train(batches: number, options: TrainerOptions, val = 0) {
  const module = new BoringModule();
  module.lr = 0.001;
  let validations = 0;
  const trainer = new Trainer({ ...bare, ...options });
  trainer.on('validationEnd', () => validations++);
  const seen: [number, number][] = [];
  trainer.on('trainBatchStart', (_batch, batchIdx) => seen.push([trainer.currentEpoch, batchIdx]));
  const result = await trainer
    .fit(module, boringLoader(batches), val > 0 ? boringLoader(val) : undefined)
    .finally(() => module.dispose());
  return { ...result, validations, seen, trainer };
}
