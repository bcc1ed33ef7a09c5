import {
  type Callback,
  EarlyStopping,
  EMAWeightAveraging,
  RestoreBest,
  type RestoreBestOptions,
  type TrainerOptions,
} from 'kelvin';
import { describe, expect, test } from 'vitest';
import { BoringModule } from '../support/boring.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { fitBoring, wholeAndResumed } from './support.ts';

assertFileLeaksNothing();

/** Logs given scores as `score`, one per validation, whatever the weights are. */
class Scored extends BoringModule {
  readonly #scores: readonly number[];
  constructor(scores: readonly number[]) {
    super();
    this.#scores = scores;
  }
  override validationStep(): void {
    this.log('score', this.#scores[this.trainer.validations - 1] as number, { batchSize: 1 });
  }
}

/** The weights that were validated, in order. */
function watch(): Callback & { validated: number[][] } {
  const validated: number[][] = [];
  return { validated, onValidationEpochEnd: (_, module) => void validated.push((module as BoringModule).weights()) };
}

/** Which of the validated weights the module ends with. */
async function restored(
  scores: readonly number[],
  options: Partial<RestoreBestOptions> = {},
  { flags = {}, before = [] }: { flags?: TrainerOptions; before?: Callback[] } = {},
): Promise<number> {
  return expectNoLeak(async () => {
    const seen = watch();
    const best = new RestoreBest({ monitor: 'score', ...options });
    const module = new Scored(scores);
    const look = () => module.weights();
    const final = await fitBoring([...before, seen, best], { maxEpochs: scores.length, ...flags }, { module, look });
    return seen.validated.findIndex((weights) => JSON.stringify(weights) === JSON.stringify(final));
  });
}

test('D26 §2.2 T2 the best weights are restored, also when nothing stopped training', async () => {
  expect(await restored([3, 1, 2, 5])).toBe(1);
  expect(await restored([3, 1, 2, 5], { mode: 'max' })).toBe(3);
});

test('D26: and when training was stopped early', async () => {
  const before = [new EarlyStopping({ monitor: 'score', patience: 2 })];
  expect(await restored([3, 1, 2, 5, 0, 0], {}, { before })).toBe(1);
});

test('of equals the earliest counts, NaN never', async () => {
  expect(await restored([Number.NaN, 2, 2, Number.NaN])).toBe(1);
});

test('with validation within the epoch', async () => {
  const flags = { maxEpochs: 2, valCheckInterval: 2 };
  expect(await restored([3, 2, 1, 2], {}, { flags })).toBe(2);
});

test('the weights are those that were validated: the average, where one is kept', async () => {
  expect(await restored([3, 1, 2], {}, { before: [new EMAWeightAveraging({ decay: 0.8 })] })).toBe(1);
});

test('it tells score and epoch, and compares anew in each fit', async () => {
  const best = new RestoreBest({ monitor: 'score' });
  for (const scores of [
    [3, 1, 2],
    [7, 9],
  ]) {
    await fitBoring(best, { maxEpochs: scores.length }, { module: new Scored(scores) });
    expect([best.bestScore, best.bestEpoch]).toEqual([Math.min(...scores), scores.indexOf(Math.min(...scores))]);
  }
});

test('without validation it goes by what training logs', async () => {
  const best = new RestoreBest({ monitor: 'train_loss' });
  await fitBoring(best, { maxEpochs: 3 }, { val: false });
  expect(best.bestEpoch).toBe(2);
});

describe('a resumed run equals one that went through', () => {
  test.for([3, 4, 5, 8, 10])('broken after batch %i', async (at) => {
    const [whole, resumed] = await wholeAndResumed(() => [new RestoreBest({ monitor: 'score' })], {
      at,
      module: () => new Scored([3, 1, 2]),
      outcome: (module, [best]) => [module.weights(), (best as RestoreBest).bestEpoch],
    });
    expect(whole[1]).toBe(1);
    expect(resumed).toEqual(whole);
  });
});

test('a missing metric is an error, or not', async () => {
  await expectNoLeak(async () => {
    await expect(fitBoring(new RestoreBest({ monitor: 'accuracy' }))).rejects.toThrow(
      'RestoreBest: the metric `accuracy`: expected a metric that the module logs, got only `val_loss`, `train_loss`.',
    );
    await fitBoring(new RestoreBest({ monitor: 'accuracy', strict: false }));
  });
});
