/** The results as a person reads them: the table beside the paper's and PyTorch's numbers, and two curves. */
import { lineChart } from 'kelvin';
import type { Ledger, Run } from './ledger.ts';
import { FULL, type Plan } from './plan.ts';

/** What others got: the paper, and PyTorch with 20 epochs each on the same files. */
const PAPER = {
  teacher: '67',
  alone: '146',
  distilled: '74',
  omitted: '206, 133 on threes',
  shifted: '109, 14 on threes',
};
const PYTORCH = {
  teacher: '123',
  alone: '142, 150, 132',
  distilled: '120, 123',
  omitted: '154, 35 on threes',
  shifted: '138, 15 on threes',
};

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const listed = (values: readonly number[]): string =>
  values.length > 1 ? `${values.join(', ')} (mean ${mean(values).toFixed(1)})` : values.join('');

/** The table in Markdown; beside what others got where the plan is the paper's. */
export function tableOf(ledger: Ledger, plan: Plan): string {
  const errors = (kind: string) => listed(ledger.all(kind).map((run) => run.errors));
  const rows = [
    ['', 'Kelvin', 'paper', 'PyTorch, 20 epochs'],
    ['---', '---', '---', '---'],
    [`teacher ${plan.teacher.hidden.join('-')}`, errors('teacher'), PAPER.teacher, PYTORCH.teacher],
    [`student ${plan.student.hidden.join('-')} alone`, errors('alone'), PAPER.alone, PYTORCH.alone],
    [`student distilled, T = ${plan.temperature}`, errors('distilled'), PAPER.distilled, PYTORCH.distilled],
    ...plan.omitted.flatMap((digits) => omittedRows(ledger, digits)),
  ];
  const columns = plan.trainingImages === FULL.trainingImages ? 4 : 2;
  return rows.map((row) => `| ${row.slice(0, columns).join(' | ')} |`).join('\n');
}

function omittedRows(ledger: Ledger, digits: readonly number[]): string[][] {
  const runs = ledger.all(`omitted-${digits.join('')}`);
  const only3 = digits.length === 1 && digits[0] === 3;
  const left = digits.length > 5 ? `only ${others(digits).join(' and ')} shown` : `${digits.join(', ')} left out`;
  const shown = (pick: (run: Required<Run>) => { errors: number; errorsOnThem: number }) =>
    runs
      .map((run) => pick(run as Required<Run>))
      .map(({ errors, errorsOnThem }) => `${errors}, ${errorsOnThem} on them`)
      .join('; ');
  const biases = (pick: (run: Required<Run>) => number) => runs.map((run) => pick(run as Required<Run>)).join(', ');
  return [
    [
      left,
      shown((run) => ({ errors: run.errors, errorsOnThem: run.omitted.errorsOnThem })),
      only3 ? PAPER.omitted : '4730',
      only3 ? PYTORCH.omitted : '–',
    ],
    [
      `the same, biases shifted by ${biases(({ omitted }) => omitted.onTest.bias)} (chosen on the test set, as in the paper)`,
      shown(({ omitted }) => omitted.onTest),
      only3 ? PAPER.shifted : '1320',
      only3 ? PYTORCH.shifted : '–',
    ],
    [
      `the same, shifted by ${biases(({ omitted }) => omitted.onTraining.bias)} (chosen on the training set)`,
      shown(({ omitted }) => omitted.onTraining),
      '–',
      '–',
    ],
  ];
}

const others = (digits: readonly number[]): number[] => Array.from(Array(10).keys()).filter((d) => !digits.includes(d));

/** The small students: one line per temperature. */
export function sweepTable(ledger: Ledger, { sweep }: Plan): string {
  const row = (label: string, kind: string) => `| ${label} | ${listed(ledger.all(kind).map((run) => run.errors))} |`;
  return [
    `| ${sweep.hidden.join('-')} student | test errors |`,
    '| --- | --- |',
    row('alone', 'small-alone'),
    ...sweep.temperatures.map((t) => row(`T = ${t}`, `small-T${t}`)),
  ].join('\n');
}

/** Test errors by epoch, as an SVG picture. */
export function errorCurves(ledger: Ledger): string {
  const series = ['teacher', 'alone', 'distilled'].map((kind) => {
    const curves = ledger.all(kind).map(({ curve }) => curve);
    const epochs = curves[0]?.length ?? 0;
    const values = Array.from({ length: epochs }, (_, e) => mean(curves.map((curve) => curve[e] as number)));
    return { name: kind, points: values.map((value, e) => [e + 1, value] as const) };
  });
  return lineChart({
    title: 'Test errors of 10,000 by epoch',
    x: 'epoch',
    y: 'errors',
    series,
    xScale: { whole: true },
    yScale: { logarithmic: true },
  });
}

/** Test errors of the small students by temperature, as an SVG picture. */
export function temperatureCurve(ledger: Ledger, { sweep }: Plan): string {
  const points = sweep.temperatures.map(
    (t) => [t, mean(ledger.all(`small-T${t}`).map(({ errors }) => errors))] as const,
  );
  const alone = mean(ledger.all('small-alone').map(({ errors }) => errors));
  const [first, last] = [sweep.temperatures[0] as number, sweep.temperatures.at(-1) as number];
  return lineChart({
    title: `Test errors of a ${sweep.hidden.join('-')} student by temperature`,
    x: 'temperature',
    y: 'errors',
    series: [
      { name: 'distilled', points },
      {
        name: 'alone',
        points: [
          [first, alone],
          [last, alone],
        ],
      },
    ],
  });
}
