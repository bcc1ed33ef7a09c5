/** A second fit goes on with the weights that were trained, after an average has taken their place in the module. */
import { EMAWeightAveraging, StochasticWeightAveraging, type Trainer } from 'kelvin';
import { expect, test } from 'vitest';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { abortAt, again, fitRepeatedly } from '../support/second-fit.ts';

assertFileLeaksNothing();

const averages = {
  EMA: () => new EMAWeightAveraging({ decay: 0.9 }),
  SWA: () => new StochasticWeightAveraging({ swaLrs: 0.02, swaEpochStart: 2, annealingEpochs: 1 }),
};
const sigint = (trainer: Trainer): undefined => {
  trainer.once('trainBatchEnd', () => void process.emit('SIGINT'));
};
/** Ends a fit by `maxSteps`, after which the module has the average; the next fit lifts the limit. */
const lifted = (trainer: Trainer): undefined => {
  trainer.maxSteps = -1;
};

test.for([
  ['EMA', 'an AbortSignal in a batch', [abortAt('trainBatchEnd', 9), again], {}],
  ['EMA', 'an AbortSignal in a validation', [abortAt('validationBatchEnd', 3), again], {}],
  ['EMA', 'SIGINT, twice', [sigint, sigint, again], { handleSignals: true }],
  ['EMA', 'a limit, after which the average was swapped in', [again, lifted], { maxSteps: 4 }],
  ['SWA', 'an AbortSignal in a batch', [abortAt('trainBatchEnd', 17), again], {}],
  ['SWA', 'an AbortSignal in a validation', [abortAt('validationBatchEnd', 5), again], {}],
  ['SWA', 'SIGINT, twice', [abortAt('trainBatchEnd', 12), sigint, again], { handleSignals: true }],
  ['SWA', 'a limit, after which the average was swapped in', [again, lifted], { maxSteps: 5 }],
] as const)('%s: gone on with after %s, it ends as if it never had been stopped', async ([kind, _how, fits, options]) =>
  expectNoLeak(async () => {
    const whole = await fitRepeatedly([again], {
      callbacks: averages[kind](),
      handleSignals: 'handleSignals' in options,
    });
    const parts = await fitRepeatedly(fits, { callbacks: averages[kind](), ...options });
    expect(parts.endings.at(-1)).toEqual(['finished', 3, 21]);
    expect(parts.outcome).toEqual(whole.outcome);
  }),
);
