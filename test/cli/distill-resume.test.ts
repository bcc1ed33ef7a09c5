/** `kelvin distill` that is interrupted and gone on with ends where one that was not does. */
import { join } from 'node:path';
import { readCheckpoint } from 'kelvin';
import { expect, test } from 'vitest';
import { run } from '../../src/cli/program.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { TINY, temporaryDirectory } from './support.ts';

assertFileLeaksNothing();

/** Distils; Ctrl-C comes when `interruptAt` is printed. */
async function distill(logDir: string, { interruptAt, more = [] }: { interruptAt?: RegExp; more?: string[] } = {}) {
  let printed = '';
  const stream = {
    columns: 100,
    write: (text: string) => {
      const before = printed;
      printed += text;
      if (interruptAt?.test(printed) && !interruptAt.test(before)) process.emit('SIGINT');
      return true;
    },
  };
  const sizes = ['--teacher-hidden', '12', '--teacher-epochs', '2', '--hidden', '6', '--max-epochs', '3', '--baseline'];
  const args = [
    'distill',
    ...TINY,
    ...sizes,
    '--seed',
    '5',
    '--temperature-schedule',
    'linear',
    '--log-dir',
    logDir,
    ...more,
  ];
  const code = await run(args, { stdout: stream, stderr: stream });
  return { code, printed };
}

/** The weights of a part at its end, wherever that was. */
async function weightsOf(logDir: string, part: string) {
  const { tensors } = await readCheckpoint(join(logDir, `distill-${part}`, 'version_0', 'checkpoints', 'last.ckpt'));
  return [...tensors].filter(([name]) => name.startsWith('model/'));
}

test.for([
  ['the teacher', /epoch 1\/2/],
  ['the student', /epoch 1\/3/],
  ['the baseline', /epoch 3\/3[\s\S]*epoch 2\/3/],
] as const)(
  'interrupted in %s: exit code 130, how to go on, and the same weights in the end',
  async ([, interruptAt]) => {
    const [whole, parts] = [temporaryDirectory(), temporaryDirectory()];
    expect((await distill(whole)).code).toBe(0);
    const first = await distill(parts, { interruptAt });
    expect(first.code).toBe(130);
    expect(first.printed).toContain('Go on with: kelvin distill --resume, with the options of this run');
    const second = await distill(parts, { more: ['--resume'] });
    expect(second.code, second.printed).toBe(0);
    for (const part of ['teacher', 'student', 'baseline']) {
      expect(await weightsOf(parts, part), part).toEqual(await weightsOf(whole, part));
    }
  },
);

test('with other options it does not go on, and says which', async () => {
  const logDir = temporaryDirectory();
  const quick = ['--max-epochs', '1', '--teacher-epochs', '1'];
  expect((await distill(logDir, { more: quick })).code).toBe(0);
  const other = await distill(logDir, { more: [...quick, '--resume', '--alpha', '0.5', '--hidden', '7'] });
  expect(other.code).toBe(1);
  expect(other.printed).toContain('had other options: expected alpha 0.9, hidden [6], got alpha 0.5, hidden [7].');
  const same = await distill(logDir, { more: ['--max-epochs', '2', '--teacher-epochs', '1', '--resume'] });
  expect(same.code, same.printed).toBe(0);
});
