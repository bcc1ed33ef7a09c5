/** Configuration files: what they may hold, that flags go before them, and where their mistakes are. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { fileOf, kelvin, temporaryDirectory } from './support.ts';

assertFileLeaksNothing();
const directory = temporaryDirectory();

/** The summary of a model is the quickest look at what the options have become. */
async function units(...args: readonly string[]): Promise<number[]> {
  const { code, out, err } = await kelvin('summary', ...args);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return [...out.matchAll(/Dense +\[\?, (\d+)\]/g)].map((match) => Number(match[1]));
}

test.each([
  ['flat keys', ['hidden: [7, 5]', 'classes: 3']],
  ['a list as on the command line', ['hidden: 7,5', 'classes: 3']],
  ['kebab-case and a section', ['model:', '  hidden: [7, 5]', '  learning-rate: 0.1', 'classes: 3']],
  ['the kind of model as `type`', ['model: { type: mlp, hidden: [7, 5] }', 'classes: 3']],
  [
    'keys of other commands',
    ['hidden: [7, 5]', 'classes: 3', 'maxEpochs: 4', 'trainer: { log-dir: x }', 'teacher: a.ckpt'],
  ],
])('takes %s', async (_, lines) => {
  expect(await units('--config', fileOf(directory, 'run.yaml', ...lines))).toEqual([7, 5, 3]);
});

test('an empty file changes nothing', async () => {
  expect(await units('--config', fileOf(directory, 'empty.yaml', '# nothing'))).toEqual([400, 400, 10]);
});

test('the command line goes before the file', async () => {
  const file = fileOf(directory, 'override.yaml', 'hidden: 9', 'classes: 3');
  expect(await units('--config', file)).toEqual([9, 3]);
  expect(await units('--config', file, '--hidden', '4')).toEqual([4, 3]);
});

test.each([
  ['an unknown key', ['seed: 1', 'maxEpoch: 3'], '2:1: unknown key `maxEpoch`.\n  help: did you mean `maxEpochs`?'],
  [
    'an unknown key in a section',
    ['trainer:', '  logDir: x', '  max_epochs: 3'],
    '3:3: unknown key `max_epochs` in `trainer`.\n  help: did you mean `maxEpochs`?',
  ],
  [
    'a key in the wrong section',
    ['trainer: { zzz: 1 }'],
    '1:12: unknown key `zzz` in `trainer`.\n  help: known keys: maxEpochs, maxSteps, maxTime, gradientClipVal, gradientClipAlgorithm, accumulateGradBatches, limitTrainBatches, limitValBatches, valCheckInterval, checkValEveryNEpoch, logEveryNSteps, fastDevRun, profiler, logDir, name',
  ],
  [
    'a wrong type',
    ['maxEpochs: "3"'],
    "1:12: `maxEpochs`: expected a whole number of at least 1, or with its unit, such as '3ep', got '3' (string).",
  ],
  [
    'a wrong value',
    ['data: {', '  val-split: 2 }'],
    '2:14: `val-split`: expected a number from 0 to 0.9, got 2 (number).',
  ],
  [
    'a missing value',
    ['hidden:'],
    '1:8: `hidden`: expected whole numbers of at least 1, separated by commas, got null.',
  ],
  [
    'hyper-parameters as a list',
    ['hparams: [lr=1]'],
    '1:10: `hparams`: expected `key: value` lines below it, got ["lr=1"] (array).',
  ],
  ['a value given twice', ['hidden: 3', 'model:', '  hidden: 4'], '3:3: `hidden` is given twice.'],
  ['the same key twice', ['seed: 3', 'seed: 4'], '2:1: Map keys must be unique.'],
  [
    'broken YAML',
    ['seed: 1', 'hidden: [1, 2'],
    '3:1: Flow sequence in block collection must be sufficiently indented and end with a ].',
  ],
  ['no keys at all', ['- 1'], '1:1: the file: expected `key: value` lines.'],
])('%s is named with line and column', async (name, lines, message) => {
  const file = fileOf(directory, `${name.replaceAll(' ', '-')}.yaml`, ...lines);
  const { code, out, err } = await kelvin('summary', '--config', file);
  expect({ code, out, err }).toEqual({ code: 2, out: '', err: `error: ${file}:${message}\n` });
});

test('a missing file is wrong use', async () => {
  const file = join(directory, 'missing.yaml');
  const { code, err } = await kelvin('fit', '--config', file);
  expect(code).toBe(2);
  expect(err).toMatch(/^error: The configuration file .*missing\.yaml cannot be read: got ENOENT/);
});
