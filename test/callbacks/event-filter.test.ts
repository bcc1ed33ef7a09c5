import { readdirSync } from 'node:fs';
import * as kelvin from 'kelvin';
import {
  type Callback,
  EarlyStopping,
  type EventFilter,
  every,
  filtered,
  type HookName,
  ModelCheckpoint,
  once,
  RestoreBest,
  Trainer,
  type TrainerOptions,
} from 'kelvin';
import { describe, expect, test } from 'vitest';
import { BoringModule, boringLoader } from '../support/boring.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';
import { fitBoring, freshDirectory, quiet, wholeAndResumed } from './support.ts';

assertFileLeaksNothing();

// under other names, since linters take `before` and `after` for hooks of the test runner
const { before: upTo, after: from } = kelvin;

/** The batches, epochs and so on in which a filtered callback was called, counted by hand. */
async function calls(
  filter: EventFilter,
  hook:
    | 'onTrainBatchEnd'
    | 'onTrainBatchStart'
    | 'onBeforeOptimizerStep'
    | 'onTrainEpochEnd'
    | 'onValidationEnd' = 'onTrainBatchEnd',
  flags: TrainerOptions = {},
): Promise<number[]> {
  const seen: number[] = [];
  let count = 0;
  const counter: Callback = {
    [hook]: (trainer: { sanityChecking: boolean }) => void (trainer.sanityChecking || count++),
  };
  const inner: Callback = { [hook]: () => void seen.push(count) };
  await fitBoring([counter, filtered(inner, filter)], { maxEpochs: 1, ...flags }, { batches: 10 });
  return seen;
}

describe('D27: of ten iterations', () => {
  test.for<[EventFilter, number[]]>([
    [{ every: 3 }, [3, 6, 9]],
    [{ once: 4 }, [4]],
    [{ once: [2, 5] }, [2, 5]],
    [{ before: 3 }, [1, 2]],
    [{ after: 8 }, [9, 10]],
    [{ after: 2, before: 7 }, [3, 4, 5, 6]],
    [{ every: 2, after: 3 }, [4, 6, 8, 10]],
    [{ when: ({ globalBatch }) => globalBatch > 8 }, [9, 10]],
    [{ every: 5, when: ({ globalBatch }) => globalBatch > 8 }, [10]],
  ])('%o passes %o', async ([filter, expected]) => {
    expect(await calls(filter)).toEqual(expected);
    if (filter.when === undefined) expect(await calls(filter, 'onTrainBatchStart')).toEqual(expected);
  });
});

test('other hooks are counted by their own calls', async () => {
  const flags = { maxEpochs: 4, accumulateGradBatches: 3, numSanityValSteps: 1 };
  expect(await calls({ every: 5 }, 'onBeforeOptimizerStep', flags)).toEqual([5, 10, 15]);
  expect(await calls({ after: 2 }, 'onTrainEpochEnd', flags)).toEqual([3, 4]);
  expect(await calls({ every: 3 }, 'onValidationEnd', { ...flags, valCheckInterval: 2 })).toEqual([
    3, 6, 9, 12, 15, 18,
  ]);
});

test('or by the units of training', async () => {
  const flags = { maxEpochs: 3, accumulateGradBatches: 4 };
  expect(await calls({ once: '2ep', every: 5 }, 'onTrainBatchEnd', flags)).toEqual([15, 20]);
  expect(await calls({ every: '15ba' }, 'onTrainEpochEnd', flags)).toEqual([3]);
  expect(await calls({ after: '7st' }, 'onTrainBatchEnd', flags)).toEqual([28, 29, 30]);
  expect(await calls({ before: '2ep' }, 'onValidationEnd', flags)).toEqual([1]);
  expect(await calls({ every: '20ba' }, 'onTrainBatchStart', flags)).toEqual([20]);
});

