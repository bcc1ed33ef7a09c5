/** The layout of the Custom Scalars tab: which curves share a chart, and which charts a category. */
import { show, TensorBoardWriterError } from '../errors.ts';
import { DATA_CLASS, type Payload, type RawValue, tensorBody } from '../event.ts';
import { decodeTensor, stringTensor } from '../tensor.ts';
import { bytesField, message, stringField, WireReader } from '../wire.ts';

export const CUSTOM_SCALARS = 'custom_scalars';
export const LAYOUT_TAG = 'custom_scalars__config__';

/** A curve between two others, which are drawn as a band: three tags. */
export interface Margin {
  readonly value: string;
  readonly lower: string;
  readonly upper: string;
}

/** What a chart shows: tags (each a regular expression), or curves with bands. */
export type ChartLayout = readonly string[] | { readonly margins: readonly Margin[] };

/** Charts by title, in categories by title. */
export type ScalarLayout = Readonly<Record<string, Readonly<Record<string, ChartLayout>>>>;

export function layoutPayload(layout: ScalarLayout): Payload {
  const categories = Object.entries(layout).map(([title, charts]) => {
    const encoded = Object.entries(charts).map(([name, chart]) => bytesField(2, encodeChart(name, chart)));
    return bytesField(2, message(stringField(1, title), ...encoded));
  });
  const metadata = { plugin: CUSTOM_SCALARS, dataClass: DATA_CLASS.tensor };
  return { metadata, body: tensorBody(stringTensor([message(...categories)], [])) };
}

export function decodeLayout(value: RawValue): { layout?: ScalarLayout } {
  const bytes = value.tensor && decodeTensor(value.tensor).strings[0];
  if (bytes === undefined) return {};
  const categories = fields(bytes, 2).map((category): [string, Record<string, ChartLayout>] => {
    const charts = fields(category, 2).map((chart): [string, ChartLayout] => [text(chart, 1), decodeChart(chart)]);
    return [text(category, 1), Object.fromEntries(charts)];
  });
  return { layout: Object.fromEntries(categories) };
}

function encodeChart(title: string, chart: ChartLayout): Buffer {
  if (isTags(chart)) {
    const tags = chart.map((tag) => stringField(1, tag));
    return message(stringField(1, title), bytesField(2, message(...tags)));
  }
  if (!Array.isArray(chart?.margins)) {
    const wanted = `Expected tags or { margins: [{ value, lower, upper }] } as the chart "${title}"`;
    throw new TensorBoardWriterError('invalid-value', `${wanted}, got ${show(chart)}.`);
  }
  const series = chart.margins.map(({ value, lower, upper }) =>
    bytesField(1, message(stringField(1, value), stringField(2, lower), stringField(3, upper))),
  );
  return message(stringField(1, title), bytesField(3, message(...series)));
}

function isTags(chart: ChartLayout): chart is readonly string[] {
  return Array.isArray(chart) && chart.every((tag) => typeof tag === 'string');
}

function decodeChart(chart: Buffer): ChartLayout {
  const [margins] = fields(chart, 3);
  if (margins === undefined) return fields(fields(chart, 2)[0], 1).map((tag) => tag.toString('utf8'));
  return {
    margins: fields(margins, 1).map((series) => ({
      value: text(series, 1),
      lower: text(series, 2),
      upper: text(series, 3),
    })),
  };
}

// All length-delimited fields of that number.
function fields(bytes: Buffer | undefined, number: number): Buffer[] {
  const found: Buffer[] = [];
  const reader = new WireReader(bytes ?? Buffer.alloc(0));
  while (reader.next()) if (reader.field === number) found.push(reader.bytes());
  return found;
}

function text(bytes: Buffer, number: number): string {
  return fields(bytes, number)[0]?.toString('utf8') ?? '';
}
