/** The findings of a sweep: one table, a figure for each question, and sentences that answer them. */

import { escaped } from '../../core/charts/index.ts';
import { formatTable } from '../../core/table.ts';
import { htmlData, htmlFigures, htmlPage, htmlTable } from '../report/html.ts';
import type { TextWriter } from '../report/report.ts';
import type { Estimate } from '../report/statistics.ts';
import { estimateText, grouped, markdownRows, percent } from '../report/tables.ts';
import { figuresOf } from './figures.ts';
import { type FinishedRun, mostAccurate, rowsOf, type SweepRow } from './rows.ts';

const HEADER = ['task', 'model', 'size', 'parameters', 'T', 'alpha', 'errors', 'accuracy', 'gain', 'agrees'];

/**
 * What {@link runSweep} found: as a table, Markdown, JSON, and a page that needs nothing from elsewhere.
 *
 * @example
 * ```ts
 * await writeFile('sweep.html', report.toHTML());
 * ```
 */
export class SweepReport {
  readonly title: string;
  readonly rows: readonly SweepRow[];

  constructor(title: string, runs: readonly FinishedRun[]) {
    this.title = title;
    this.rows = rowsOf(runs);
  }

  /** Answers to those of the three questions that were asked, a sentence each. */
  findings(): string[] {
    return tasksOf(this.rows)
      .flatMap((task) => answers(this.rows.filter((row) => row.task === task)))
      .concat(this.#tasks());
  }

  /** For terminals. */
  toTable(): string {
    return formatTable(HEADER, this.rows.map(cells), ['left', 'left', ...Array(8).fill('right')]);
  }

  toMarkdown(): string {
    return markdownRows(HEADER, this.rows.map(cells));
  }

  /** One HTML page with the table and the figures; it fetches nothing. */
  toHTML(): string {
    const findings = this.findings().map((line) => `<p class="lead">${escaped(line)}</p>`);
    return htmlPage(
      this.title,
      `${findings.join('\n')}
<p class="note">Intervals hold 95 % of the time: over seeds where there are several, else over samples. A gain is over the same
student alone with the same seed. What is called best was chosen on the test set that it is measured on.</p>
<div class="wide">${htmlTable(HEADER, this.rows.map(cells))}</div>
<h2>Figures</h2>
${htmlFigures(figuresOf(this.rows))}
${htmlData(this)}`,
    );
  }

  /** Everything, as plain data. */
  toJSON(): object {
    return { title: this.title, findings: this.findings(), rows: this.rows };
  }

  /** Writes findings and table into TensorBoard's text tab, with a link where `href` says where the page is. */
  writeTo(writer: TextWriter, href?: string, step = 0): void {
    const link = href === undefined ? [] : [`[The whole report](${href})`];
    writer.addText('distillation/sweep', [...this.findings(), this.toMarkdown(), ...link].join('\n\n'), step);
  }

  /** Which task profits most. */
  #tasks(): string[] {
    const best = tasksOf(this.rows).flatMap(
      (task) => mostAccurate(this.rows.filter((r) => r.task === task && r.gain)) ?? [],
    );
    if (best.length < 2) return [];
    const [most] = best.sort((a, b) => (b.gain?.value ?? 0) - (a.gain?.value ?? 0)) as [SweepRow];
    const gain = most.gain as Estimate;
    const verdict = gain.value > 0 ? `${most.task} profits most` : `none profits, and ${most.task} loses least`;
    return [`Of ${best.length} tasks ${verdict}: ${pointsText(gain)} at its best${doubt(gain)}.`];
  }
}

const tasksOf = (rows: readonly SweepRow[]): string[] => [...new Set(rows.map(({ task }) => task))];

/** How near the teacher's accuracy counts as its own. */
const NEAR = 0.01;

function answers(rows: readonly SweepRow[]): string[] {
  const teacher = rows.find(({ kind }) => kind === 'teacher');
  const distilled = rows.filter(({ kind }) => kind === 'distilled');
  const best = mostAccurate(distilled);
  if (teacher === undefined || best === undefined) return [];
  const said: string[] = [];
  if (new Set(distilled.map(({ size }) => size)).size > 1) {
    const near = distilled.filter(({ accuracy }) => accuracy.value >= teacher.accuracy.value - NEAR);
    const small = near.sort((a, b) => a.parameters - b.parameters || b.accuracy.value - a.accuracy.value)[0];
    said.push(
      small === undefined
        ? `${best.task}: no distilled student comes within a point of the teacher (${percent(teacher.accuracy.value)}).`
        : `${best.task}: the smallest distilled student within a point of the teacher (${percent(teacher.accuracy.value)}) has ` +
            `${grouped(small.parameters)} parameters, ${fewer(teacher.parameters / small.parameters)}.`,
    );
  }
  if (new Set(distilled.map(({ temperature, alpha }) => `${temperature} ${alpha}`)).size > 1) {
    said.push(
      `${best.task}: best with T = ${best.temperature} and alpha = ${best.alpha}, ${estimateText(best.accuracy, percent)}` +
        `${best.gain === undefined ? '' : `, ${pointsText(best.gain)} over the student alone${doubt(best.gain)}`}.`,
    );
  }
  return said;
}

const fewer = (times: number): string =>
  times < 1.05 ? 'hardly fewer than the teacher' : `${times.toFixed(1)} times fewer`;

/** A difference of accuracies in points, with its interval. */
export function pointsText({ value, low, high }: Estimate): string {
  const signed = (share: number): string => `${share < 0 ? '−' : '+'}${Math.abs(100 * share).toFixed(2)}`;
  return `${signed(value)} points (${signed(low)} to ${signed(high)})`;
}

/** What is to be said of a difference whose interval holds 0. */
const doubt = ({ low, high }: Estimate): string => (low > 0 || high < 0 ? '' : ', which may be chance');

function cells(row: SweepRow): string[] {
  const { task, kind, size, parameters, temperature, alpha, errors, accuracy, gain, agreement } = row;
  const number = (value: number | undefined): string => (value === undefined ? '–' : String(value));
  return [
    task,
    kind,
    number(size),
    grouped(parameters),
    number(temperature),
    number(alpha),
    estimateText(errors, (value) => value.toLocaleString('en-US', { maximumFractionDigits: 1 })),
    estimateText(accuracy, percent),
    gain === undefined ? '–' : pointsText(gain),
    agreement === undefined ? '–' : percent(agreement.value),
  ];
}
