/** A second fit goes on with the weights that were trained, after an average has taken their place in the module. */
import {
  EMAWeightAveraging,
  MemoryLogger,
  StochasticWeightAveraging,
  seedEverything,
  Trainer,
  type TrainerOptions,
} from 'kelvin';
import { expect, test } from 'vitest';
import { bare } from '../support/boring.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { Resumable, resumableLoaders } from '../support/resumable.ts';

assertFileLeaksNothing();

const flags: TrainerOptions = {
  ...bare,
  barebones: false,
  enableProgressBar: false,
  enableModelSummary: false,
  enableCheckpointing: false,
  maxEpochs: 3,
  accumulateGradBatches: 3,
  logEveryNSteps: 1,
};

/** Fits as often as `fits` says, with one trainer, one module and new loaders each time. 7 batches an epoch. */
async function run(
  fits: readonly ((trainer: Trainer) => { signal?: AbortSignal } | undefined)[],
  options: TrainerOptions = {},
) {
  const restoreRandom = seedEverything(11);
  const module = new Resumable();
  const logger = new MemoryLogger();
  const trainer = new Trainer({ ...flags, logger, ...options });
  const losses: number[] = [];
  trainer.on('trainBatchEnd', ({ loss }) => losses.push(loss?.dataSync()[0] as number));
  const endings: unknown[] = [];
  let metrics = {};
  for (const prepare of fits) {
    const given = prepare(trainer) ?? {};
    const result = await trainer.fit(module, resumableLoaders(), given);
    endings.push([result.status, result.epochs, result.batches]);
    metrics = result.metrics;
  }
  const outcome = { losses, metrics, weights: module.weights() };
  module.dispose();
  restoreRandom();
  return { outcome, endings, logger };
}

/** Aborts the first fit when `hook` is called for the n-th time. */
function abortAt(hook: 'trainBatchEnd' | 'validationBatchEnd', n: number) {
  return (trainer: Trainer) => {
    const controller = new AbortController();
    let calls = 0;
    trainer.on(hook, () => {
      if (!trainer.sanityChecking && ++calls === n) controller.abort();
    });
    return { signal: controller.signal };
  };
}
const again = (): undefined => undefined;

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
    const whole = await run([again], { callbacks: averages[kind](), handleSignals: 'handleSignals' in options });
    const parts = await run(fits, { callbacks: averages[kind](), ...options });
    expect(parts.endings.at(-1)).toEqual(['finished', 3, 21]);
    expect(parts.outcome).toEqual(whole.outcome);
  }),
);
