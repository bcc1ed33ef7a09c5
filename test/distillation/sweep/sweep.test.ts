/** Sweeps: which runs there are, that none is run twice, and what the report makes of them. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { runSweep, type SweepOptions, type SweepPoint, type SweepRun } from 'kelvin/distillation';
import { expect, test } from 'vitest';
import { freshDirectory } from '../../support/files.ts';
import { messageFrom } from '../../support/messages.ts';
import { assertFileLeaksNothing } from '../../support/no-leak.ts';

assertFileLeaksNothing();

/** Errors of 1000 that are known beforehand: fewer with size, with a teacher, and at T = 4. */
function errorsOf({ kind, size = 1, temperature = 1, alpha = 0, seed, task }: SweepPoint): number {
  if (kind === 'teacher') return 50;
  const alone = 200 - 100 * size + 2 * seed;
  if (kind === 'alone') return alone;
  return alone - (task === 'hard' ? 60 : 20) - 10 * alpha + 2 * Math.abs(temperature - 4);
}

const outcome = (point: SweepPoint): SweepRun => ({
  errors: errorsOf(point),
  samples: 1000,
  parameters: point.kind === 'teacher' ? 10_000 : 10_000 * (point.size ?? 1),
  agreement: point.kind === 'teacher' ? 1 : 0.9,
});

const runAll = (options: Partial<SweepOptions> & { directory: string }) =>
  runSweep({ run: async (point) => outcome(point), ...options });

test('every combination is run once per seed, every size also alone', async () => {
  const seen: string[] = [];
  const run = async (point: SweepPoint) => {
    seen.push(point.name);
    return outcome(point);
  };
  await runAll({ run, directory: freshDirectory(), sizes: [0.5, 1], temperatures: [2, 4], seeds: [7] });
  expect(seen).toEqual([
    'task, teacher',
    'task, size 0.5, alone, seed 7',
    'task, size 0.5, T 2, alpha 0.9, seed 7',
    'task, size 0.5, T 4, alpha 0.9, seed 7',
    'task, size 1, alone, seed 7',
    'task, size 1, T 2, alpha 0.9, seed 7',
    'task, size 1, T 4, alpha 0.9, seed 7',
  ]);
});

test('means, intervals and gains over seeds are those of Student', async () => {
  const { report } = await runAll({ directory: freshDirectory(), temperatures: [4], alphas: [0.5], seeds: [0, 1, 2] });
  const [teacher, alone, distilled] = report.rows;
  expect(teacher?.accuracy).toMatchObject({ value: 0.95, seeds: [0.95] });
  expect(alone?.errors.seeds).toEqual([100, 102, 104]);
  expect(alone?.errors.value).toBe(102);
  // 4.302653 is the quantile for two degrees of freedom, the deviation is 2
  expect(alone?.errors.high).toBeCloseTo(102 + (4.302653 * 2) / Math.sqrt(3), 4);
  expect(distilled?.gain?.value).toBeCloseTo(0.025, 9);
  expect(distilled?.gain?.low).toBeCloseTo(0.025, 9); // the same in every pair
  expect(alone?.gain).toBeUndefined();
});

