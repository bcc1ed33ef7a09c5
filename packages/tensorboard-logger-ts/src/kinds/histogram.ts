/**
 * Histograms: bins of equal width from the least to the greatest value, as TensorBoard's own writer makes them.
 */
import { show, TensorBoardWriterError } from '../errors.ts';
import { DATA_CLASS, type Payload, type RawValue, tensorBody } from '../event.ts';
import { decodeTensor, doubleTensor } from '../tensor.ts';
import { WireReader } from '../wire.ts';

export const HISTOGRAMS = 'histograms';

/** Numbers to count: a plain array or a typed array. */
export type Numbers = ArrayLike<number>;

/** `count` values lie in [left, right); the last bin holds its right edge too. */
export interface HistogramBin {
  readonly left: number;
  readonly right: number;
  readonly count: number;
}

/**
 * Counts values into `bins` bins of equal width. Values that are not finite are left out and counted in `ignored`.
 * Without any finite value every bin is (0, 0, 0); when all values are equal the last bin holds them all and every
 * edge is that value.
 *
 * @example
 * ```ts
 * histogramBins([1, 2, 2, 3, NaN], 2); // { bins: [{1, 2, count 1}, {2, 3, count 3}], ignored: 1 }
 * ```
 * @throws TensorBoardWriterError `invalid-value` when `bins` is not a whole number of at least 1.
 */
export function histogramBins(values: Numbers, bins = 30): { bins: HistogramBin[]; ignored: number } {
  checkBins(values, bins);
  const { min, max, finite } = range(values);
  const counts = new Float64Array(bins);
  // Halved where the range itself is beyond the greatest double.
  const scale = max - min === Number.POSITIVE_INFINITY ? 0.5 : 1;
  const width = (max * scale - min * scale) / bins;
  const edge = (i: number) => (i === bins ? max : (min * scale + i * width) / scale);
  if (width === 0) counts[bins - 1] = finite;
  else {
    for (let i = 0; i < values.length; i++) {
      const value = values[i] ?? Number.NaN;
      if (!Number.isFinite(value)) continue;
      const bin = Math.min(bins - 1, Math.floor((value * scale - min * scale) / width));
      counts[bin] = (counts[bin] ?? 0) + 1;
    }
  }
  const rows = Array.from(counts, (count, i) => ({ left: edge(i), right: edge(i + 1), count }));
  return { bins: rows, ignored: values.length - finite };
}

export function histogramPayload(bins: readonly HistogramBin[]): Payload {
  const rows = bins.flatMap(({ left, right, count }) => [left, right, count]);
  const metadata = { plugin: HISTOGRAMS, dataClass: DATA_CLASS.tensor };
  return { metadata, body: tensorBody(doubleTensor(rows, [bins.length, 3])) };
}

export function decodeHistogram(value: RawValue): { histogram?: HistogramBin[] } {
  if (value.histo !== undefined) return { histogram: decodeHistogramProto(value.histo) };
  if (value.tensor === undefined) return {};
  const { numbers } = decodeTensor(value.tensor);
  const bin = (i: number) => ({ left: numbers[i] ?? 0, right: numbers[i + 1] ?? 0, count: numbers[i + 2] ?? 0 });
  return { histogram: Array.from({ length: Math.floor(numbers.length / 3) }, (_, i) => bin(3 * i)) };
}

// The older message that PyTorch writes: upper limits and counts, the first bin open to the left.
function decodeHistogramProto(bytes: Uint8Array): HistogramBin[] {
  const reader = new WireReader(bytes);
  const limits: number[] = [];
  const counts: number[] = [];
  let min = 0;
  while (reader.next()) {
    if (reader.field === 1) min = reader.double();
    else if (reader.field === 6) limits.push(...reader.doubles());
    else if (reader.field === 7) counts.push(...reader.doubles());
  }
  return limits.map((right, i) => ({
    left: i === 0 ? Math.min(min, right) : (limits[i - 1] ?? 0),
    right,
    count: counts[i] ?? 0,
  }));
}

function range(values: Numbers): { min: number; max: number; finite: number } {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let finite = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? Number.NaN;
    if (!Number.isFinite(value)) continue;
    if (value < min) min = value;
    if (value > max) max = value;
    finite++;
  }
  return finite === 0 ? { min: 0, max: 0, finite } : { min, max, finite };
}

function checkBins(values: Numbers, bins: number): void {
  if (!Number.isInteger(bins) || bins < 1) {
    const text = `Expected a whole number of at least 1 as the number of bins, got ${show(bins)}.`;
    throw new TensorBoardWriterError('invalid-value', text);
  }
  if (typeof values !== 'object' || values === null || !Number.isInteger(values.length)) {
    throw new TensorBoardWriterError('invalid-value', `Expected an array of numbers, got ${show(values)}.`);
  }
}