describe('every, once, before, after', () => {
  test('take a hook and a function', async () => {
    const seen: string[] = [];
    const note = (name: string) => (trainer: { globalBatch: number }) =>
      void seen.push(`${name} ${trainer.globalBatch}`);
    const callbacks = [
      every(4, 'trainBatchEnd', note('every')),
      once([2, 9], 'trainBatchEnd', note('once')),
      upTo(2, 'trainBatchEnd', note('before')),
      from(9, 'trainBatchEnd', note('after')),
    ];
    await fitBoring(callbacks, { maxEpochs: 1 }, { batches: 10 });
    expect(seen).toEqual(['before 1', 'once 2', 'every 4', 'every 8', 'once 9', 'after 10']);
  });

  test('or a callback, and can be put around one another', async () => {
    const seen: number[] = [];
    const note: Callback = { onTrainBatchEnd: ({ globalBatch }) => void seen.push(globalBatch) };
    await fitBoring(from(3, upTo('8ba', every(2, note))), { maxEpochs: 1 }, { batches: 10 });
    expect(seen).toEqual([4, 6]);
    await fitBoring(once(1, note), { maxEpochs: 1 });
    expect(seen).toEqual([4, 6, 1]);
  });
});

test('positions are those of the whole training, also in a resumed run and a second fit', async () => {
  const seen: number[] = [];
  const note = () => [every(3, 'trainBatchEnd', ({ globalBatch }) => void seen.push(globalBatch))];
  await wholeAndResumed(note, { at: 5, outcome: () => undefined });
  expect(seen).toEqual([3, 6, 9, 12, 3, 6, 9, 12]);
  seen.length = 0;
  const module = new BoringModule();
  const trainer = new Trainer({ ...quiet, maxEpochs: 1, callbacks: note() });
  await trainer.fit(module, boringLoader(4));
  trainer.maxEpochs = 2;
  await trainer.fit(module, boringLoader(4));
  module.dispose();
  expect(seen).toEqual([3, 6]);
});

test('batches of test and prediction are counted within their run', async () => {
  const seen: string[] = [];
  const callbacks = [
    every(2, 'testBatchEnd', (_trainer, _module, _outputs, _batch, batchIdx) => void seen.push(`test ${batchIdx}`)),
    from(2, 'predictBatchStart', (_trainer, _module, _batch, batchIdx) => void seen.push(`predict ${batchIdx}`)),
  ];
  const module = new BoringModule();
  const trainer = new Trainer({ ...quiet, callbacks });
  await trainer.test(module, boringLoader(4));
  await trainer.predict(module, boringLoader(4), { returnPredictions: false });
  module.dispose();
  expect(seen).toEqual(['test 1', 'test 3', 'predict 2', 'predict 3']);
});

test('what is filtered stays what it is: role, state, results', async () => {
  await expectNoLeak(async () => {
    const dirPath = freshDirectory();
    const keeper = every('2ep', new ModelCheckpoint({ dirPath, saveTopK: -1 }));
    const best = from('1ep', new RestoreBest({ monitor: 'val_loss' }));
    const stop = filtered(new EarlyStopping({ monitor: 'val_loss', stoppingThreshold: 1e9 }), { after: '3ep' });
    const epochs = await fitBoring(
      [keeper, best, stop],
      { enableCheckpointing: true, maxEpochs: 9 },
      { look: (_, __, r) => r.epochs },
    );
    expect(epochs).toBe(4);
    expect(readdirSync(dirPath).sort()).toEqual(['epoch=1-step=8.ckpt', 'epoch=3-step=16.ckpt']);
    expect(keeper.bestModelPath).toContain(dirPath);
    expect(best.bestEpoch).toBe(3);
    expect(stop).toBeInstanceOf(EarlyStopping);
    expect(stop.stateKey).toBe('EarlyStopping(val_loss,min)');
  });
});

test('bad filters are refused', () => {
  const bad = (filter: object) => expect(() => filtered({}, filter as EventFilter));
  bad({}).toThrow('Event filter: `filter`: expected at least one condition, got none.');
  bad({ every: 0 }).toThrow(
    "Event filter: `every`: expected a whole number of at least 1, or '2ep', '100ba', '50st', '0.5dur', got 0 (number).",
  );
  bad({ once: [2, 1.5] }).toThrow('Event filter: `once`: expected a whole number of at least 1');
  bad({ once: [] }).toThrow('Event filter: `once`: expected at least one number, got [] (array).');
  bad({ before: '5min' }).toThrow('Event filter: `before`');
  bad({ when: true }).toThrow('Event filter: `when`: expected a function, got true (boolean).');
  bad({ evry: 2 }).toThrow('Event filter: `evry`: expected `every`, `once`, `before`, `after` or `when`');
  expect(() => every(2, 'trainBatchEnds' as HookName, () => {})).toThrow('did you mean `trainBatchEnd`?');
  expect(() => once(1, 'fitEnd', () => {})).toThrow('Event filter: hook: unknown option `fitEnd`');
});
