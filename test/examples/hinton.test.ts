/** The Hinton experiment, tiny: that it runs through, goes on where it was stopped, and reports what it found. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataError, drawnDigits } from 'kelvin';
import { afterAll, expect, test } from 'vitest';
import { runExperiment } from '../../src/examples/distillation/hinton/experiment.ts';
import { bestBias, errorsOf } from '../../src/examples/distillation/hinton/logits.ts';
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

test('the bias of a digit that is never said is raised to where it costs least', () => {
  // Threes are said to be eights by a margin of 2; one eight is certain by 4, another by 1.
  const rows = [
    { label: 3, logits: { 3: 0, 8: 2 } },
    { label: 3, logits: { 3: 0, 8: 2.1 } },
    { label: 8, logits: { 3: 0, 8: 4 } },
    { label: 8, logits: { 3: 0, 8: 1 } },
  ];
  const values = new Float32Array(40).fill(-20);
  rows.forEach(({ logits }, row) => {
    for (const [digit, value] of Object.entries(logits)) values[10 * row + Number(digit)] = value;
  });
  const logits = { values, labels: rows.map(({ label }) => label) };
  expect(errorsOf(logits)).toEqual({ all: 2, byDigit: [0, 0, 0, 2, 0, 0, 0, 0, 0, 0] });
  const bias = bestBias(logits, [3]);
  expect(bias).toBe(2.25);
  expect(errorsOf(logits, { 3: bias })).toEqual({ all: 1, byDigit: [0, 0, 0, 0, 0, 0, 0, 0, 1, 0] });
});
