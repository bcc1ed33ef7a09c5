/** The Hinton experiment, tiny: that it runs through, goes on where it was stopped, and reports what it found. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataError, drawnDigits } from 'kelvin';
import { afterAll, describe, expect, test } from 'vitest';
import { runExperiment } from '../../src/examples/distillation/hinton/experiment.ts';
import { QUICK } from '../../src/examples/distillation/hinton/plan.ts';
import { shareRuns } from '../../src/examples/distillation/hinton/processes.ts';
import { errorCurves, sweepTable, tableOf, temperatureCurve } from '../../src/examples/distillation/hinton/report.ts';
import { assertFileLeaksNothing, expectNoLeak } from '../support/no-leak.ts';

assertFileLeaksNothing();
const directory = mkdtempSync(join(tmpdir(), 'kelvin-hinton-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const run = (plan = QUICK) => {
  const lines: string[] = [];
  const digits = drawnDigits({ train: plan.trainingImages, test: plan.testImages });
  const print = (line: string) => lines.push(line);
  return runExperiment({ plan, digits, directory, progress: false, print }).then((ledger) => ({ ledger, lines }));
};

test('every run of the plan is made once, and reported', async () => {
  const first = await expectNoLeak(() => run());
  expect(first.lines.map((line) => line.split(' ')[0])).toEqual([
    'teacher/0',
    'alone/0',
    'distilled/0',
    'omitted-3/0',
    'small-alone/0',
    'small-T1/0',
    'small-T20/0',
  ]);
  const again = await run();
  expect(again.lines).toEqual([]);

  const { ledger } = again;
  const errors = (name: string) => ledger.get(name)?.errors as number;
  expect(tableOf(ledger, QUICK)).toContain(`| student distilled, T = 20 | ${errors('distilled/0')} |`);
  expect(tableOf(ledger, QUICK)).not.toContain('paper |');
  expect(sweepTable(ledger, QUICK)).toContain(`| T = 20 | ${errors('small-T20/0')} |`);
  expect(ledger.get('teacher/0')?.curve).toHaveLength(QUICK.teacher.epochs);
  expect(ledger.get('teacher/0')?.curve.at(-1)).toBe(errors('teacher/0'));
  const left = ledger.get('omitted-3/0')?.omitted;
  expect(left?.onTest.errors).toBeLessThanOrEqual(errors('omitted-3/0'));
  for (const picture of [errorCurves(ledger), temperatureCurve(ledger, QUICK)]) {
    expect(picture).toMatch(/^<svg [^>]+>/);
    expect(picture).not.toMatch(/NaN|Infinity|undefined/);
  }

  await expect(run({ ...QUICK, temperature: 4 })).rejects.toThrow(DataError);
});

describe('runs that are shared among processes', () => {
  const runs = ['alone/0', 'teacher/0', 'distilled/0', 'distilled/1', 'distilled/2'];
  const share = async (codes: Record<string, number> = {}) => {
    const log: string[] = [];
    const start = (name: string, threads: number) => {
      log.push(`${name} begins on ${threads}`);
      const child = spawn(process.execPath, ['-e', `process.exit(${codes[name] ?? 0})`]);
      return child.once('exit', () => log.push(`${name} ends`));
    };
    return { code: await shareRuns({ runs, processes: 2, start }), log };
  };

  test('the teacher comes first with all threads, then as many students as there are processes', async () => {
    const { code, log } = await share();
    expect(code).toBe(0);
    expect(log.slice(0, 4)).toEqual([
      'teacher/0 begins on 2',
      'teacher/0 ends',
      'alone/0 begins on 1',
      'distilled/0 begins on 1',
    ]);
    expect(log).toHaveLength(10);
  });

  test('without their teacher no students begin', async () => {
    expect(await share({ 'teacher/0': 3 })).toEqual({ code: 3, log: ['teacher/0 begins on 2', 'teacher/0 ends'] });
  });

  test('after a student that fails none begins, and the one beside it is finished', async () => {
    const { code, log } = await share({ 'alone/0': 4, 'distilled/0': 4 });
    expect(code).toBe(4);
    expect(log).toContain('distilled/0 ends');
    expect(log).not.toContain('distilled/2 begins on 1');
  });
});
