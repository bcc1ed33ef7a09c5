/** ReduceLROnPlateau in a run: what it sees, and when. */
import { type Callback, ReduceLROnPlateau, type ReduceLROnPlateauOptions, SGD, type TrainerOptions } from 'kelvin';
import { expect, test } from 'vitest';
import { BoringModule } from '../support/boring.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { fitBoring } from './support.ts';

assertFileLeaksNothing();

/** Logs a score that never improves. */
class Stuck extends BoringModule {
  seen = 0;
  readonly #options: ReduceLROnPlateauOptions;
  readonly #monitor: string;

  constructor(options: ReduceLROnPlateauOptions, monitor = 'score') {
    super();
    this.#options = options;
    this.#monitor = monitor;
  }
  override validationStep(): void {
    this.log('score', 1, { batchSize: 1 });
  }
  override onTrainEpochEnd(): void {
    this.log('epoch_score', 1);
  }
  override configureOptimizers(): never {
    const optimizer = new SGD(this.parameters(), { lr: 1 });
    const scheduler = new ReduceLROnPlateau(optimizer, this.#options);
    return { optimizer, lrScheduler: { scheduler, monitor: this.#monitor } } as never;
  }
}

/** The rates at the start of each epoch. */
async function rates(
  options: ReduceLROnPlateauOptions,
  flags: TrainerOptions = {},
  { monitor = 'score', val = true } = {},
): Promise<number[]> {
  const seen: number[] = [];
  const watch: Callback = { onTrainEpochStart: (trainer) => void seen.push(trainer.optimizers[0]?.lr as number) };
  const module = new Stuck(options, monitor);
  await fitBoring(watch, { maxEpochs: 9, terminateOnNaN: false, ...flags }, { module, batches: 1, val });
  return seen;
}

test('D26: rates on a plateau, with a lower bound, and with cooldown', async () => {
  expect(await rates({ factor: 0.5, patience: 1, minLr: 0.2 })).toEqual([1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2]);
  expect(await rates({ factor: 0.5, patience: 0, cooldown: 1 })).toEqual([
    1, 1, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125, 0.0625,
  ]);
});

test('§2.1 C8 with validation in every other epoch it waits for the metric, and counts each value once', async () => {
  const flags = { checkValEveryNEpoch: 2 };
  expect(await rates({ factor: 0.5, patience: 0 }, flags)).toEqual([1, 1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.125]);
  const ownMetric = { monitor: 'epoch_score' };
  expect(await rates({ factor: 0.5, patience: 0 }, { ...flags, maxEpochs: 4 }, ownMetric)).toEqual([1, 1, 0.5, 0.25]);
});

test('a metric that no validation can bring is missed at once', async () => {
  const missing = 'ReduceLROnPlateau: the metric `score`: expected a metric that the module logs';
  await expect(rates({}, {}, { val: false })).rejects.toThrow(missing);
  await expect(rates({}, {}, { monitor: 'other' })).rejects.toThrow('the metric `other`');
  await expect(rates({}, { checkValEveryNEpoch: 2 }, { monitor: 'other' })).rejects.toThrow('the metric `other`');
});
