/** A chart of named values with the ranges they lie in, one line each, as an SVG picture. */
import { colourOf, escaped, picture, type ScaleOptions, scaleOf, tickText } from './axis.ts';

/** A named value and where it may lie. */
export interface ChartRange {
  readonly name: string;
  readonly value: number;
  readonly low: number;
  readonly high: number;
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
const BOX = { left: 150, right: WIDTH - 90, top: 36 };
const LINE = 28;

/**
 * Draws a dot for each value and a bar for its range.
 *
 * @example
 * ```ts
 * const svg = rangeChart({ title: 'Errors', x: 'errors', ranges: [{ name: 'student', value: 74, low: 70, high: 79 }] });
 * ```
 */
export function rangeChart({ title, x, ranges, xScale }: RangeChart): string {
  if (ranges.length === 0) return picture(WIDTH, 30, `${title}: nothing to show`, []);
  const bottom = BOX.top + LINE * ranges.length;
  const xs = scaleOf(
    ranges.flatMap(({ low, high, value }) => [low, high, value]),
    BOX.left,
    BOX.right,
    xScale,
  );
  return picture(WIDTH, bottom + 44, title, [
    ...xs.ticks.map(
      (tick) =>
        `<line x1="${at(xs.at(tick))}" x2="${at(xs.at(tick))}" y1="${BOX.top}" y2="${bottom}" stroke="currentColor" stroke-opacity="0.15"/>` +
        `<text x="${at(xs.at(tick))}" y="${bottom + 18}" text-anchor="middle">${tickText(tick)}</text>`,
    ),
    `<text x="${(BOX.left + BOX.right) / 2}" y="${bottom + 36}" text-anchor="middle">${escaped(x)}</text>`,
    ...ranges.map(({ name, value, low, high }, i) => {
      const y = BOX.top + LINE * (i + 0.5);
      return (
        `<text x="${BOX.left - 10}" y="${y + 4}" text-anchor="end">${escaped(name)}</text>` +
        `<line x1="${at(xs.at(low))}" x2="${at(xs.at(high))}" y1="${y}" y2="${y}" stroke="${colourOf(i)}" stroke-width="3" stroke-opacity="0.5"/>` +
        `<circle cx="${at(xs.at(value))}" cy="${y}" r="5" fill="${colourOf(i)}"/>` +
        `<text x="${at(xs.at(high) + 10)}" y="${y + 4}" fill="${colourOf(i)}">${tickText(Number(value.toPrecision(4)))}</text>`
      );
    }),
  ]);
}

const at = (pixels: number): string => String(Math.round(pixels * 10) / 10);
