/** The Hinton experiment, tiny: that it runs through, goes on where it was stopped, and reports what it found. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataError, drawnDigits } from 'kelvin';
import { afterAll, expect, test } from 'vitest';
import { runExperiment } from '../../src/examples/distillation/hinton/experiment.ts';
import { QUICK } from '../../src/examples/distillation/hinton/plan.ts';
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
    'alone/0',
    'teacher/0',
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
