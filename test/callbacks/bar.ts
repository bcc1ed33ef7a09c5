/** A trainer that draws its progress on a given stream, and a module whose metrics are the same in each run. */
import { ProgressBar, type ProgressBarOptions, Trainer, type TrainerOptions } from 'kelvin';
import { BoringModule, bare } from '../support/boring.ts';
import type { Paper } from './screen.ts';

/** Metrics that are the same in each run. */
export class Steady extends BoringModule {
  override validationStep(): void {
    this.log('val_acc', 0.98, { progBar: true, batchSize: 1 });
    this.log('hidden', 3, { batchSize: 1 });
  }
  override testStep(): void {
    this.log('test_acc', 0.5, { batchSize: 1 });
  }
}

export function trainerOn(stream: Paper, options: TrainerOptions = {}, bar: ProgressBarOptions = {}): Trainer {
  const { callbacks = [], ...flags } = options;
  return new Trainer({
    ...bare,
    barebones: false,
    logger: false,
    enableModelSummary: false,
    enableCheckpointing: false,
    maxEpochs: 2,
    callbacks: [new ProgressBar({ stream, refreshMs: 0, ...bar }), ...[callbacks].flat()],
    ...flags,
  });
}

/** The loss of a text as `L`: the module really learns. */
export const withoutLoss = (text: string): string => text.replaceAll(/loss [\d.e-]+/g, 'loss L');
