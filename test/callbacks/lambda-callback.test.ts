import { LambdaCallback, Trainer } from 'kelvin';
import { expect, test } from 'vitest';
import { BoringModule, bare, boringLoader } from '../support/boring.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';

assertFileLeaksNothing();

test('the functions are called as the hooks of a callback, in each fit', async () => {
  const calls: string[] = [];
  const callback = new LambdaCallback({
    setup: (_trainer, _module, stage) => void calls.push(`setup ${stage}`),
    onTrainBatchEnd: (_trainer, _module, outputs, _batch, batchIdx) =>
      void calls.push(`${batchIdx} ${outputs.loss?.rank}`),
    onTrainEnd: async (trainer) => void calls.push(`end after ${trainer.globalStep}`),
  });
  await expectNoLeak(async () => {
    const module = new BoringModule();
    for (let fit = 0; fit < 2; fit++) {
      const trainer = new Trainer({ ...bare, callbacks: callback, maxEpochs: 1 });
      await trainer.fit(module, boringLoader(2));
    }
    module.dispose();
  });
  const fit = ['setup fit', '0 0', '1 0', 'end after 2'];
  expect(calls).toEqual([...fit, ...fit]);
});

test('names that are no hooks of a callback are refused', () => {
  expect(() => new LambdaCallback({ onTrainBatchEnds: () => {} } as never)).toThrow(
    'LambdaCallback: unknown option `onTrainBatchEnds`.\n  help: did you mean `onTrainBatchEnd`?',
  );
  expect(() => new LambdaCallback({ onValidationModelEval: () => {} } as never)).toThrow('unknown option');
  expect(() => new LambdaCallback({ onTrainEnd: 'now' } as never)).toThrow(
    "LambdaCallback: option `onTrainEnd`: expected a function, got 'now' (string).",
  );
});
