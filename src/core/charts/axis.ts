/** What all charts are made of: scales with round ticks, colours, and text that is safe inside a picture. */

/** Maps values onto pixels. */
export interface Scale {
  readonly at: (value: number) => number;
  /** The values at the ends of the axis. */
  readonly low: number;
  readonly high: number;
  readonly ticks: readonly number[];
}

/** How values are laid out along an axis. */
export interface ScaleOptions {
  /** Equal factors instead of equal differences. Values must be above 0. Default false. */
  readonly logarithmic?: boolean | undefined;
  /** Values that the axis reaches to, whatever is drawn. Default: none. */
  readonly include?: readonly number[] | undefined;
  /** No ticks between whole numbers. Default false. */
  readonly whole?: boolean | undefined;
}

/** Told apart by most colour-blind readers, on light and on dark pages. */
export const COLOURS = ['#1c7ed6', '#e8590c', '#2f9e44', '#9c36b5', '#0c8599', '#e03131'] as const;

/** The colour of the n-th series. */
export const colourOf = (index: number): string => COLOURS[index % COLOURS.length] as string;

/** Below this a number has lost digits, and half of it may be nothing. */
const LEAST_NORMAL = 2 ** -1022;

/** A scale from the least to the greatest of `values`, from pixel `from` to pixel `to`. */
export function scaleOf(values: readonly number[], from: number, to: number, options: ScaleOptions = {}): Scale {
  const reached = [...values, ...(options.include ?? [])];
  const logarithmic = options.logarithmic === true && reached.every((value) => value >= LEAST_NORMAL);
  const [low, high] = apart(Math.min(...reached), Math.max(...reached), logarithmic);
  // Halves, since the difference of the largest numbers is infinite.
  const measure = logarithmic ? Math.log : (value: number) => value / 2;
  const span = measure(high) - measure(low);
  const at = (value: number): number => from + ((measure(value) - measure(low)) / span) * (to - from);
  const powers = logarithmic ? powersWithin(low, high) : [];
  return { at, low, high, ticks: powers.length > 1 ? powers : roundsWithin(low, high, options.whole === true ? 1 : 0) };
}

/** The ends of an axis: around a single value there is some room. */
function apart(low: number, high: number, logarithmic: boolean): [number, number] {
  if (high / 2 - low / 2 >= LEAST_NORMAL) return [low, high];
  if (logarithmic) return [low / 2, Math.min(high * 2, Number.MAX_VALUE)];
  const room = Math.max(0.5, Math.abs(low) / 1000);
  return [Math.max(low - room, -Number.MAX_VALUE), Math.min(high + room, Number.MAX_VALUE)];
}

/** Multiples of 1, 2 or 5 times a power of ten, about five of them. */
function roundsWithin(low: number, high: number, least: number): number[] {
  const rough = (high / 2 - low / 2) / 2.5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(least, power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10));
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  const ticks = Array.from({ length: count }, (_, i) => Number(((first + i) * step).toPrecision(12)));
  // Of tiny values between whole numbers 0 is left, which a logarithm does not know.
  return ticks.filter((tick) => low <= 0 || tick > 0);
}

/** 1, 2 and 5 times the powers of ten; over more than three decades the powers alone. */
function powersWithin(low: number, high: number): number[] {
  const from = Math.floor(Math.log10(low));
  const decades = Array.from({ length: Math.ceil(Math.log10(high)) - from + 1 }, (_, i) => 10 ** (from + i));
  const factors = high / low > 1000 ? [1] : [1, 2, 5];
  return decades.flatMap((ten) => factors.map((factor) => factor * ten)).filter((tick) => tick >= low && tick <= high);
}

/** A tick as it is written: 1,500 as 1.5k, 0.1 as it is. */
export function tickText(value: number): string {
  const magnitude = Math.abs(value);
  if (magnitude >= 1e9) return `${Number((value / 1e9).toPrecision(3))}G`;
  if (magnitude >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (magnitude >= 1e4) return `${Number((value / 1e3).toPrecision(3))}k`;
  return String(Number(value.toPrecision(6)));
}

/** About how many pixels a text takes, at most: letters of the usual fonts are narrower than that, most of them. */
export function textWidth(text: string, fontSize = 12): number {
  return Math.ceil(0.58 * fontSize * [...text].length);
}

/** The width of the longest text. */
export const widest = (texts: readonly string[]): number =>
  texts.reduce((most, text) => Math.max(most, textWidth(text)), 0);

/** A coordinate as it is written. */
export const pixels = (value: number): string => String(Math.round(value * 10) / 10);

/** Text as it may stand in SVG and HTML. */
export function escaped(text: string): string {
  const names: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (character) => names[character] as string);
}

const TITLE_SIZE = 14;

/** The width of a picture: at least this, and enough for its title. */
export const widthFor = (title: string, width: number): number => Math.max(width, 16 + textWidth(title, TITLE_SIZE));

/** A picture of the given size with a title. It takes its text colour from the page; alone it is black on white. */
export function picture(width: number, height: number, title: string, body: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" font-family="system-ui, sans-serif" font-size="12" fill="currentColor">`,
    `<title>${escaped(title)}</title>`,
    `<text x="8" y="18" font-size="${TITLE_SIZE}" font-weight="600">${escaped(title)}</text>`,
    ...body,
    '</svg>',
    '',
  ].join('\n');
}
