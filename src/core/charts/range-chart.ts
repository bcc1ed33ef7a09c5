/** A chart of named values with the ranges they lie in, one line each, as an SVG picture. */
import {
  pixels as at,
  colourOf,
  escaped,
  picture,
  type ScaleOptions,
  scaleOf,
  tickText,
  widest,
  widthFor,
} from './axis.ts';

/** A named value and where it may lie. */
export interface ChartRange {
  readonly name: string;
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** Which of the colours, counted from 0. Default: its place. */
  readonly colour?: number | undefined;
}

/** What is drawn. */
export interface RangeChart {
  readonly title: string;
  /** What the axis shows. */
  readonly x: string;
  readonly ranges: readonly ChartRange[];
  readonly xScale?: ScaleOptions | undefined;
}

const WIDTH = 640;
const TOP = 36;
const LINE = 28;
/** Least room for names, for values, and for the bars between them. */
const ROOM = { names: 150, values: 90, bars: 320 };

/**
 * Draws a dot for each value and a bar for its range.
 *
 * @example
 * ```ts
 * const svg = rangeChart({ title: 'Errors', x: 'errors', ranges: [{ name: 'student', value: 74, low: 70, high: 79 }] });
 * ```
 */
export function rangeChart({ title, x, ranges, xScale }: RangeChart): string {
  const nothing = `${title}: nothing to show`;
  if (ranges.length === 0) return picture(widthFor(nothing, WIDTH), 30, nothing, []);
  const left = Math.max(ROOM.names, widest(ranges.map(({ name }) => name)) + 18);
  const width = widthFor(title, Math.max(WIDTH, left + Math.max(ROOM.bars, widest([x])) + ROOM.values));
  const right = width - ROOM.values;
  const bottom = TOP + LINE * ranges.length;
  const xs = scaleOf(
    ranges.flatMap(({ low, high, value }) => [low, high, value]),
    left,
    right,
    xScale,
  );
  return picture(width, bottom + 44, title, [
    ...xs.ticks.map(
      (tick) =>
        `<line x1="${at(xs.at(tick))}" x2="${at(xs.at(tick))}" y1="${TOP}" y2="${bottom}" stroke="currentColor" stroke-opacity="0.15"/>` +
        `<text x="${at(xs.at(tick))}" y="${bottom + 18}" text-anchor="middle">${tickText(tick)}</text>`,
    ),
    `<text x="${(left + right) / 2}" y="${bottom + 36}" text-anchor="middle">${escaped(x)}</text>`,
    ...ranges.map(({ name, value, low, high, colour }, i) => {
      const ink = colourOf(colour ?? i);
      const y = TOP + LINE * (i + 0.5);
      return (
        `<text x="${left - 10}" y="${y + 4}" text-anchor="end">${escaped(name)}</text>` +
        `<line x1="${at(xs.at(low))}" x2="${at(xs.at(high))}" y1="${y}" y2="${y}" stroke="${ink}" stroke-width="3" stroke-opacity="0.5"/>` +
        `<circle cx="${at(xs.at(value))}" cy="${y}" r="5" fill="${ink}"/>` +
        `<text x="${at(xs.at(high) + 10)}" y="${y + 4}" fill="${ink}">${tickText(Number(value.toPrecision(4)))}</text>`
      );
    }),
  ]);
}
