/** When EarlyStopping stops: the table of reference/lightning.md §1.8, as sequences of a metric. */
import { EarlyStopping, type EarlyStoppingOptions, LambdaCallback, Trainer, type TrainerOptions } from 'kelvin';
import { expect, test } from 'vitest';
import { BoringModule, bare, boringLoader } from '../support/boring.ts';
import { messageFrom } from '../support/messages.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';

assertFileLeaksNothing();

async function run(values: readonly number[], options: Partial<EarlyStoppingOptions>, flags: TrainerOptions = {}) {
  const stopping = new EarlyStopping({ monitor: 'm', ...options });
  const module = new BoringModule();
  let validations = 0;
  module.validationStep = () => {
    if (!module.trainer.sanityChecking) module.log('m', values[Math.min(validations++, values.length - 1)] as number);
  };
  const trainer = new Trainer({
    ...bare,
    maxEpochs: 10,
    ...flags,
    callbacks: [stopping].concat((flags.callbacks ?? []) as never),
  });
  const result = await trainer.fit(module, boringLoader(2), boringLoader(1)).finally(() => module.dispose());
  return { ...result, stopping };
}

test.for([
  ['a constant metric, patience 3', [1], {}, 4, 'm did not improve on 1 for 3 checks'],
  ['patience 0 is patience 1', [1], { patience: 0 }, 2, 'm did not improve on 1 for 1 checks'],
  ['patience 1', [1], { patience: 1 }, 2, 'm did not improve on 1 for 1 checks'],
  ['an improvement starts the count anew', [3, 4, 2, 3, 3], { patience: 2 }, 5, 'm did not improve on 2 for 2 checks'],
  [
    'just minDelta is no improvement',
    [3, 2, 2],
    { minDelta: 1, patience: 2 },
    3,
    'm did not improve on 3 for 2 checks',
  ],
  ['mode max', [1, 2, 2, 1], { mode: 'max', patience: 2 }, 4, 'm did not improve on 2 for 2 checks'],
  ['NaN', [1, Number.NaN], {}, 2, 'm is NaN'],
  ['infinity', [1, Number.NEGATIVE_INFINITY], {}, 2, 'm is -Infinity'],
  [
    'NaN without checkFinite counts as no improvement',
    [1, Number.NaN],
    { checkFinite: false },
    4,
    'm did not improve on 1 for 3 checks',
  ],
  ['stoppingThreshold', [3, 1, 0.1], { stoppingThreshold: 0.5 }, 3, 'm = 0.1 is better than 0.5'],
  ['divergenceThreshold', [3, 20], { divergenceThreshold: 10 }, 2, 'm = 20 is worse than 10'],
] as const)('%s: %o %o stops after %i', async ([, values, options, epochs, reason]) => {
  const { stopping, ...result } = await run(values, options);
  expect(result).toMatchObject({ status: 'stopped', epochs });
  expect(stopping.reason).toBe(reason);
  expect(stopping.stoppedEpoch).toBe(epochs - 1);
});

test('bestScore is that of the last improvement, not of the threshold', async () => {
  const { stopping } = await run([3, 1, 0.1], { stoppingThreshold: 0.5 });
  expect(stopping.bestScore).toBe(1);
});

test('a metric that improves never stops', async () => {
  expect(await run([5, 4, 3, 2, 1, 0.5], {}, { maxEpochs: 6 })).toMatchObject({ status: 'finished', epochs: 6 });
});

test('within an epoch it checks after each validation', async () => {
  const { steps, epochs } = await run([1], { patience: 2 }, { valCheckInterval: 1 });
  expect([steps, epochs]).toEqual([3, 2]);
});

test('D15 two of them: either stops; fastDevRun and sanity check do not count', async () => {
  const strict = new EarlyStopping({ monitor: 'm', patience: 1, mode: 'max' });
  expect(await run([4, 3, 2, 1], {}, { callbacks: [strict] })).toMatchObject({ epochs: 2 });
  const { stopping } = await run([Number.NaN], {}, { fastDevRun: true });
  expect(stopping.reason).toBeUndefined();
});

test('§2.2 T8 a metric that nobody logs is an error, unless not strict', async () => {
  const train = (options: object) => run([1], { monitor: 'val_acc', ...options }, { maxEpochs: 1 });
  expect(await messageFrom(() => train({}))).toMatchInlineSnapshot(`
    "ConfigError [missing-monitor] EarlyStopping: the metric \`val_acc\`: expected a metric that the module logs, got only \`m\`, \`train_loss\`.
      help: log it: \`this.log('val_acc', value)\` in \`validationStep\` or \`trainingStep\`"
  `);
  expect(await train({ strict: false })).toMatchObject({ status: 'finished' });
  expect(await messageFrom(() => new EarlyStopping({} as never))).toMatchInlineSnapshot(
    `"ConfigError [invalid-option] EarlyStopping: option \`monitor\`: expected the name of a metric, got undefined."`,
  );
  expect(await messageFrom(() => new EarlyStopping({ monitor: 'm', patience: -1 }))).toMatchInlineSnapshot(
    `"ConfigError [invalid-option] EarlyStopping: option \`patience\`: expected a whole number of at least 0, got -1 (number)."`,
  );
});

test('it checks what training logs as well, and obeys minEpochs', async () => {
  const module = new BoringModule();
  module.trainingStep = (batch) => {
    module.log('loss', 1, { onStep: false, onEpoch: true });
    return BoringModule.prototype.trainingStep.call(module, batch);
  };
  const epochs: number[] = [];
  const note = new LambdaCallback({ onTrainEpochEnd: ({ currentEpoch }) => void epochs.push(currentEpoch) });
  const callbacks = [new EarlyStopping({ monitor: 'loss', patience: 1 }), note];
  await new Trainer({ ...bare, minEpochs: 4, maxEpochs: 9, callbacks }).fit(module, boringLoader(1));
  expect(epochs).toEqual([0, 1, 2, 3]);
  module.dispose();
});
