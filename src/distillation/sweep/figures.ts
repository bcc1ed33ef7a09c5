/** The figures of a sweep: accuracy over size, gain by task, accuracy over temperature. */
import { type ChartSeries, lineChart, rangeChart } from '../../core/charts/index.ts';
import { mostAccurate, type SweepRow } from './rows.ts';

/** A figure for each question that the rows can answer. */
export function figuresOf(rows: readonly SweepRow[]): string[] {
  const tasks = [...new Set(rows.map(({ task }) => task))];
  const distilled = rows.filter(({ kind }) => kind === 'distilled');
  const varied = (pick: (row: SweepRow) => unknown): boolean => new Set(distilled.map(pick)).size > 1;
  const each = (figure: (task: string, own: readonly SweepRow[]) => string): string[] =>
    tasks.map((task) =>
      figure(
        task,
        rows.filter((row) => row.task === task),
      ),
    );
  return [
    ...(varied(({ size }) => size) ? each(bySize) : []),
    ...(tasks.length > 1 ? [byTask(distilled)] : []),
    ...(varied(({ temperature }) => temperature) ? each(byTemperature) : []),
    ...(varied(({ alpha }) => alpha) ? each(byAlpha) : []),
  ];
}

const ACCURACY = 'accuracy, %';
const accuracy = (row: SweepRow): number => 100 * row.accuracy.value;
const settings = ({ kind, temperature, alpha }: SweepRow): string =>
  kind === 'distilled' ? `T ${temperature}, α ${alpha}` : kind;

/** How small can the student be? */
function bySize(task: string, rows: readonly SweepRow[]): string {
  return lineChart({
    title: `How small can the student be? (${task})`,
    x: 'parameters',
    y: ACCURACY,
    xScale: { logarithmic: true },
    series: seriesOf(rows, settings, (row) => [row.parameters, accuracy(row)]),
  });
}

/** Which task profits? Each at its best: the student with the most accuracy. */
function byTask(distilled: readonly SweepRow[]): string {
  const ranges = [...new Set(distilled.map(({ task }) => task))].flatMap((task) => {
    const gain = mostAccurate(distilled.filter((row) => row.task === task))?.gain;
    return gain === undefined
      ? []
      : [{ name: task, value: 100 * gain.value, low: 100 * gain.low, high: 100 * gain.high }];
  });
  return rangeChart({ title: 'Which task profits? Each at its best', x: 'points above the student alone', ranges });
}

/** How does the temperature behave? */
function byTemperature(task: string, rows: readonly SweepRow[]): string {
  return overSetting(task, rows, 'temperature', 'alpha');
}

/** How does the weight behave? */
function byAlpha(task: string, rows: readonly SweepRow[]): string {
  return overSetting(task, rows, 'alpha', 'temperature');
}

const NAMES = { temperature: 'T', alpha: 'α' } as const;

/** Accuracy over T or α; the students alone are level lines. */
function overSetting(
  task: string,
  rows: readonly SweepRow[],
  over: keyof typeof NAMES,
  other: keyof typeof NAMES,
): string {
  const distilled = rows.filter(({ kind }) => kind === 'distilled');
  const several = new Set(distilled.map(({ size }) => size)).size > 1;
  const sized = (row: SweepRow, text: string): string => (several ? `size ${row.size}, ${text}` : text);
  const values = distilled.map((row) => row[over] as number);
  const alone = rows.filter(({ kind }) => kind === 'alone');
  return lineChart({
    title: `How does ${NAMES[over]} behave? (${task})`,
    x: NAMES[over],
    y: ACCURACY,
    xScale: over === 'temperature' ? { logarithmic: true } : {},
    series: [
      ...seriesOf(
        distilled,
        (row) => sized(row, `${NAMES[other]} ${row[other]}`),
        (row) => [row[over] as number, accuracy(row)],
      ),
      ...alone.map((row): ChartSeries => {
        const [low, high] = [Math.min(...values), Math.max(...values)];
        return {
          name: sized(row, 'alone'),
          points: [
            [low, accuracy(row)],
            [high, accuracy(row)],
          ],
        };
      }),
    ],
  });
}

/** Rows of one name are one line, from left to right. */
function seriesOf(
  rows: readonly SweepRow[],
  nameOf: (row: SweepRow) => string,
  point: (row: SweepRow) => readonly [number, number],
): ChartSeries[] {
  return [...new Set(rows.map(nameOf))].map((name) => ({
    name,
    points: rows
      .filter((row) => nameOf(row) === name)
      .map(point)
      .sort((a, b) => a[0] - b[0]),
  }));
}
