/** `kelvin check`, `--profiler`, and counts with their units. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { fileOf, kelvin, TINY, temporaryDirectory } from './support.ts';

assertFileLeaksNothing();
const directory = temporaryDirectory();
const line = ['--module', fileURLToPath(new URL('fixtures/line.js', import.meta.url))];
const SMALL = [...TINY, '--hidden', '4', '--no-progress', '--log-dir', directory];

test('kelvin check tells what kelvin fit would do, and writes nothing', async () => {
  const args = ['--max-epochs', '3ep', '--val-check-interval', '50%', '--accumulate-grad-batches', '3'];
  const { code, out, err } = await kelvin('check', ...SMALL, ...args);
  expect(code, err).toBe(0);
  expect(out).toMatchInlineSnapshot(`
    "check of ImageClassificationModel: all well
    loader  batches  a batch                                  the step returns
    ─────────────────────────────────────────────────────────────────────────────────
    train         9  x float32 [20, 28, 28, 1], y int32 [20]  loss float32 []
    val           1  x float32 [20, 28, 28, 1], y int32 [20]  logits float32 [20, 10]
    metrics: training train_loss; validation val_loss, val_acc
    9 optimizer steps in 3 epochs, 6 validations
    SequentialLR: 9 steps, one per step
    "
  `);
  expect(readdirSync(directory)).toEqual([]);
});

test('kelvin check of a module that cannot be trained fails and says why', async () => {
  const { code, out } = await kelvin('check', ...line, '--hparams', 'units=2', '--log-dir', directory);
  expect(code).toBe(1);
  expect(out).toContain('error: mse: predictions and targets differ in shape');
  expect(readdirSync(directory)).toEqual([]);
});

test('--profiler simple prints a table to stderr, chrome writes a time line and says where', async () => {
  const fit = ['fit', ...line, '--log-dir', directory, '--name', 'line', '--max-epochs', '2', '--no-progress'];
  const simple = await kelvin(...fit, '--profiler', 'simple');
  expect(simple.code, simple.err).toBe(0);
  expect(simple.err).toMatch(/\[LightningModule\]Line\.trainingStep +8 /);
  const ckpt = join(directory, 'line', 'version_0', 'checkpoints', 'last.ckpt');
  const tested = await kelvin('test', ...line, '--ckpt', ckpt, '--no-progress', '--profiler', 'simple');
  expect(tested.err).toMatch(/\[LightningModule\]Line\.testStep +4 /);
  const config = fileOf(directory, 'profiled.yaml', 'trainer:', '  profiler: chrome');
  const chrome = await kelvin(...fit, '--config', config);
  const path = /Time line: (\S+)/.exec(chrome.err)?.[1] ?? '';
  expect(existsSync(path), chrome.err).toBe(true);
  const trace = JSON.parse(readFileSync(path, 'utf8')) as { name: string }[] | { traceEvents: { name: string }[] };
  const events = Array.isArray(trace) ? trace : trace.traceEvents;
  expect(events.filter(({ name }) => name === '[LightningModule]Line.trainingStep')).toHaveLength(8);
});

test('counts and times may have their unit; a wrong one is refused by name', async () => {
  const fit = ['fit', ...line, '--log-dir', directory, '--name', 'units', '--no-progress'];
  const stopped = await kelvin(...fit, '--max-epochs', '3ep', '--max-steps', '6st', '--log-every-n-steps', '2st');
  expect(stopped.code, stopped.err).toBe(0);
  expect(stopped.out).toContain('6 steps.');
  expect((await kelvin(...fit, '--max-epochs', '2', '--max-time', '30min')).out).toContain('8 steps.');
  const wrong = await kelvin(...fit, '--max-epochs', '3ba');
  expect(wrong.code).toBe(2);
  expect(wrong.err).toContain("Expected a whole number of at least 1, or with its unit, such as '3ep'");
});
