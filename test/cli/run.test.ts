/** The commands at work, from training to predictions, on tiny data. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { kelvin, TINY, temporaryDirectory } from './support.ts';

assertFileLeaksNothing();
const directory = temporaryDirectory();
const last = (name: string, version = 0): string =>
  join(directory, name, `version_${version}`, 'checkpoints', 'last.ckpt');
const run = ['--log-dir', directory, '--seed', '1', '--no-progress'];

test('fit, test, validate, predict: a model is rebuilt from its checkpoint', async () => {
  const fit = await kelvin('fit', ...TINY, ...run, '--hidden', '12,8', '--max-epochs', '3', '--learning-rate', '0.01');
  expect(fit.code, fit.err).toBe(0);
  expect(fit.out).toContain('Trained 3 epochs, 27 steps.');
  expect(fit.out).toContain(`TensorBoard: tensorboard --logdir ${directory}`);
  expect(fit.out).toContain(last('fit'));
  expect(fit.err).toContain('180 images to train, 20 to validate, 60 to test');

  const validated = await kelvin('validate', ...TINY, '--ckpt', last('fit'));
  expect(validated.code, validated.err).toBe(0);
  const accuracy = /val_acc +(\S+)/;
  expect(accuracy.exec(validated.out)?.[1], 'the same split as in fit').toBe(accuracy.exec(fit.out)?.[1]);

  const tested = await kelvin('test', ...TINY, '--ckpt', last('fit'));
  expect(tested.code, tested.err).toBe(0);

  const out = join(directory, 'predictions.csv');
  const predicted = await kelvin('predict', ...TINY, '--ckpt', last('fit'), '--out', out);
  expect(predicted.code, predicted.err).toBe(0);
  const [header, ...rows] = readFileSync(out, 'utf8').trimEnd().split('\n');
  expect(header).toMatch(/^index,label,prediction,probability,probability_0,.*,probability_9$/);
  expect(rows.length).toBe(60);
  const right = rows.filter((row) => row.split(',')[1] === row.split(',')[2]).length;
  expect(Number(/test_acc +(\S+)/.exec(tested.out)?.[1])).toBeCloseTo(right / 60, 3);
});

test('the same seed gives the same weights', async () => {
  const outputs: string[] = [];
  for (const name of ['a', 'b']) {
    const { code, out, err } = await kelvin(
      'fit',
      ...TINY,
      ...run,
      '--name',
      name,
      '--max-epochs',
      '1',
      '--dropout',
      '0.2',
    );
    expect(code, err).toBe(0);
    outputs.push(out.split('Logs:')[0] as string);
  }
  expect(outputs[0]).toBe(outputs[1]);
});

test('fit goes on from a checkpoint, and refuses options that contradict it', async () => {
  const args = ['fit', ...TINY, ...run, '--name', 'resumed'];
  expect((await kelvin(...args, '--hidden', '8', '--max-epochs', '1')).code).toBe(0);
  const more = await kelvin(...args, '--max-epochs', '2', '--resume', last('resumed'));
  expect(more.code, more.err).toBe(0);
  expect(more.out).toContain('Trained 2 epochs, 18 steps.');
  const other = await kelvin(...args, '--hidden', '9', '--max-epochs', '3', '--resume', last('resumed'));
  expect(other).toMatchObject({
    code: 2,
    err: 'error: --hidden contradicts the checkpoint: expected [8] (array), got [9] (array).\n  help: leave it out: the model is rebuilt from the checkpoint\n',
  });
});

test('distill trains a teacher first when there is none, and compares it with its student', async () => {
  const sizes = ['--teacher-hidden', '16', '--teacher-epochs', '2', '--hidden', '4', '--max-epochs', '2'];
  const schedule = ['--temperature', '4', '--temperature-schedule', 'linear', '--baseline'];
  const first = await kelvin('distill', ...TINY, ...run, ...sizes, ...schedule);
  expect(first.code, first.err).toBe(0);
  expect(first.err).toContain('No --teacher given: training one first.');
  expect(first.out).toMatch(/^teacher +\d+ +\d+\.\d\d% +12,730 +50\.9 kB/m);
  expect(first.out).toMatch(/^student distilled +\d+ +\d+\.\d\d% +3,190 +12\.8 kB/m);
  expect(first.out).toMatch(/^student alone +\d+/m);

  const teacher = last('distill-teacher');
  const second = await kelvin('distill', ...TINY, ...run, ...sizes, '--teacher', teacher);
  expect(second.code, second.err).toBe(0);
  expect(second.err).not.toContain('training one first');
  const line = /^teacher +(\d+)/m;
  expect(line.exec(second.out)?.[1], 'the saved teacher is the trained one').toBe(line.exec(first.out)?.[1]);

  const student = await kelvin('test', ...TINY, '--ckpt', last('distill-student'));
  expect(student.code, student.err).toBe(0);
});

test('fast-dev-run goes through everything and leaves nothing behind', async () => {
  const { code, err } = await kelvin(
    'fit',
    ...TINY,
    ...run,
    '--name',
    'dev',
    '--fast-dev-run',
    '--model',
    'depthwise',
    '--channels',
    '2,4',
  );
  expect(code, err).toBe(0);
  expect(existsSync(join(directory, 'dev'))).toBe(false);
});
