/**
 * Writes the checkpoint fixture of the present format version, `test/fixtures/checkpoints/v<version>.ckpt`, which later
 * versions must go on loading: `npx tsx scripts/make-checkpoint-fixture.ts`. Fixtures that are there are never rewritten.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { FORMAT_VERSION } from '../src/checkpoint/store.ts';
import { makeFixture } from '../test/fixtures/checkpoints/recipe.ts';

const path = fileURLToPath(new URL(`../test/fixtures/checkpoints/v${FORMAT_VERSION}.ckpt`, import.meta.url));
if (existsSync(path)) throw new Error(`${path} exists: what was written by an older Kelvin must stay as it is`);
await makeFixture(path);
process.stdout.write(`wrote ${path}\n`);
