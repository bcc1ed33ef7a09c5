/** `kelvin distill` writes its report; `--sweep` trains many students, once each. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { run } from '../../src/cli/program.ts';
import { assertFileLeaksNothing } from '../support/no-leak.ts';
import { kelvin, TINY, temporaryDirectory } from './support.ts';

assertFileLeaksNothing();

const SMALL = [
  ...TINY,
  '--teacher-hidden',
  '12',
  '--teacher-epochs',
  '2',
  '--hidden',
  '6',
  '--max-epochs',
  '2',
  '--seed',
  '5',
];

test('distill writes report.html and report.json beside the logs, and a text for TensorBoard', async () => {
  const logDir = temporaryDirectory();
  const { code, out } = await kelvin('distill', ...SMALL, '--log-dir', logDir, '--no-progress');
  expect(code).toBe(0);
  const directory = join(logDir, 'distill-student', 'version_0');
  expect(out).toContain(`Report:      ${join(directory, 'report.html')}`);
  expect(readFileSync(join(directory, 'report.html'), 'utf8')).toContain('<h1>Distillation report</h1>');
  const { models } = JSON.parse(readFileSync(join(directory, 'report.json'), 'utf8'));
  expect(models.map(({ name }: { name: string }) => name)).toEqual(['teacher', 'student distilled']);
  const events = readdirSync(directory).filter((name) => name.includes('tfevents'));
  const texts = events.map((name) => readFileSync(join(directory, name), 'latin1')).join();
  expect(texts).toContain('distillation/report');
  expect(texts).toContain('[The whole report](file://');
});

const sweep = (logDir: string, what: string, ...more: string[]) =>
  kelvin('distill', ...SMALL, '--log-dir', logDir, '--no-progress', '--seeds', '1', '--sweep', what, ...more);

test('a sweep over sizes and temperatures, then over one more size: only that is trained', async () => {
  const logDir = temporaryDirectory();
  const first = await sweep(logDir, 'sizes=0.5,temperatures=2,8');
  expect(first.code, first.err).toBe(0);
  expect(first.out).toContain('digits: best with T =');
  const directory = join(logDir, 'distill-sweep');
  expect(readFileSync(join(directory, 'report.html'), 'utf8')).toContain('How does T behave? (digits)');
  expect(JSON.parse(readFileSync(join(directory, 'report.json'), 'utf8')).rows).toHaveLength(4);
  const second = await sweep(logDir, 'sizes=0.5,0.25,temperatures=2,8');
  expect(second.code, second.err).toBe(0);
  const trained = second.err.match(/^digits, .* errors$/gm)?.map((line) => line.replace(/:.*/, ''));
  expect(trained).toEqual([
    'digits, size 0.25, alone, seed 5',
    'digits, size 0.25, T 2, alpha 0.9, seed 5',
    'digits, size 0.25, T 8, alpha 0.9, seed 5',
  ]);
  expect(second.err.match(/teacher-digits/g)).toBeNull();
  const other = await sweep(logDir, 'sizes=0.5', '--max-epochs', '3');
  expect(other.code).toBe(1);
  expect(other.err).toContain('holds the runs of another plan');
});

test('a sweep that is interrupted goes on and ends where one that was not does', async () => {
  const what = 'tasks=digits,digits@60';
  const [whole, parts] = [temporaryDirectory(), temporaryDirectory()];
  expect((await sweep(whole, what)).code).toBe(0);
  let printed = '';
  const stream = {
    columns: 100,
    write: (text: string) => {
      const before = printed;
      printed += text;
      const now = /digits, alone, seed 5[\s\S]*epoch 2\/2/;
      if (now.test(printed) && !now.test(before)) process.emit('SIGINT');
      return true;
    },
  };
  const args = ['distill', ...SMALL, '--log-dir', parts, '--seeds', '1', '--sweep', what];
  expect(await run(args, { stdout: stream, stderr: stream })).toBe(130);
  expect(printed).toContain('The same command goes on');
  expect(existsSync(join(parts, 'distill-sweep', 'results'))).toBe(true);
  expect((await sweep(parts, what)).code).toBe(0);
  const runs = (logDir: string) => {
    const directory = join(logDir, 'distill-sweep', 'results');
    const names = readdirSync(directory).sort();
    return Object.fromEntries(names.map((name) => [name, JSON.parse(readFileSync(join(directory, name), 'utf8'))]));
  };
  expect(runs(parts)).toEqual(runs(whole));
  expect(Object.keys(runs(whole))).toHaveLength(6);
});

test.for(['sizes', 'sizes=', 'sizes=a', 'colour=3', '0.5', 'tasks=digits@0', 'sizes=1=2'])(
  '--sweep %s is refused',
  async (what) => {
    const { code, err } = await sweep(temporaryDirectory(), what);
    expect(code).toBe(2);
    expect(err).toContain('size, task, temperature, or lists such as');
  },
);
