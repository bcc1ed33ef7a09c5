/** Old checkpoints keep loading: a fixture for each format version there has been. */
import { fileURLToPath } from 'node:url';
import { readCheckpoint } from 'kelvin/checkpoint';
import { expect, test } from 'vitest';
import { FORMAT_VERSION } from '../../src/checkpoint/store.ts';
import { runFixture } from '../fixtures/checkpoints/recipe.ts';
import { filesIn } from '../support/files.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';

assertFileLeaksNothing();

const directory = fileURLToPath(new URL('../fixtures/checkpoints', import.meta.url));
const versions = Array.from({ length: FORMAT_VERSION }, (_, i) => i + 1);

test('there is a fixture of every format version', () => {
  const fixtures = filesIn(directory).filter((name) => name.endsWith('.ckpt'));
  expect(fixtures).toEqual(versions.map((version) => `v${version}.ckpt`));
});

test.for(versions)('a checkpoint of format %i is read and resumed from exactly', (version) =>
  expectNoLeak(async () => {
    const path = `${directory}/v${version}.ckpt`;
    const { state, tensors } = await readCheckpoint(path);
    expect(state).toMatchObject({
      format: version,
      module: 'Line',
      hparams: { lr: 0.1 },
      epoch: 1,
      globalStep: 4,
      user: { note: 'by the module' },
    });
    expect(tensors.get('model/net.0.kernel')).toMatchObject({ shape: [2, 1], dtype: 'float32' });
    const [whole, resumed] = [await runFixture(), await runFixture(path)];
    // The fixture was made on one engine and machine, which may round otherwise than this one.
    for (const [i, weight] of whole.weights.entries()) expect(resumed.weights[i]).toBeCloseTo(weight, 5);
    expect(resumed).toMatchObject({ status: 'finished', epochs: whole.epochs, steps: whole.steps });
  }),
);
