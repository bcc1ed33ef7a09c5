import { GradientAccumulationScheduler } from 'kelvin';
import { expect, test } from 'vitest';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { collect } from '../support/recorder.ts';
import { fitBoring, wholeAndResumed } from './support.ts';

assertFileLeaksNothing();

test('the count changes from epoch to epoch', async () => {
  await expectNoLeak(async () => {
    const steps = collect('trainEpochEnd', (trainer) => [trainer.accumulateGradBatches, trainer.globalStep]);
    await fitBoring([new GradientAccumulationScheduler({ 1: 3, 3: 2 }), steps], { maxEpochs: 4 });
    expect(steps.seen).toEqual([
      [1, 4],
      [3, 6],
      [3, 8],
      [2, 10],
    ]);
  });
});

test('the estimate of steps reckons with the schedule', async () => {
  const estimates = collect('fitStart', (trainer) => trainer.estimatedSteppingBatches);
  const schedule = new GradientAccumulationScheduler({ 1: 3, 3: 2 });
  const steps = await fitBoring([schedule, estimates], { maxEpochs: 4 }, { look: (_, __, result) => result.steps });
  await fitBoring([schedule, estimates], { maxEpochs: 4, maxSteps: 5 });
  expect(estimates.seen).toEqual([steps, 5]);
});

test('each fit follows the schedule anew', async () => {
  const schedule = new GradientAccumulationScheduler({ 0: 4 });
  for (let i = 0; i < 2; i++) {
    const steps = await fitBoring(schedule, { maxEpochs: 3 }, { look: (_, __, result) => result.steps });
    expect(steps).toBe(3);
  }
});

test.for([5, 6, 8, 11])('resumed after batch %i it gives the same weights', async (at) => {
  const [whole, resumed] = await wholeAndResumed(() => [new GradientAccumulationScheduler({ 0: 2, 1: 3 })], {
    at,
    outcome: (module) => module.weights(),
  });
  expect(resumed).toEqual(whole);
});

test('wrong schedules and a trainer that accumulates itself are refused', async () => {
  const expected =
    "expected an object from epochs, such as 4, '4ep' or '0.5dur', to counts of batches, at least 1: `{ 0: 1, '4ep': 2 }`";
  for (const wrong of [{}, { [-1]: 2 }, { 0: 0 }, { 0: 1.5 }, undefined]) {
    expect(() => new GradientAccumulationScheduler(wrong as never)).toThrow(expected);
  }
  const fitting = fitBoring(new GradientAccumulationScheduler({ 0: 2 }), { accumulateGradBatches: 4 });
  await expect(fitting).rejects.toThrow(
    'GradientAccumulationScheduler: expected a trainer whose `accumulateGradBatches` is left at 1, got 4.',
  );
});
