/** The example that grades eyes, with a target for kappa. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { drawFundusImages } from '../../src/examples/image-classification/fundus.ts';
import { gradeEyes } from '../../src/examples/image-classification/retina.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';

assertFileLeaksNothing();
const directory = mkdtempSync(join(tmpdir(), 'kelvin-eyes-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test('grades are learnt from a few hundred eyes', async () => {
  const data = await drawFundusImages(directory, { count: 300, seed: 1 });
  const measured = await expectNoLeak(() => gradeEyes({ data, epochs: 8, progress: false }));
  expect(measured.test_kappa).toBeGreaterThan(0.75);
  expect(measured.test_auc).toBeGreaterThan(0.8);
});