test('the three questions are answered, in a table and with a figure each', async () => {
  const { report } = await runAll({
    directory: freshDirectory(),
    tasks: ['easy', 'hard'],
    sizes: [0.25, 0.5, 1],
    temperatures: [1, 4, 20],
    alphas: [0.5, 1],
    seeds: [0, 1],
    title: 'All <of> it',
  });
  expect(report.findings()).toEqual([
    'easy: no distilled student comes within a point of the teacher (95.00%).',
    expect.stringMatching(
      /^easy: best with T = 4 and alpha = 1, 92\.90% \(.*\), \+3\.00 points .* over the student alone\.$/,
    ),
    'hard: the smallest distilled student within a point of the teacher (95.00%) has 10,000 parameters, hardly fewer than the teacher.',
    expect.stringMatching(/^hard: best with T = 4 and alpha = 1/),
    expect.stringMatching(/^Of 2 tasks hard profits most: \+7\.00 points/),
  ]);
  const page = report.toHTML();
  for (const title of ['How small can the student be? (easy)', 'Which task profits?', 'How does T behave? (hard)']) {
    expect(page).toContain(title);
  }
  expect(page).toContain('How does α behave? (easy)');
  expect(page).toContain('<title>All &lt;of&gt; it</title>');
  expect(page).not.toMatch(/https?:\/\/(?!www\.w3\.org)/);
  expect(report.toTable().split('\n')).toHaveLength(2 + 2 * (1 + 3 * (1 + 6)));
  expect(report.toMarkdown()).toContain('| easy | teacher | – | 10,000 |');
  expect(JSON.parse(JSON.stringify(report))).toMatchObject({ title: 'All <of> it', rows: { length: 44 } });
  const written: string[][] = [];
  report.writeTo({ addText: (...given) => written.push(given.map(String)) }, 'page.html', 3);
  expect(written[0]?.[1]).toContain('[The whole report](page.html)');
});

test('finished runs are kept: after an interruption, after an error, and when values are added', async () => {
  const directory = freshDirectory();
  const trained: string[] = [];
  const upTo = (last: number, end: 'interrupt' | 'throw') => async (point: SweepPoint) => {
    if (trained.length === last && end === 'interrupt') return undefined;
    if (trained.length === last) throw new Error('no memory');
    trained.push(point.name);
    return outcome(point);
  };
  const axes = { directory, temperatures: [2, 4], seeds: [0, 1], plan: { epochs: 3 } };
  const first = await runSweep({ ...axes, run: upTo(2, 'interrupt') });
  expect(first.status).toBe('interrupted');
  expect(first.report.rows).toHaveLength(2);
  expect(await messageFrom(() => runSweep({ ...axes, run: upTo(4, 'throw') }))).toBe('Error no memory');
  const rest = await runSweep({ ...axes, run: upTo(99, 'throw') });
  expect(rest.status).toBe('finished');
  expect(trained).toHaveLength(7);
  expect(new Set(trained).size).toBe(7);
  await runSweep({ ...axes, temperatures: [2, 4, 8], run: upTo(99, 'throw') });
  expect(trained.slice(7)).toEqual(['task, T 8, alpha 0.9, seed 0', 'task, T 8, alpha 0.9, seed 1']);
  expect(readdirSync(join(directory, 'results')).sort()).toEqual(trained.map((name) => `${name}.json`).sort());
  expect(await messageFrom(() => runAll({ ...axes, plan: { epochs: 4 } }))).toContain('other-plan');
});

test('where nothing is gained, it says so; no share is beyond 0 and 1', async () => {
  const run = async (point: SweepPoint): Promise<SweepRun> => {
    const worse = point.kind === 'distilled' ? 40 : 0;
    return { errors: 100 + worse + 850 * point.seed, samples: 1000, parameters: 10 };
  };
  const { report } = await runSweep({ run, directory: freshDirectory(), tasks: ['a', 'b'], seeds: [0, 1] });
  expect(report.findings().at(-1)).toMatch(/^Of 2 tasks none profits, and [ab] loses least: −4\.00 points [^,]*\.$/);
  expect(report.rows[1]?.accuracy).toMatchObject({ low: 0, high: 1 });
  expect(report.rows[1]?.errors).toMatchObject({ low: 0, high: 1000 });
});

test('mistakes are named', async () => {
  const directory = freshDirectory();
  expect(await messageFrom(() => runAll({ directory, sizes: [1, 1] }))).toContain('none of them twice');
  expect(await messageFrom(() => runAll({ directory, temperatures: [0] }))).toContain('a number above 0');
  expect(await messageFrom(() => runAll({ directory, seeds: [] }))).toContain('at least one whole number');
});
