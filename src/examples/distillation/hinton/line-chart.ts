/** A line chart as an SVG picture that stands by itself and can be read on light and dark pages. */

/** One line of a chart. */
export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** What is drawn. */
export interface LineChart {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly series: readonly Series[];
  /** A logarithmic y axis. Default false. */
  readonly logarithmic?: boolean;
}

const WIDTH = 640;
const HEIGHT = 360;
const BOX = { left: 64, right: WIDTH - 110, top: 40, bottom: HEIGHT - 48 };
const COLOURS = ['#0b6e99', '#d9480f', '#2b8a3e', '#862e9c'];

/** Draws a chart. */
export function lineChart({ title, x, y, series, logarithmic = false }: LineChart): string {
  const all = series.flatMap(({ points }) => points);
  const across = scale(
    all.map(([at]) => at),
    BOX.left,
    BOX.right,
    false,
  );
  const up = scale(
    all.map(([, at]) => at),
    BOX.bottom,
    BOX.top,
    logarithmic,
  );
  const lines = series.map(({ name, points }, i) => {
    const colour = COLOURS[i % COLOURS.length];
    const path = points.map(([px, py]) => `${across.at(px).toFixed(1)},${up.at(py).toFixed(1)}`).join(' ');
    const [lastX, lastY] = points.at(-1) ?? [0, 0];
    return (
      `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>` +
      `<text x="${across.at(lastX) + 6}" y="${up.at(lastY) + 4}" fill="${colour}">${name}</text>`
    );
  });
  const xTicks = across.ticks.map(
    (tick) => `<text x="${across.at(tick)}" y="${BOX.bottom + 18}" text-anchor="middle">${tick}</text>`,
  );
  const yTicks = up.ticks.map(
    (tick) =>
      `<line x1="${BOX.left}" x2="${BOX.right}" y1="${up.at(tick)}" y2="${up.at(tick)}" stroke="#dee2e6"/>` +
      `<text x="${BOX.left - 8}" y="${up.at(tick) + 4}" text-anchor="end">${tick}</text>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12" fill="#343a40">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    `<text x="${BOX.left}" y="22" font-size="15">${title}</text>`,
    ...yTicks,
    ...xTicks,
    `<text x="${(BOX.left + BOX.right) / 2}" y="${HEIGHT - 10}" text-anchor="middle">${x}</text>`,
    `<text transform="translate(16 ${(BOX.top + BOX.bottom) / 2}) rotate(-90)" text-anchor="middle">${y}</text>`,
    ...lines,
    '</svg>',
    '',
  ].join('\n');
}

/** Maps values onto pixels, with a handful of round ticks. */
function scale(values: readonly number[], from: number, to: number, logarithmic: boolean) {
  const measure = logarithmic ? Math.log : (value: number) => value;
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const span = measure(high) - measure(low) || 1;
  const at = (value: number): number => from + ((measure(value) - measure(low)) / span) * (to - from);
  return { at, ticks: logarithmic ? powers(low, high) : rounds(low, high) };
}

/** Multiples of 1, 2 or 5 times a power of ten within the range, at most seven of them. */
function rounds(low: number, high: number): number[] {
  const rough = (high - low || 1) / 6;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough) as number;
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) =>
    Number(((first + i) * step).toPrecision(12)),
  );
}

/** 1, 2 and 5 times the powers of ten within the range. */
function powers(low: number, high: number): number[] {
  const from = Math.floor(Math.log10(low));
  const decades = Array.from({ length: Math.ceil(Math.log10(high)) - from + 1 }, (_, i) => 10 ** (from + i));
  return decades.flatMap((ten) => [ten, 2 * ten, 5 * ten]).filter((tick) => tick >= low && tick <= high);
}
