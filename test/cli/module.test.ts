/** `--module`: the user's own module, with hyper-parameters and its own data. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { fileOf, kelvin, TINY, temporaryDirectory } from './support.ts';

assertFileLeaksNothing();
const directory = temporaryDirectory();
const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
const checkpoint = (name: string): string => join(directory, name, 'version_0', 'checkpoints', 'last.ckpt');

test('a class with its own data is trained, tested and predicts', async () => {
  const module = ['--module', fixture('line.js')];
  const fit = await kelvin(
    'fit',
    ...module,
    '--hparams',
    'lr=0.15',
    '--log-dir',
    directory,
    '--name',
    'line',
    '--max-epochs',
    '20',
  );
  expect(fit.code, fit.err).toBe(0);
  expect(fit.out).toContain('Trained 20 epochs, 80 steps.');
  for (const option of [
    ['--mixup', '1'],
    ['--focal-gamma', '2'],
    ['--metrics', 'auc'],
  ]) {
    const { code, err } = await kelvin('fit', ...module, ...option, '--log-dir', directory);
    expect([code, err.startsWith(`error: ${option[0]}`)]).toEqual([2, true]);
  }

  const tested = await kelvin('test', ...module, '--ckpt', checkpoint('line'));
  expect(tested.code, tested.err).toBe(0);
  expect(Number(/test_mse +(\S+)/.exec(tested.out)?.[1])).toBeLessThan(1e-4);

  const predicted = await kelvin('predict', ...module, '--ckpt', checkpoint('line'));
  expect(predicted.code, predicted.err).toBe(0);
  const [header, first, second] = predicted.out.split('\n');
  expect(header).toBe('index,output_0');
  expect(Number(first?.split(',')[1])).toBeCloseTo(3, 1);
  expect(Number(second?.split(',')[1])).toBeCloseTo(6, 1);
});

test('hyper-parameters come from the file, and from the command line before that', async () => {
  const file = fileOf(
    directory,
    'module.yaml',
    `module: ${fixture('line.js')}`,
    'model:',
    '  units: 3',
    '  labels: [a, b]',
  );
  expect((await kelvin('summary', '--config', file)).out).toMatch(/net\.0 +Dense +\[\?, 3\]/);
  expect((await kelvin('summary', '--config', file, '--hparams', 'units=5')).out).toMatch(/net\.0 +Dense +\[\?, 5\]/);
});

test('a function that makes a module gets the built-in data, and its checkpoint remembers how it was made', async () => {
  const module = ['--module', fixture('factory.js')];
  const args = ['--hparams', 'width=6', '--log-dir', directory, '--name', 'factory', '--max-epochs', '1'];
  const fit = await kelvin('fit', ...module, ...TINY, ...args);
  expect(fit.code, fit.err).toBe(0);
  const tested = await kelvin('test', ...module, ...TINY, '--ckpt', checkpoint('factory'));
  expect(tested.code, tested.err).toBe(0);
  expect(tested.out).toMatch(/test_acc +0\.\d+/);
  const without = await kelvin('test', ...TINY, '--ckpt', checkpoint('factory'));
  expect(without.code).toBe(1);
  expect(without.err).toContain('does not say how its model is built');
});

test.each([
  ['missing.js', 2, 'error: --module: there is no file '],
  [
    'nothing.js',
    1,
    'the default export: expected a class that extends LightningModule, or a function that makes one, got undefined.',
  ],
  ['no-module.js', 1, 'the default export: expected a LightningModule, got {"not":"a module"} (object).'],
])('%s: a clear error', async (name, expected, message) => {
  const { code, err } = await kelvin('summary', '--module', fixture(name));
  expect(code).toBe(expected);
  expect(err).toContain(message);
});

test('a hyper-parameter without a value is wrong use', async () => {
  const { code, err } = await kelvin('summary', '--module', fixture('line.js'), '--hparams', 'lr');
  expect({ code, err }).toEqual({
    code: 2,
    err: "error: --hparams: expected <key=value>, such as lr=0.01, got 'lr' (string).\n",
  });
});
