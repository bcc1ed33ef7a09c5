/** The report as one HTML page: tables and pictures in the page itself, nothing fetched, light and dark. */
import { escaped, lineChart, rangeChart } from '../../core/charts/index.ts';
import { htmlData, htmlFigures, htmlPage, htmlTable } from './html.ts';
import type { DistillationReport, EvaluatedModel } from './report.ts';
import { cells, comparison, percent } from './tables.ts';

/** How many samples a bin needs: the accuracy of fewer says little, and drawn as a line it looks as if it did. */
const sureBin = (samples: number): number => Math.min(20, Math.ceil(samples / 50));

/** Makes the page. */
export function page(report: DistillationReport): string {
  const { title, engine, rows, reference } = report;
  const others = rows.filter((row) => row !== reference);
  const timed = rows.some((row) => row.compiled)
    ? 'Each was timed as one compiled call.'
    : 'They were timed layer by layer.';
  return htmlPage(
    title,
    `${others.map((row) => `<p class="lead"><b>${escaped(row.name)}</b> ${escaped(comparison(report, row))}</p>`).join('\n')}
<p class="note">${reference.samples.toLocaleString('en-US')} test samples on ${escaped(engine)}. Intervals hold 95 % of the time: over
seeds where a model was trained with several, over samples where it was trained once. ${timed}</p>
<div class="wide">${summaryTable(report)}</div>
<h2>Figures</h2>
${htmlFigures(figures(report))}
<h2>By class</h2>
<div class="tables"><div class="wide"><h3>How much of each class is found</h3>${classTable(report)}</div>
${others.map((row) => `<div class="wide">${disagreementTable(report, row)}</div>`).join('\n')}</div>
${htmlData(report)}`,
  );
}

function summaryTable(report: DistillationReport): string {
  const { header, rows } = cells(report);
  return htmlTable(header, rows);
}

function figures({ rows, reference }: DistillationReport): string[] {
  /** A model has one colour in all figures. */
  const colour = (row: EvaluatedModel): number => rows.indexOf(row);
  const range = (row: EvaluatedModel, key: 'errors' | 'agreement' | 'kl') => {
    const { value, low, high } = row[key];
    return { name: row.name, value, low, high, colour: colour(row) };
  };
  const others = rows.filter((row) => row !== reference);
  const logarithmic = { logarithmic: true };
  const alike = (values: readonly number[]): boolean => Math.max(...values) < 3 * Math.min(...values);
  const sized = rows.flatMap(({ name, bytes, errors }) => (bytes === undefined ? [] : [{ name, bytes, errors }]));
  return [
    rangeChart({ title: 'Test errors', x: 'errors, fewer is better', ranges: rows.map((row) => range(row, 'errors')) }),
    rangeChart({
      title: 'Latency of one sample, median to 95th percentile',
      x: 'milliseconds',
      ranges: rows.map(({ name, latencyP50Ms: value, latencyP95Ms: high }) => ({ name, value, low: value, high })),
    }),
    rangeChart({
      title: `Agreement with ${reference.name}`,
      x: 'share of the samples',
      ranges: others.map((row) => range(row, 'agreement')),
    }),
    rangeChart({
      title: `KL divergence from ${reference.name}`,
      x: 'nats',
      ranges: others.map((row) => range(row, 'kl')),
    }),
    lineChart({
      title: 'Errors and size',
      x: 'bytes of weights',
      y: 'errors',
      scatter: true,
      yScale: { include: [0] },
      xScale: alike(sized.map(({ bytes }) => bytes)) ? {} : logarithmic,
      series: sized.map(({ name, bytes, errors }) => ({ name, points: [[bytes, errors.value]] })),
    }),
    lineChart({
      title: `Calibration, in bins of at least ${sureBin(reference.samples)} samples`,
      x: 'confidence',
      y: 'accuracy',
      diagonal: true,
      xScale: { include: [0, 1] },
      yScale: { include: [0, 1] },
      series: rows.map(({ name, calibration }) => ({
        name,
        points: calibration
          .filter(({ samples }) => samples >= sureBin(reference.samples))
          .map(({ confidence, accuracy }) => [confidence, accuracy] as const),
      })),
    }),
  ];
}

/** How much of each class every model finds. */
function classTable(report: DistillationReport): string {
  const header = ['class', ...report.rows.map(({ name }) => name)];
  const classes = report.reference.sensitivity.map((_, index) => [
    report.className(index),
    ...report.rows.map(({ sensitivity }) => {
      const share = sensitivity[index] as number;
      return Number.isNaN(share) ? '–' : percent(share);
    }),
  ]);
  return htmlTable(header, classes);
}

/** The ten commonest disagreements with the reference. */
function disagreementTable(report: DistillationReport, { name, disagreements }: EvaluatedModel): string {
  const heading = `<h3>Where ${escaped(name)} and ${escaped(report.reference.name)} disagree</h3>`;
  if (disagreements.length === 0) return `${heading}<p>Nowhere.</p>`;
  const rows = disagreements
    .slice(0, 10)
    .map(({ reference, model, samples }) => [
      report.className(reference),
      report.className(model),
      Number.isInteger(samples) ? String(samples) : samples.toFixed(1),
    ]);
  return `${heading}${htmlTable([`${report.reference.name} says`, `${name} says`, 'samples'], rows)}`;
}
