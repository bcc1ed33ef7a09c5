import { type Callback, Trainer } from 'kelvin';
import { expect, test } from 'vitest';
import { BoringModule, bare, boringLoader } from '../support/boring.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';

assertFileLeaksNothing();

async function messageOfFit(module: BoringModule, callbacks: Callback[]): Promise<string> {
  const trainer = new Trainer({ ...bare, maxEpochs: 1, callbacks });
  const outcome = await trainer.fit(module, boringLoader(1)).then(
    (result) => result.status,
    (error: Error) => error.message,
  );
  module.dispose();
  return outcome;
}

test('a misspelled hook of a callback or of the module is an error that names the right one', async () => {
  class Misspelled extends BoringModule {
    onTrainEpochEnds(): void {}
  }
  expect(await messageOfFit(new Misspelled(), [])).toMatchInlineSnapshot(`
    "Misspelled.onTrainEpochEnds: expected the name of a module's hook, got one that is never called.
      help: did you mean \`onTrainEpochEnd\`?"
  `);
  const callback = { onTrainBatchend: () => {} } as Callback;
  expect(await messageOfFit(new BoringModule(), [callback])).toMatchInlineSnapshot(`
    "Object.onTrainBatchend: expected the name of a callback's hook, got one that is never called.
      help: did you mean \`onTrainBatchEnd\`?"
  `);
});

test('other methods that begin with "on" are nobody else’s business', async () => {
  class Own extends BoringModule {
    onTrainBatchReady(): void {}
    only(): void {}
  }
  expect(await messageOfFit(new Own(), [])).toBe('finished');
});
