/** A line chart, or a scatter of labelled points, as an SVG picture that needs nothing from elsewhere. */
import {
  pixels as at,
  colourOf,
  escaped,
  picture,
  type Scale,
  type ScaleOptions,
  scaleOf,
  tickText,
  widest,
  widthFor,
} from './axis.ts';

/** One line of a chart, or points of one colour. */
export interface ChartSeries {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** What is drawn. */
export interface LineChart {
  readonly title: string;
  /** What the axes show. */
  readonly x: string;
  readonly y: string;
  readonly series: readonly ChartSeries[];
  /** Points alone, without lines between them. Default false. */
  readonly scatter?: boolean | undefined;
  /** A dashed line where y equals x. Default false. */
  readonly diagonal?: boolean | undefined;
  readonly xScale?: ScaleOptions | undefined;
  readonly yScale?: ScaleOptions | undefined;
}

const WIDTH = 640;
const HEIGHT = 340;
const LEFT = 60;
const TOP = 36;
/** Below the lowest value: ticks and what the axis shows. */
const FOOT = 44;
/** Least room for names at the right, and for the lines. */
const ROOM = { names: 120, lines: 400 };
/** From one name to the next. */
const LINE = 14;

/**
 * Draws lines or points over two axes.
 *
 * @returns SVG; its text is drawn in the colour of the page it is put on
 *
 * @example
 * ```ts
 * const svg = lineChart({ title: 'Errors', x: 'epoch', y: 'errors', series: [{ name: 'student', points: [[1, 300], [2, 210]] }] });
 * ```
 */
export function lineChart(chart: LineChart): string {
  const { title, x, y, diagonal = false } = chart;
  const series = chart.series.filter(({ points }) => points.length > 0);
  const points = series.flatMap((one) => one.points);
  const nothing = `${title}: nothing to show`;
  if (points.length === 0) return picture(widthFor(nothing, WIDTH), 30, nothing, []);
  const names = Math.max(ROOM.names, widest(series.map(({ name }) => name)) + 16);
  const width = widthFor(title, Math.max(WIDTH, LEFT + ROOM.lines + names));
  const height = Math.max(HEIGHT, TOP + LINE * series.length + FOOT);
  const box = { left: LEFT, right: width - names, top: TOP, bottom: height - FOOT };
  const xs = scaleOf(
    points.map(([at]) => at),
    box.left,
    box.right,
    chart.xScale,
  );
  const ys = scaleOf(
    points.map(([, at]) => at),
    box.bottom,
    box.top,
    chart.yScale,
  );
  const middle = { x: (box.left + box.right) / 2, y: (box.top + box.bottom) / 2 };
  return picture(width, height, title, [
    ...ys.ticks.map(
      (tick) =>
        `<line x1="${box.left}" x2="${box.right}" y1="${at(ys.at(tick))}" y2="${at(ys.at(tick))}" stroke="currentColor" stroke-opacity="0.15"/>` +
        `<text x="${box.left - 6}" y="${at(ys.at(tick) + 4)}" text-anchor="end">${tickText(tick)}</text>`,
    ),
    ...xs.ticks.map(
      (tick) => `<text x="${at(xs.at(tick))}" y="${box.bottom + 18}" text-anchor="middle">${tickText(tick)}</text>`,
    ),
    `<text x="${middle.x}" y="${height - 8}" text-anchor="middle">${escaped(x)}</text>`,
    `<text transform="translate(14 ${middle.y}) rotate(-90)" text-anchor="middle">${escaped(y)}</text>`,
    ...(diagonal ? [equalLine(xs, ys)] : []),
    ...labelled(series, (point) => [xs.at(point[0]), ys.at(point[1])], { scatter: chart.scatter === true, ...box }),
  ]);
}

/** Where y equals x. */
function equalLine(xs: Scale, ys: Scale): string {
  const [from, to] = [Math.max(xs.low, ys.low), Math.min(xs.high, ys.high)];
  const ends = `x1="${at(xs.at(from))}" y1="${at(ys.at(from))}" x2="${at(xs.at(to))}" y2="${at(ys.at(to))}"`;
  return from < to ? `<line ${ends} stroke="currentColor" stroke-opacity="0.4" stroke-dasharray="4 4"/>` : '';
}

interface Labelling {
  readonly scatter: boolean;
  /** Names stay above this. */
  readonly bottom: number;
}

type ToPixels = (point: readonly [number, number]) => [number, number];

/** The lines, each with its name at its end; names that would overlap are moved apart. */
function labelled(series: readonly ChartSeries[], toPixels: ToPixels, { scatter, bottom }: Labelling): string[] {
  const ends = series.map(({ points }) => toPixels(points.at(-1) as readonly [number, number]));
  const heights = apart(
    ends.map(([, height]) => height),
    bottom,
  );
  return series.map(({ name, points }, i) => {
    const pixels = points.map(toPixels);
    const path = pixels.map(([px, py]) => `${at(px)},${at(py)}`).join(' ');
    const dots = pixels
      .map(([px, py]) => `<circle cx="${at(px)}" cy="${at(py)}" r="4" fill="${colourOf(i)}"/>`)
      .join('');
    const line = `<polyline points="${path}" fill="none" stroke="${colourOf(i)}" stroke-width="2"/>`;
    const [endX] = ends[i] as [number, number];
    const label = `<text x="${at(endX + 8)}" y="${at((heights[i] as number) + 4)}" fill="${colourOf(i)}">${escaped(name)}</text>`;
    return (scatter || points.length === 1 ? dots : line) + label;
  });
}

/** Heights at least a line of text apart, in their order, and none below `bottom` as long as all have room. */
function apart(heights: readonly number[], bottom: number): number[] {
  const moved = [...heights];
  const order = [...heights.keys()].sort((a, b) => (heights[a] as number) - (heights[b] as number));
  order.forEach((index, place) => {
    const above = order[place - 1];
    if (above !== undefined) moved[index] = Math.max(moved[index] as number, (moved[above] as number) + LINE);
  });
  order.reverse().forEach((index, place) => {
    const most = bottom - LINE * place;
    moved[index] = Math.min(moved[index] as number, most);
  });
  return moved;
}
