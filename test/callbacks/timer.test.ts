import { Timer, type TimerOptions, type TrainerOptions } from 'kelvin';
import { expect, test } from 'vitest';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { fitBoring, wholeAndResumed } from './support.ts';

assertFileLeaksNothing();

/** A timer whose clock advances by 50 ms with every batch, and what training comes to with it. */
function ticking(options: TimerOptions) {
  let now = 0;
  const timer = new Timer({ ...options, clock: () => now });
  const clock = {
    onTrainBatchStart: () => {
      now += 50;
    },
  };
  return { timer, callbacks: [clock, timer] };
}

async function stepsWith(options: TimerOptions, flags: TrainerOptions = {}): Promise<[steps: number, epochs: number]> {
  return expectNoLeak(async () => {
    const { callbacks } = ticking(options);
    const look = (_: unknown, __: unknown, { steps, epochs }: { steps: number; epochs: number }) => [steps, epochs];
    return (await fitBoring(callbacks, { maxEpochs: 20, ...flags }, { look, val: false })) as [number, number];
  });
}

test('A22: 1 s with 50 ms steps is 20 steps; minimum epochs and steps win', async () => {
  expect(await stepsWith({ duration: '1s' })).toEqual([20, 5]);
  expect(await stepsWith({ duration: '1s' }, { minEpochs: 8 })).toEqual([32, 8]);
  expect(await stepsWith({ duration: '1s' }, { minSteps: 22 })).toEqual([22, 6]);
});

test('the duration may have any unit', async () => {
  expect(await stepsWith({ duration: '3ep' })).toEqual([12, 3]);
  expect(await stepsWith({ duration: '7ba' }, { accumulateGradBatches: 2 })).toEqual([3, 2]);
  expect(await stepsWith({ duration: '3st' }, { accumulateGradBatches: 2 })).toEqual([3, 2]);
  expect(await stepsWith({}, { maxEpochs: 2 })).toEqual([8, 2]);
});

test('looking at the clock after epochs only, the epoch is finished', async () => {
  expect(await stepsWith({ duration: '250ms', interval: 'epoch' })).toEqual([8, 2]);
});

test('the time is carried in checkpoints: a resumed run has what is left', async () => {
  const [whole, resumed] = await wholeAndResumed(() => ticking({ duration: '400ms' }).callbacks, {
    at: 5,
    flags: { maxEpochs: 20 },
    outcome: (module, callbacks) => [module.weights(), (callbacks[1] as Timer).timeElapsed()],
  });
  expect(whole[1]).toBe(400);
  expect(resumed).toEqual(whole);
});

test('it measures each stage, over several fits, and tells what remains', async () => {
  const { timer, callbacks } = ticking({ duration: '1s' });
  await fitBoring(callbacks, { maxEpochs: 1 });
  expect([timer.timeElapsed(), timer.timeRemaining()]).toEqual([200, 800]);
  await fitBoring(callbacks, { maxEpochs: 1 });
  expect([timer.timeElapsed('train'), timer.timeElapsed('validate')]).toEqual([400, 0]);
  expect(new Timer({ duration: '2ep' }).timeRemaining()).toBeUndefined();
});

test('wrong options', () => {
  expect(() => new Timer({ duration: 'soon' as never })).toThrow(
    "Timer: option `duration`: expected a time such as '30min' or '90s', or '3ep', '200ba', '50st', '0.5dur', got 'soon' (string).",
  );
  expect(() => new Timer({ duraton: '1s' } as never)).toThrow('did you mean `duration`?');
});
